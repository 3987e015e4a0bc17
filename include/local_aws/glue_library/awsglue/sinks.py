"""DataFrame -> files in S3, and their table in the Data Catalog."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from awsglue import catalog
from awsglue.catalog import Partition, Table
from awsglue.collection import DynamicFrameCollection
from awsglue.errors import NotSupportedHere
from awsglue.listing import bucket_and_key
from awsglue.reading import known_format

if TYPE_CHECKING:
    from awsglue.dynamicframe import DynamicFrame

DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"
# characters that Hive escapes in the folder of a partition (Spark: ExternalCatalogUtils)
ESCAPED = {chr(code) for code in range(0x20)} | set("\"#%'*/:=?\\{[]^\x7f")
CSV_OPTIONS = {"separator": "sep", "quoteChar": "quote", "escaper": "escape"}
WITHOUT_EFFECT = {
    "accumulator_size",
    "blockSize",
    "compression",
    "groupFiles",
    "groupSize",
    "pageSize",
    "useFrameName",
    "useGlueParquetWriter",
    "optimizePerformance",
    "withHeader",
    "writeHeader",
}
KNOWN = {"path", "partitionKeys", "compression", "enableUpdateCatalog", "updateBehavior"}


class DataSink:
    """Appends frames to a folder, as Glue's S3 sink does: a second run doubles the data.

    Args:
        options: `path`; optionally `partitionKeys`, `compression`, `enableUpdateCatalog` and
            `updateBehavior` (UPDATE_IN_DATABASE or LOG).
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        unknown = set(options) - KNOWN - WITHOUT_EFFECT
        if unknown:
            raise NotSupportedHere(f"the connection option {sorted(unknown)[0]!r} of an S3 sink")
        if not options.get("path"):
            raise ValueError("connection_options has no path")
        bucket_and_key(options["path"])
        self._options = options
        self._keys: Sequence[str] = options.get("partitionKeys") or []
        self._kind = ""
        self._format_options: Mapping[str, Any] = {}
        self._table: tuple[str, str] | None = None

    def setFormat(self, format: str, **options: Any) -> None:
        """Set the format of the files and its options, as Glue names them."""
        self._kind = known_format(format)
        if self._kind == "xml":
            raise NotSupportedHere("the format 'xml' of a sink, nor on AWS")
        unknown = set(options) - set(CSV_OPTIONS) - WITHOUT_EFFECT
        if unknown:
            raise NotSupportedHere(f"the format option {sorted(unknown)[0]!r} of a sink")
        self._format_options = options

    def setCatalogInfo(
        self, catalogDatabase: str, catalogTableName: str, catalogId: str = ""
    ) -> None:
        """Set the table that the files belong to; it is made when it is missing."""
        self._table = (catalogDatabase, catalogTableName)

    def setAccumulableSize(self, size: int) -> None:
        """Accepted: it is about error records."""

    def writeFrame(self, dynamic_frame: "DynamicFrame", info: str = "") -> "DynamicFrame":
        """Write one frame."""
        rows = dynamic_frame.toDF()
        if rows.columns:
            self._save(rows, self._options["path"])
            if self._options.get("enableUpdateCatalog") and self._table:
                self._update_catalog(rows, *self._table)
        return dynamic_frame

    def write(
        self, dynamic_frame_or_dfc: "DynamicFrame | DynamicFrameCollection", info: str = ""
    ) -> "DynamicFrame | DynamicFrameCollection":
        """Write one frame, or each of a collection into a folder of its name."""
        if isinstance(dynamic_frame_or_dfc, DynamicFrameCollection):
            for name, frame in dynamic_frame_or_dfc.items():
                if frame.toDF().columns:
                    self._save(frame.toDF(), f"{self._options['path'].rstrip('/')}/{name}")
            return dynamic_frame_or_dfc
        return self.writeFrame(dynamic_frame_or_dfc, info)

    def _save(self, rows: DataFrame, path: str) -> None:
        if not self._kind:
            raise ValueError("the sink has no format: give format, or call setFormat")
        writer = rows.write.mode("append").format(self._kind)
        # Glue's sinks leave no _SUCCESS
        writer = writer.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
        asked = self._format_options
        compression = self._options.get("compression") or asked.get("compression")
        if compression:
            writer = writer.option("compression", compression)
        if self._kind == "csv":
            header = asked.get("writeHeader", asked.get("withHeader", True))
            writer = writer.option("header", str(header).lower())
            for name, option in CSV_OPTIONS.items():
                if name in asked:
                    value = "" if asked[name] in (-1, "-1") else asked[name]
                    writer = writer.option(option, value)
        writer.partitionBy(*self._keys).save(path)

    def _update_catalog(self, rows: DataFrame, database: str, name: str) -> None:
        """Make the table, or add the columns and partitions that it lacks."""
        types = {field.name.lower(): field.dataType.simpleString() for field in rows.schema}
        lowered = [key.lower() for key in self._keys]
        columns = {column: kind for column, kind in types.items() if column not in lowered}
        try:
            table = catalog.table(database, name)
        except catalog.client().exceptions.EntityNotFoundException:
            keys = [(key, types[key]) for key in lowered]
            path = self._options["path"].rstrip("/") + "/"
            catalog.create(database, name, path, self._kind, columns, keys)
            table = catalog.table(database, name)
        else:
            if self._options.get("updateBehavior", "UPDATE_IN_DATABASE") == "UPDATE_IN_DATABASE":
                catalog.add_columns(table, columns)
        if list(table.keys) != lowered:
            raise ValueError(f"partitionKeys {lowered} are not those of {name}: {list(table.keys)}")
        if lowered:
            catalog.add_partitions(table, self._partitions(rows, table))

    def _partitions(self, rows: DataFrame, table: Table) -> list[Partition]:
        """The partitions that the rows fell into."""
        texts = [F.col(f"`{key}`").cast("string") for key in self._keys]
        found = rows.select(*texts).distinct().collect()
        base, made = table.location.rstrip("/"), []
        for row in found:
            values = tuple(DEFAULT_PARTITION if value in (None, "") else value for value in row)
            folders = (
                f"{key}={_escaped(value)}" for key, value in zip(self._keys, values, strict=True)
            )
            made.append(Partition(values, "/".join((base, *folders)) + "/"))
        return made


def _escaped(value: str) -> str:
    return "".join(f"%{ord(char):02X}" if char in ESCAPED else char for char in value)
