"""Reads bronze files as delivered rows: the text, where it stands, and its fields.

Every reader gives source_file (key in the bucket), source_row, ingest_date, raw and ``fields``, a
struct with the contract's source columns (null where the text cannot be read). source_row is the
line on which the record begins, from 1, the header counted (XML of one line counts its records);
for Parquet it is the row from 1.

Fields of text files stay text: nothing is inferred, and JSON numbers keep their digits. All texts
are standardised (see standard_text).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import Column as Value
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from include.lake.contracts import Column, Contract
from retail_io.compressed import require_sound
from retail_io.csv_records import MAX_RECORD, CsvFormat, SourceError
from retail_io.inputs import BronzeFile, UpstreamPartition
from retail_io.json_records import JsonFormat
from retail_io.listed import require_as_listed
from retail_io.standard_text import batches_of, standardised_batches
from retail_io.xml_records import CUT, XmlFormat

#: One file is one partition of what Spark reads: its rows come in order and can be counted.
ONE_FILE_PER_TASK = {
    "spark.sql.files.maxPartitionBytes": str(1 << 37),
    "spark.sql.files.openCostInBytes": str(1 << 37),
}
TASKS_PER_CORE = 4
#: Bytes of a line or piece that are read on; whatever is cut off belongs to an overlong record.
_MOST_BYTES = 4 * MAX_RECORD + 4
_RAW_JSON = {"ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
_ROW_BITS = (1 << 33) - 1  # of monotonically_increasing_id: the row within the partition
#: Reads batches of lines or pieces as batches of ``standard_text.ROW`` and fields.
Reader = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def read_delivered(
    spark: SparkSession, contract: Contract, files: Sequence[BronzeFile], lake_root: str
) -> DataFrame:
    """The rows of a dataset's files, each with its text, place and fields.

    Raises:
        SourceError: the session would split files, a file is not what was listed, or is damaged
            or hostile as an archive, or Parquet files lack a column. A CSV header that lacks one
            raises when the rows are read.
    """
    for name, value in ONE_FILE_PER_TASK.items():
        if spark.conf.get(name) != value:
            raise SourceError(f"{name} must be {value}, or rows cannot be numbered; set it")
    if not files:
        return _nothing(spark, contract)
    require_as_listed(files, lake_root)
    if contract.source.format != "parquet":
        cut = CUT if contract.source.format == "xml" else b"\n"
        require_sound(spark, files, lake_root, cut)
    paths = [_as_literal_path(f"{lake_root}/{file.key}") for file in files]
    rows = _READERS[contract.source.format](spark, contract, paths, lake_root)
    start = len(f"bronze/{files[0].dataset}/ingest_date=") + 1
    return rows.withColumn("ingest_date", F.substring("source_file", start, 10).cast("date"))


def read_published(
    spark: SparkSession,
    columns: Mapping[str, str],
    keys: Sequence[str],
    partitions: Sequence[UpstreamPartition],
) -> DataFrame:
    """Rows of published partitions of one table, with their days.

    Args:
        spark: the session.
        columns: the columns in the files and their SQL types.
        keys: the table's partition keys that are days, as its folders have them.
        partitions: which ones; at least one.
    """
    schema = ", ".join(f"`{name}` {sql_type}" for name, sql_type in columns.items())
    paths = [_as_literal_path(partition.location) for partition in partitions]
    rows = spark.read.schema(schema).option("recursiveFileLookup", "true").parquet(*paths)
    path = F.col("_metadata.file_path")
    days = {key: F.to_date(F.regexp_extract(path, rf"/{key}=([0-9-]{{10}})/", 1)) for key in keys}
    return rows.select("*", *[day.alias(key) for key, day in days.items()])


def _json_lines(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """One JSON object per line, in Python: see json_records."""
    columns = contract.delivered_columns
    style = JsonFormat(
        tuple(column.source for column in columns),
        frozenset(column.source for column in columns if _is_plain_number(column)),
        frozenset(column.source for column in columns if column.type == "boolean"),
    )
    return _with_fields(_lines(spark, contract, paths, root), style.batches, style.columns)


def _is_plain_number(column: Column) -> bool:
    written = (column.decimal_separator, column.grouping_separator)
    return column.type in ("integer", "decimal") and written == (".", None)


def _csv(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """CSV with a header; columns are found by name. Record by record in Python: see csv_records."""
    columns = tuple(column.source for column in contract.delivered_columns)
    options = contract.source.options
    style = CsvFormat(columns, options.get("sep", ","), options.get("quote", '"'))

    def batches(lines: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return batches_of(style.records(_pairs(lines, "raw")), len(columns))

    lines = _lines(spark, contract, paths, root)
    return _with_fields(lines, batches, columns)


def _xml(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """XML, one record per element of the row tag, in Python: see xml_records."""
    columns = tuple(column.source for column in contract.delivered_columns)
    style = XmlFormat(columns, contract.source.options["rowTag"])

    def batches(pieces: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return batches_of(style.records(_pairs(pieces, "piece")), len(columns))

    reader = spark.read.option("lineSep", CUT.decode()).option("recursiveFileLookup", "true")
    pieces = reader.text(paths).select(
        _source_file(root).alias("source_file"), _bounded("value").alias("piece")
    )
    return _with_fields(pieces, batches, columns)


def _pairs(batches: Iterable[pa.RecordBatch], what: str) -> Iterator[tuple[str, Any]]:
    for batch in batches:
        yield from zip(batch["source_file"].to_pylist(), batch[what].to_pylist(), strict=True)


def _with_fields(rows: DataFrame, batches: Reader, names: Sequence[str]) -> DataFrame:
    """What a reader in Python makes of a dataset's files: file, row, text and fields or null.

    Before each task its worker reads Spark's zip files anew (importlib.invalidate_caches), which
    takes longer than a file of 2 MB: so a task has many files, each of them whole and in order.
    """
    texts = ", ".join(f"`_{place}` string" for place in range(len(names)))
    schema = f"source_file string, source_row bigint, raw string, read boolean, {texts}"
    fields = F.struct(*[F.col(f"_{place}").alias(name) for place, name in enumerate(names)])
    tasks = TASKS_PER_CORE * rows.sparkSession.sparkContext.defaultParallelism
    return (
        rows.coalesce(tasks)
        .mapInArrow(batches, schema)
        .select("source_file", "source_row", "raw", F.when(F.col("read"), fields).alias("fields"))
    )


def _parquet(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """Parquet with the types its footers declare; a column that no file has is an error."""
    reader = spark.read.option("mergeSchema", "true").option("recursiveFileLookup", "true")
    rows = reader.parquet(*paths)
    columns = contract.delivered_columns
    missing = sorted({column.source for column in columns} - set(rows.columns))
    if missing:
        raise SourceError(
            f"{contract.dataset}: the files lack {', '.join(missing)} (they have "
            f"{', '.join(rows.columns)}); extract them, or change the contract"
        )
    place = (
        _source_file(root).alias("source_file"),
        _row_in_task().alias("source_row"),
        F.to_json(F.struct(*rows.columns), _RAW_JSON).alias("raw"),
    )
    found = rows.select(*place, *[column.source for column in columns])
    found = found.mapInArrow(partial(standardised_batches, first=len(place)), found.schema)
    return found.select(
        *found.columns[: len(place)], F.struct(*found.columns[len(place) :]).alias("fields")
    )


def _lines(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """Every line of text files (gzip by name), blank ones too: source_file, source_row, raw."""
    encoding = contract.source.options.get("encoding", "UTF-8")
    reader = spark.read.option("lineSep", "\n").option("recursiveFileLookup", "true")
    return reader.text(paths).select(
        _source_file(root).alias("source_file"),
        _row_in_task().alias("source_row"),
        F.decode(_bounded("value"), encoding).alias("raw"),
    )


def _bounded(line: str) -> Value:
    """The bytes of a line, no more than fit into memory many times over."""
    return F.substring(F.col(line).cast("binary"), 1, _MOST_BYTES)


def _row_in_task() -> Value:
    return F.monotonically_increasing_id().bitwiseAND(F.lit(_ROW_BITS)) + 1


def _source_file(root: str) -> Value:
    """The key of the file a row comes from; Spark gives the path percent-encoded."""
    path = F.col("_metadata.file_path")
    decoded = F.url_decode(F.replace(path, F.lit("+"), F.lit("%2B")))
    path = F.when(F.contains(path, F.lit("%")), decoded).otherwise(path)
    prefix = re.sub("^file:/+", "file:/", root)
    return F.substring(path, len(prefix) + 2, 1 << 20)


def _as_literal_path(path: str) -> str:
    """The path with what Hadoop would take for a pattern escaped."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def _nothing(spark: SparkSession, contract: Contract) -> DataFrame:
    names = ", ".join(f"`{column.source}`: string" for column in contract.delivered_columns)
    return spark.createDataFrame(
        [],
        "source_file string, source_row bigint, raw string, "
        f"fields struct<{names}>, ingest_date date",
    )


_READERS = {"jsonl": _json_lines, "csv": _csv, "xml": _xml, "parquet": _parquet}
