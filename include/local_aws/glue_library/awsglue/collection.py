"""Several DynamicFrames by name, and the readers and writers of a context."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame


class DynamicFrameCollection:
    """DynamicFrames by name."""

    def __init__(
        self, dynamic_frames: Mapping[str, "DynamicFrame"], glue_ctx: "GlueContext"
    ) -> None:
        self._frames = dict(dynamic_frames)
        self._glue_ctx = glue_ctx

    def __getitem__(self, key: str) -> "DynamicFrame":
        return self._frames[key]

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def keys(self) -> list[str]:
        """The names."""
        return list(self._frames)

    def values(self) -> list["DynamicFrame"]:
        """The frames."""
        return list(self._frames.values())

    def items(self) -> list[tuple[str, "DynamicFrame"]]:
        """Names and frames."""
        return list(self._frames.items())

    def select(self, key: str, transformation_ctx: str = "") -> "DynamicFrame":
        """One frame."""
        return self._frames[key]

    def map(
        self, callable: "Callable[[DynamicFrame, str], DynamicFrame]", transformation_ctx: str = ""
    ) -> "DynamicFrameCollection":
        """Put every frame through a function, which gets the context with the name added."""
        made = {
            name: callable(frame, transformation_ctx + name) for name, frame in self._frames.items()
        }
        return DynamicFrameCollection(made, self._glue_ctx)

    def flatmap(
        self,
        f: "Callable[[DynamicFrame, str], DynamicFrame | DynamicFrameCollection]",
        transformation_ctx: str = "",
    ) -> "DynamicFrameCollection":
        """As `map`; a function may give several frames."""
        made: dict[str, DynamicFrame] = {}
        for name, frame in self._frames.items():
            answer = f(frame, transformation_ctx + name)
            if isinstance(answer, DynamicFrameCollection):
                made.update({f"{name}_{key}": item for key, item in answer.items()})
            else:
                made[name] = answer
        return DynamicFrameCollection(made, self._glue_ctx)


class DynamicFrameReader:
    """`glueContext.create_dynamic_frame`."""

    def __init__(self, glue_context: "GlueContext") -> None:
        self._glue_context = glue_context

    def from_catalog(self, *args: Any, **options: Any) -> "DynamicFrame":
        """Read a table; see `GlueContext.create_dynamic_frame_from_catalog`."""
        return self._glue_context.create_dynamic_frame_from_catalog(*args, **options)

    def from_options(self, *args: Any, **options: Any) -> "DynamicFrame":
        """Read files; see `GlueContext.create_dynamic_frame_from_options`."""
        return self._glue_context.create_dynamic_frame_from_options(*args, **options)

    def from_rdd(self, *args: Any, **options: Any) -> "DynamicFrame":
        """See `GlueContext.create_dynamic_frame_from_rdd`."""
        return self._glue_context.create_dynamic_frame_from_rdd(*args, **options)


class DynamicFrameWriter:
    """`glueContext.write_dynamic_frame`."""

    def __init__(self, glue_context: "GlueContext") -> None:
        self._glue_context = glue_context

    def from_options(self, *args: Any, **options: Any) -> Any:
        """Write files; see `GlueContext.write_dynamic_frame_from_options`."""
        return self._glue_context.write_dynamic_frame_from_options(*args, **options)

    def from_catalog(self, *args: Any, **options: Any) -> Any:
        """Write to a table; see `GlueContext.write_dynamic_frame_from_catalog`."""
        return self._glue_context.write_dynamic_frame_from_catalog(*args, **options)

    def from_jdbc_conf(self, *args: Any, **options: Any) -> Any:
        """Write to a database; see `GlueContext.write_dynamic_frame_from_jdbc_conf`."""
        return self._glue_context.write_dynamic_frame_from_jdbc_conf(*args, **options)
