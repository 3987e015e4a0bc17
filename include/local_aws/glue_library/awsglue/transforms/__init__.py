"""The transforms of a Glue script: classes whose `apply` calls the method of the frame.

"AWS Glue PySpark transforms reference" has the arguments. `from awsglue.transforms import *`
gives all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from awsglue import mapping
from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection

__all__ = [
    "ApplyMapping",
    "DropFields",
    "DropNullFields",
    "ErrorsAsDynamicFrame",
    "Filter",
    "FlatMap",
    "GlueTransform",
    "Join",
    "Map",
    "MapToCollection",
    "Relationalize",
    "RenameField",
    "ResolveChoice",
    "SelectFields",
    "SelectFromCollection",
    "Spigot",
    "SplitFields",
    "SplitRows",
    "Unbox",
    "Union",
    "UnnestFrame",
]
Paths = str | Sequence[str]
Record = dict[str, Any]


class GlueTransform:
    """Base of all transforms, also of a script's own: they are called."""

    @classmethod
    def apply(cls, *args: Any, **options: Any) -> Any:
        """Make the transform and call it."""
        return cls()(*args, **options)

    @classmethod
    def name(cls) -> str:
        """The transform's name."""
        return cls.__name__

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Transform; each transform says what."""
        raise NotImplementedError(f"{self.name()} has no __call__")


class ApplyMapping(GlueTransform):
    """Select, rename and cast."""

    def __call__(
        self, frame: DynamicFrame, mappings: Sequence[Sequence[str]], *_: Any, **__: Any
    ) -> DynamicFrame:
        """(source, source type, target, target type) per column."""
        return frame.apply_mapping(mappings)


class ResolveChoice(GlueTransform):
    """Resolve choices."""

    def __call__(self, frame: DynamicFrame, *args: Any, **options: Any) -> DynamicFrame:
        """See `DynamicFrame.resolveChoice`."""
        return frame.resolveChoice(*args, **options)


class DropNullFields(GlueTransform):
    """Drop columns that are null or missing in every record."""

    def __call__(self, frame: DynamicFrame, *_: Any, **__: Any) -> DynamicFrame:
        """Needs a pass over the data."""
        rows = mapping.without_null_columns(frame.toDF())
        return DynamicFrame.fromDF(rows, frame.glue_ctx, frame.name)


class DropFields(GlueTransform):
    """Remove fields."""

    def __call__(self, frame: DynamicFrame, paths: Paths, *_: Any, **__: Any) -> DynamicFrame:
        """The (nested) fields named."""
        return frame.drop_fields(paths)


class SelectFields(GlueTransform):
    """Keep fields."""

    def __call__(self, frame: DynamicFrame, paths: Paths, *_: Any, **__: Any) -> DynamicFrame:
        """The (nested) fields named."""
        return frame.select_fields(paths)


class RenameField(GlueTransform):
    """Rename a field."""

    def __call__(
        self, frame: DynamicFrame, old_name: str, new_name: str, *_: Any, **__: Any
    ) -> DynamicFrame:
        """One field."""
        return frame.rename_field(old_name, new_name)


class Filter(GlueTransform):
    """Keep records."""

    def __call__(
        self, frame: DynamicFrame, f: Callable[[Record], bool], *_: Any, **__: Any
    ) -> DynamicFrame:
        """Those `f` is true of."""
        return frame.filter(f)


class Map(GlueTransform):
    """Change records."""

    def __call__(
        self, frame: DynamicFrame, f: Callable[[Record], Record], *_: Any, **__: Any
    ) -> DynamicFrame:
        """Each is put through `f`."""
        return frame.map(f)


class Join(GlueTransform):
    """Join two frames on equal keys."""

    def __call__(
        self,
        frame1: DynamicFrame,
        frame2: DynamicFrame,
        keys1: Paths,
        keys2: Paths,
        *_: Any,
        **__: Any,
    ) -> DynamicFrame:
        """Inner."""
        return frame1.join(keys1, keys2, frame2)


class SplitFields(GlueTransform):
    """Two frames out of the columns of one."""

    def __call__(
        self,
        frame: DynamicFrame,
        paths: Paths,
        name1: str | None = None,
        name2: str | None = None,
        *_: Any,
        **__: Any,
    ) -> DynamicFrameCollection:
        """The fields named, and the others; unnamed they are frame1 and frame2 of the name."""
        return frame.split_fields(paths, name1 or f"{frame.name}1", name2 or f"{frame.name}2")


class SplitRows(GlueTransform):
    """Two frames out of the rows of one."""

    def __call__(
        self,
        frame: DynamicFrame,
        comparison_dict: Mapping[str, Mapping[str, Any]],
        name1: str = "frame1",
        name2: str = "frame2",
        *_: Any,
        **__: Any,
    ) -> DynamicFrameCollection:
        """The rows for which the comparisons hold, and the others."""
        return frame.split_rows(comparison_dict, name1, name2)


class Relationalize(GlueTransform):
    """Flat tables out of nested data."""

    def __call__(
        self,
        frame: DynamicFrame,
        staging_path: str,
        name: str = "roottable",
        *_: Any,
        **__: Any,
    ) -> DynamicFrameCollection:
        """See `relationalizing.tables`."""
        return frame.relationalize(name, staging_path)


class UnnestFrame(GlueTransform):
    """Structs as columns."""

    def __call__(self, frame: DynamicFrame, *_: Any, **__: Any) -> DynamicFrame:
        """Named `outer.inner`."""
        return frame.unnest()


class Unbox(GlueTransform):
    """Parse a string column."""

    def __call__(
        self, frame: DynamicFrame, path: str, format: str, *_: Any, **options: Any
    ) -> DynamicFrame:
        """Of JSON."""
        return frame.unbox(path, format, **options)


class Union(GlueTransform):
    """The records of two frames."""

    def __call__(
        self, frame1: DynamicFrame, frame2: DynamicFrame, *_: Any, **__: Any
    ) -> DynamicFrame:
        """By the columns' names."""
        return frame1.union(frame2)


