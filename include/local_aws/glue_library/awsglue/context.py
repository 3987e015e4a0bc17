"""GlueContext: where a script reads and writes."""

import json
import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession, SQLContext
from pyspark.sql import functions as F

from awsglue import catalog, databases, listing, reading, spark_catalog
from awsglue.collection import DynamicFrameCollection, DynamicFrameReader, DynamicFrameWriter
from awsglue.dataframes import DataFrameReader, DataFrameWriter
from awsglue.dynamicframe import DynamicFrame
from awsglue.errors import MissingHere, NotSupportedHere
from awsglue.sinks import DataSink
from awsglue.sources import from_files, from_table

Options = Mapping[str, Any]


class GlueContext(SQLContext):
    """The context of a Glue script.

    Args:
        sparkContext: The SparkContext.
        options: minPartitions and targetPartitions are accepted.
    """

    def __init__(self, sparkContext: SparkContext, **options: Any) -> None:
        session = SparkSession.builder.getOrCreate()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Spark would rather have a SparkSession
            super().__init__(sparkContext, sparkSession=session)
        spark_catalog.attach(session)
        self.spark_session = session
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.write_dynamic_frame = DynamicFrameWriter(self)
        self.create_data_frame = DataFrameReader(self)
        self.write_data_frame = DataFrameWriter(self)

    def get_logger(self) -> logging.Logger:
        """A logger with info, warn and error, whose lines go to the run's log."""
        logging.basicConfig(level=logging.INFO)
        return logging.getLogger("GlueLogger")

    def create_dynamic_frame_from_rdd(
        self, data: Any, name: str, schema: Any = None, sample_ratio: float | None = None, **_: Any
    ) -> DynamicFrame:
        """A frame of an RDD or a list."""
        return DynamicFrame(self.createDataFrame(data, schema, sample_ratio), self, name)

    def create_dynamic_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: Options | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Read a table of the catalog.

        Args:
            database: Its database (also as name_space).
            table_name: Its name.
            redshift_tmp_dir: Not used.
            transformation_ctx: Names the bookmark of this source.
            push_down_predicate: SQL over the partition columns; others are not read.
            additional_options: catalogPartitionPredicate: the same, decided by the catalog.
            catalog_id: Not used: there is one catalog.
            kwargs: name_space.
        """
        database = database or kwargs.pop("name_space", None)
        if not database or not table_name:
            raise ValueError("Parameter name_space or database, or table_name, is missing.")
        inside = databases.of_table(catalog.document(database, table_name))
        if inside:
            options = {**inside, **(additional_options or {})}
            rows = databases.read(self.spark_session, options, transformation_ctx)
            return DynamicFrame(rows, self, table_name)
        table = catalog.table(database, table_name)
        return from_table(
            self, table, push_down_predicate, additional_options or {}, transformation_ctx
        )

    def create_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: Options | None = None,
        format: str | None = None,
        format_options: Options | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **_: Any,
    ) -> DynamicFrame:
        """Read files, or a table of a database.

        Args:
            connection_type: s3, or a format: parquet, orc; postgresql, mysql.
            connection_options: paths; optionally recurse, exclusions, partitionPredicate.
            format: json, csv, parquet, orc.
            format_options: As Glue names them.
            transformation_ctx: Names the bookmark of this source.
            push_down_predicate: SQL over the folders `key=value`; others are not read.
        """
        options = dict(connection_options or {})
        if databases.is_one(connection_type):
            rows = databases.read(self.spark_session, options, transformation_ctx)
            return DynamicFrame(rows, self, "frame")
        kind = _format(connection_type, format)
        predicate = push_down_predicate or options.pop("partitionPredicate", "")
        return from_files(self, kind, options, format_options or {}, predicate, transformation_ctx)

    def getSource(
        self,
        connection_type: str,
        format: str | None = None,
        transformation_ctx: str = "",
        **options: Any,
    ) -> Any:
        """AWS's lower-level way to read."""
        raise NotSupportedHere("getSource: use create_dynamic_frame.from_options")

    def getSink(
        self,
        connection_type: str,
        format: str | None = None,
        transformation_ctx: str = "",
        **options: Any,
    ) -> DataSink:
        """A sink for S3; see `DataSink`."""
        if connection_type.lower() not in ("s3", *reading.FORMATS):
            raise NotSupportedHere(f"the connection type {connection_type!r}: s3 is")
        sink = DataSink(options)
        named = format or (connection_type if connection_type.lower() != "s3" else None)
        if named:
            sink.setFormat(named)
        return sink

    def write_dynamic_frame_from_options(
        self,
        frame: DynamicFrame,
        connection_type: str,
        connection_options: Options | None = None,
        format: str | None = None,
        format_options: Options | None = None,
        transformation_ctx: str = "",
    ) -> Any:
        """Append a frame to a folder; see `DataSink`."""
        return self.write_from_options(
            frame, connection_type, connection_options, format, format_options, transformation_ctx
        )

    def write_from_options(
        self,
        frame_or_dfc: DynamicFrame | DynamicFrameCollection,
        connection_type: str,
        connection_options: Options | None = None,
        format: str | None = None,
        format_options: Options | None = None,
        transformation_ctx: str = "",
        **_: Any,
    ) -> Any:
        """Append a frame, or each of a collection, to a folder."""
        if not isinstance(frame_or_dfc, DynamicFrame | DynamicFrameCollection):
            raise TypeError(
                "frame_or_dfc must be DynamicFrame or DynamicFrameCollection. "
                f"Got {type(frame_or_dfc)}"
            )
        if databases.is_one(connection_type) and isinstance(frame_or_dfc, DynamicFrame):
            databases.write(frame_or_dfc.toDF(), connection_options or {})
            return frame_or_dfc
        sink = self.getSink(connection_type, None, transformation_ctx, **(connection_options or {}))
        sink.setFormat(_format(connection_type, format), **(format_options or {}))
        return sink.write(frame_or_dfc)

    def write_dynamic_frame_from_catalog(
        self,
        frame: DynamicFrame,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: Options | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Append a frame to a table's folder, in the table's format."""
        database = database or kwargs.pop("name_space", None)
        if not database or not table_name:
            raise ValueError("Parameter name_space or database, or table_name, is missing.")
        inside = databases.of_table(catalog.document(database, table_name))
        if inside:
            databases.write(frame.toDF(), inside)
            return frame
        table = catalog.table(database, table_name)
        options = {"partitionKeys": list(table.keys), **(additional_options or {})}
        sink = DataSink({**options, "path": table.location})
        more = {"writeHeader": table.options["withHeader"]} if table.kind == "csv" else {}
        names = {key: table.options[key] for key in ("separator",) if key in table.options}
        sink.setFormat(table.kind, **more, **names)
        sink.setCatalogInfo(database, table_name)
        return sink.write(frame)

    def write_dynamic_frame_from_jdbc_conf(
        self,
        frame: DynamicFrame,
        catalog_connection: str,
        connection_options: Options | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> Any:
        """Append a frame to a table (`dbtable`) behind a Glue connection."""
        options = {**(connection_options or {}), "connectionName": catalog_connection}
        databases.write(frame.toDF(), options)
        return frame

    write_from_jdbc_conf = write_dynamic_frame_from_jdbc_conf

    def extract_jdbc_conf(
        self, connection_name: str, catalog_id: str | None = None
    ) -> dict[str, str]:
        """user, password, vendor and url of a Glue connection."""
        found = databases.of_connection(connection_name)
        url = found["url"]
        more = {"vendor": url.split(":")[1], "url": url.rpartition("/")[0], "fullUrl": url}
        return found | more

    def purge_s3_path(
        self, s3_path: str, options: Options | None = None, transformation_ctx: str = "", **_: Any
    ) -> None:
        """Delete the files below an address that are older than retentionPeriod hours (168).

        Args:
            s3_path: The address.
            options: retentionPeriod; partitionPredicate and manifestFilePath are refused.
            transformation_ctx: Not used.
        """
        listing.delete(item.path for item in _purged(s3_path, options or {}))

    def purge_table(
        self,
        database: str,
        table_name: str,
        options: Options | None = None,
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> None:
        """Delete a table's old files, and the partitions that have none left."""
        table = catalog.table(database, table_name)
        partitions = table.partitions()
        for place in {table.location, *(partition.location for partition in partitions)}:
            listing.delete(item.path for item in _purged(place, options or {}))
        empty = [part.values for part in partitions if not any(listing.objects(part.location))]
        catalog.drop_partitions(table, empty)

    def add_ingestion_time_columns(
        self, dataFrame: DataFrame, timeGranularity: str = ""
    ) -> DataFrame:
        """Add ingest_year, ingest_month, … down to the granularity: day, hour or minute."""
        units = ["year", "month", "day", "hour", "minute"]
        if timeGranularity not in units[2:]:
            raise ValueError(f"timeGranularity {timeGranularity!r} is none of day, hour, minute")
        now = F.current_timestamp()
        for unit in units[: units.index(timeGranularity) + 1]:
            value = F.lpad(
                F.extract(F.lit(unit), now).cast("string"), 4 if unit == "year" else 2, "0"
            )
            dataFrame = dataFrame.withColumn(f"ingest_{unit}", value)
        return dataFrame

    def __getattr__(self, name: str) -> Any:
        """Say of AWS's other methods that they are missing."""
        if name.startswith("_"):
            raise AttributeError(name)
        raise MissingHere(f"GlueContext.{name}")


def _format(connection_type: str, format: str | None) -> str:
    if connection_type.lower() in reading.FORMATS:
        return reading.FORMATS[connection_type.lower()]
    if connection_type.lower() != "s3":
        raise NotSupportedHere(f"the connection type {connection_type!r}: s3 is")
    return reading.known_format(format)


def _purged(address: str, options: Options) -> Sequence[listing.S3Object]:
    unknown = set(options) - {"retentionPeriod", "excludeStorageClasses"}
    if unknown:
        raise NotSupportedHere(f"the purge option {json.dumps(sorted(unknown))}")
    hours = float(options.get("retentionPeriod", 168))
    before = time.time() - 3600 * hours
    return [item for item in listing.objects(address) if item.modified <= before]
