"""DynamicFrame."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from awsglue import mapping, relationalizing
from awsglue.catalog import table
from awsglue.collection import (
    DynamicFrameCollection,
    DynamicFrameReader,
    DynamicFrameWriter,
)
from awsglue.errors import MissingHere, NotSupportedHere
from awsglue.fields import column, find, parts, tree

if TYPE_CHECKING:
    from awsglue.context import GlueContext

__all__ = [
    "DynamicFrame",
    "DynamicFrameCollection",
    "DynamicFrameReader",
    "DynamicFrameWriter",
    "ResolveOption",
]
Paths = str | Sequence[str]


class ResolveOption:
    """How `toDF` resolves one choice; here there are none."""

    def __init__(self, path: str, action: str, target: Any = None) -> None:
        self.path, self.action, self.target = path, action, target


class DynamicFrame:
    """A DataFrame with Glue's methods.

    The arguments `transformation_ctx`, `info`, `stageThreshold` and `totalThreshold`, which every
    method has on AWS, are accepted: nothing here makes error records but reading.

    Args:
        frame: The rows.
        glue_ctx: The GlueContext.
        name: Of the frame.
        broken: Rows of files that could not be parsed, in one text column.
    """

    def __init__(
        self,
        frame: DataFrame,
        glue_ctx: "GlueContext",
        name: str = "",
        broken: DataFrame | None = None,
    ) -> None:
        self._frame = frame
        self.glue_ctx = glue_ctx
        self.name = name
        self._broken = broken

    @classmethod
    def fromDF(cls, dataframe: DataFrame, glue_ctx: "GlueContext", name: str) -> "DynamicFrame":
        """Make one of a DataFrame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: Sequence[ResolveOption] | None = None) -> DataFrame:
        """The DataFrame."""
        if options:
            specs = [
                (option.path, f"project:{getattr(option.target, 'simpleString', str)()}")
                for option in options
                if option.action.lower() != "keepasstruct"
            ]
            return mapping.resolve(self._frame, specs)
        return self._frame

    def _with(self, frame: DataFrame, name: str | None = None) -> "DynamicFrame":
        return DynamicFrame(frame, self.glue_ctx, name or self.name, self._broken)

    def schema(self) -> StructType:
        """The schema, in Spark's types."""
        return self._frame.schema

    def with_frame_schema(self, schema: StructType) -> "DynamicFrame":
        """The same rows; their schema is known here anyway."""
        return self

    def printSchema(self) -> None:
        """Print the schema as Glue does."""
        print(tree(self._frame.schema))

    def count(self) -> int:
        """How many rows there are."""
        return self._frame.count() if self._frame.columns else 0

    def show(self, num_rows: int = 20) -> None:
        """Print the first rows, each as JSON, as Glue does."""
        for line in self._frame.limit(num_rows).toJSON().collect():
            print(line)

    def errorsCount(self) -> int:
        """How many records of the files could not be parsed."""
        return self._broken.cache().count() if self._broken is not None else 0

    def errorsAsDynamicFrame(self) -> "DynamicFrame":
        """The records that could not be parsed."""
        if self._broken is None:
            empty = self._frame.sparkSession.createDataFrame([], StructType([]))
            return DynamicFrame(empty, self.glue_ctx, self.name)
        return DynamicFrame(self._broken.cache(), self.glue_ctx, self.name)

    def stageErrorsCount(self) -> int:
        """Errors of the step that made this frame."""
        return self.errorsCount()

    def assertErrorThreshold(self) -> None:
        """Fail if there were errors."""
        if self.errorsCount():
            raise RuntimeError(f"{self.name}: {self.errorsCount()} records could not be parsed")

    def getNumPartitions(self) -> int:
        """Partitions of the DataFrame."""
        return self._frame.rdd.getNumPartitions()

    def repartition(self, num_partitions: int, *_: Any, **__: Any) -> "DynamicFrame":
        """Spread the rows over so many partitions."""
        return self._with(self._frame.repartition(num_partitions))

    def coalesce(self, num_partitions: int, *_: Any, **__: Any) -> "DynamicFrame":
        """Bring the rows together in at most so many partitions."""
        return self._with(self._frame.coalesce(num_partitions))

    def apply_mapping(
        self, mappings: Sequence[Sequence[str]], *_: Any, **__: Any
    ) -> "DynamicFrame":
        """Select, rename and cast; see `mapping.apply_mapping`."""
        return self._with(mapping.apply_mapping(self._frame, mappings))

    def select_fields(self, paths: Paths, *_: Any, **__: Any) -> "DynamicFrame":
        """Keep fields."""
        return self._with(mapping.select_fields(self._frame, _listed(paths)))

    def drop_fields(self, paths: Paths, *_: Any, **__: Any) -> "DynamicFrame":
        """Remove fields."""
        return self._with(mapping.drop_fields(self._frame, _listed(paths)))

    def rename_field(self, oldName: str, newName: str, *_: Any, **__: Any) -> "DynamicFrame":
        """Rename a field."""
        return self._with(mapping.rename_field(self._frame, oldName, newName))

    def resolveChoice(
        self,
        specs: Sequence[tuple[str, str]] | None = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        *_: Any,
        **__: Any,
    ) -> "DynamicFrame":
        """Resolve choices; see `mapping.resolve`.

        Args:
            specs: (path, action) per field. Not with `choice`.
            choice: One action for every choice: nothing to do, unless it is match_catalog.
            database: For match_catalog.
            table_name: For match_catalog.
        """
        if bool(specs) == bool(choice):
            raise ValueError("give either specs or choice")
        if specs:
            return self._with(mapping.resolve(self._frame, specs))
        if choice.lower() == "match_catalog":
            if not database or not table_name:
                raise ValueError("match_catalog needs database and table_name")
            found = table(database, table_name)
            types = {**found.columns, **found.keys}
            return self._with(mapping.to_catalog_types(self._frame, types))
        mapping.resolve(self._frame.limit(0), [("", choice)])
        return self

    def filter(self, f: Callable[[dict[str, Any]], bool], *_: Any, **__: Any) -> "DynamicFrame":
        """Keep the records that `f` is true of."""
        return self._with(mapping.rows_that(self._frame, f))

    def map(
        self, f: Callable[[dict[str, Any]], dict[str, Any]], *_: Any, **__: Any
    ) -> "DynamicFrame":
        """Put every record through `f`."""
        return self._with(mapping.mapped(self._frame, f))

    def join(
        self, paths1: Paths, paths2: Paths, frame2: "DynamicFrame", *_: Any, **__: Any
    ) -> "DynamicFrame":
        """Inner join."""
        rows = mapping.joined(self._frame, frame2.toDF(), _listed(paths1), _listed(paths2))
        return self._with(rows, self.name + frame2.name)

    def split_fields(
        self, paths: Paths, name1: str, name2: str, *_: Any, **__: Any
    ) -> "DynamicFrameCollection":
        """Two frames: the fields named, and the others."""
        taken = self._with(mapping.select_fields(self._frame, _listed(paths)), name1)
        rest = self._with(mapping.drop_fields(self._frame, _listed(paths)), name2)
        return DynamicFrameCollection({name1: taken, name2: rest}, self.glue_ctx)

    def split_rows(
        self,
        comparison_dict: Mapping[str, Mapping[str, Any]],
        name1: str,
        name2: str,
        *_: Any,
        **__: Any,
    ) -> "DynamicFrameCollection":
        """Two frames: the rows for which all comparisons hold, and the others."""
        chosen = mapping.comparison(self._frame, comparison_dict)
        frames = {name1: self._frame.where(chosen), name2: self._frame.where(~chosen)}
        made = {name: self._with(rows, name) for name, rows in frames.items()}
        return DynamicFrameCollection(made, self.glue_ctx)

    def unnest(self, *_: Any, **__: Any) -> "DynamicFrame":
        """Structs as columns named `outer.inner`."""
        return self._with(relationalizing.flat(self._frame))

    def relationalize(
        self, root_table_name: str, staging_path: str, *_: Any, **__: Any
    ) -> "DynamicFrameCollection":
        """Flat tables; see `relationalizing.tables`."""
        made = relationalizing.tables(self._frame, root_table_name, staging_path)
        frames = {name: DynamicFrame(rows, self.glue_ctx, name) for name, rows in made}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def unbox(self, path: str, format: str, *_: Any, **options: Any) -> "DynamicFrame":
        """Parse a string field that holds JSON, in place."""
        levels = parts(path, self._frame.schema)
        if format.lower() != "json" or len(levels) != 1:
            raise NotSupportedHere(f"unbox of {path!r} as {format!r}: a column of JSON is")
        if find(self._frame.schema, levels) is None:
            return self
        texts = self._frame.select(column(levels)).rdd.map(lambda row: row[0] or "{}")
        inferred = self._frame.sparkSession.read.json(texts).schema
        parsed = F.from_json(column(levels), inferred)
        return self._with(self._frame.withColumn(levels[0], parsed))

    def spigot(
        self, path: str, options: Mapping[str, Any] | None = None, *_: Any, **__: Any
    ) -> "DynamicFrame":
        """Write sample records as JSON; the frame goes on unchanged.

        Args:
            path: Address in S3.
            options: topk: the first so many; prob: each with this probability.
        """
        asked = options or {}
        rows = self._frame
        if "prob" in asked:
            rows = rows.sample(float(asked["prob"]))
        rows = rows.limit(int(asked.get("topk", 1000 if "prob" not in asked else 2**31 - 1)))
        rows.coalesce(1).write.mode("append").json(path)
        return self

    def mergeDynamicFrame(
        self, stage_dynamic_frame: "DynamicFrame", primary_keys: Sequence[str], *_: Any, **__: Any
    ) -> "DynamicFrame":
        """The staged records, and those of this frame whose key is not among them."""
        staged = stage_dynamic_frame.toDF()
        old = self._frame.join(staged, list(primary_keys), "left_anti")
        return self._with(old.unionByName(staged, allowMissingColumns=True))

    def union(self, other_frame: "DynamicFrame", *_: Any, **__: Any) -> "DynamicFrame":
        """The records of both."""
        rows = self._frame.unionByName(other_frame.toDF(), allowMissingColumns=True)
        return self._with(rows)

    def write(self, connection_type: str, connection_options: Any = None, **more: Any) -> Any:
        """Write to a sink; see `GlueContext.write_from_options`."""
        return self.glue_ctx.write_from_options(self, connection_type, connection_options, **more)

    def __getattr__(self, name: str) -> Any:
        """Say of AWS's other methods that they are missing."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise MissingHere(f"DynamicFrame.{name}")


def _listed(paths: Paths) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)