class Spigot(GlueTransform):
    """Write samples."""

    def __call__(self, frame: DynamicFrame, path: str, *args: Any, **options: Any) -> DynamicFrame:
        """See `DynamicFrame.spigot`."""
        return frame.spigot(path, *args, **{k: v for k, v in options.items() if k == "options"})


class ErrorsAsDynamicFrame(GlueTransform):
    """Records that could not be parsed."""

    def __call__(self, frame: DynamicFrame) -> DynamicFrame:
        """As a frame."""
        return frame.errorsAsDynamicFrame()


class SelectFromCollection(GlueTransform):
    """One frame of a collection."""

    def __call__(
        self, dfc: DynamicFrameCollection, key: str, transformation_ctx: str = ""
    ) -> DynamicFrame:
        """By its name."""
        return dfc.select(key, transformation_ctx)


class MapToCollection(GlueTransform):
    """A transform on every frame of a collection."""

    def __call__(
        self,
        dfc: DynamicFrameCollection,
        BaseTransform: type[GlueTransform],
        frame_name: str,
        transformation_ctx: str = "",
        **base_kwargs: Any,
    ) -> DynamicFrameCollection:
        """The frame is given under `frame_name`."""
        return dfc.map(
            lambda frame, ctx: BaseTransform.apply(
                **{frame_name: frame, "transformation_ctx": ctx, **base_kwargs}
            ),
            transformation_ctx,
        )


class FlatMap(GlueTransform):
    """As MapToCollection; a transform may give several frames."""

    def __call__(
        self,
        dfc: DynamicFrameCollection,
        BaseTransform: type[GlueTransform],
        frame_name: str,
        transformation_ctx: str = "",
        **base_kwargs: Any,
    ) -> DynamicFrameCollection:
        """The frame is given under `frame_name`."""
        return dfc.flatmap(
            lambda frame, ctx: BaseTransform.apply(
                **{frame_name: frame, "transformation_ctx": ctx, **base_kwargs}
            ),
            transformation_ctx,
        )
