"""Reads bronze files as delivered rows: the text, where it stands, and its fields.

Every reader gives source_file (key in the bucket), source_row, ingest_date, raw and ``fields``, a
struct with the contract's source columns (null where the text cannot be read). source_row is the
line on which the record begins, from 1, the header counted (XML of one line counts its records);
for Parquet it is the row from 1.

Fields of text files stay text: nothing is inferred, and JSON numbers keep their digits.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pyspark import RDD
from pyspark.sql import Column as Value
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from include.lake.contracts import Contract
from retail_io.compressed import require_sound
from retail_io.csv_records import MAX_RECORD, UNDECODABLE, CsvFormat, Record, SourceError
from retail_io.inputs import BronzeFile, UpstreamPartition
from retail_io.listed import require_as_listed
from retail_io.xml_records import CUT, XmlFormat
from retail_io.xml_records import Record as XmlRecord

#: One file is one task: a task's rows are the file's rows, in order, so that they can be counted.
ONE_FILE_PER_TASK = {
    "spark.sql.files.maxPartitionBytes": str(1 << 37),
    "spark.sql.files.openCostInBytes": str(1 << 37),
}
#: Bytes of a line or piece that are read on; whatever is cut off belongs to an overlong record.
_MOST_BYTES = 4 * MAX_RECORD + 4
_BLANKS = " \t\r\n\ufeff"
_RAW_JSON = {"ignoreNullFields": "false", "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
_ROW_BITS = (1 << 33) - 1  # of monotonically_increasing_id: the row within the task
#: Names around a JSON record; no record has them by chance.
_RECORD, _END = "retail-lake:record", "retail-lake:end"
_STRINGS_AND_NUMBERS = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"|(-?(?:[0-9][0-9.eE+-]*+|NaN|Infinity))'
_NUMBER_AFTER_KEY = r'"(?<=\w")(\s*:\s*)(-?(?:[0-9][0-9.eE+-]*+|NaN|Infinity))'
_PLAIN_OBJECT = r"\A[^\[{']*+\{[^\[{']*+\z"  # nothing nested, no strings in single quotes

#: Escapes in JSON that are no character: NUL, and half of a pair. Spark would put "?" in its place.
_NO_CHARACTER = (
    r"(?<!\\)(?:\\\\)*+\\u(?:0000|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F])"
)


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
    """One JSON object per line. Numbers are put in quotes first, so none becomes a float."""
    lines = _lines(spark, contract, paths, root).where(F.col("raw").rlike(f"[^{_BLANKS}]"))
    without_return = F.expr(r"trim(TRAILING '\r' FROM raw)")
    ended = F.when(F.endswith("raw", F.lit("\r")), without_return).otherwise(F.col("raw"))
    lines = lines.withColumn("raw", ended)
    names = ", ".join(f"`{column.source}`: string" for column in contract.delivered_columns)
    quoted = _with_quoted_numbers([column.source for column in contract.delivered_columns])
    # What follows the object on its line makes the envelope an error, or ends it before its end.
    envelope = F.concat(F.lit(f'{{"{_RECORD}":'), quoted, F.lit(f',"{_END}":true}}'))
    legible = ~F.contains("raw", F.lit(UNDECODABLE)) & ~_is_too_long("raw")
    legible &= ~(F.contains("raw", F.lit(r"\u")) & F.col("raw").rlike(_NO_CHARACTER))
    schema = f"`{_RECORD}` struct<{names}>, `{_END}` boolean"
    parsed = lines.withColumn("parsed", F.from_json(F.when(legible, envelope), schema))
    return parsed.select(
        "source_file",
        "source_row",
        F.when(_is_too_long("raw"), F.left("raw", F.lit(MAX_RECORD)))
        .otherwise(F.col("raw"))
        .alias("raw"),
        F.when(F.col("parsed")[_END], F.col("parsed")[_RECORD]).alias("fields"),
    )


def _with_quoted_numbers(names: list[str]) -> Value:
    """The JSON text of ``raw`` with every number as a string.

    In an object of plain values a number follows a key, and where all keys that are wanted end
    with a letter or digit, so does the text before the key's closing quote; within a string a quote
    has a backslash before it. So strings need not be looked at, which is twice as fast.
    """
    # JSON allows blanks around an object, but no byte-order mark
    marked = F.contains("raw", F.lit("\ufeff"))
    text = F.when(marked, F.btrim("raw", F.lit(_BLANKS))).otherwise(F.col("raw"))
    anywhere = F.regexp_replace(text, _STRINGS_AND_NUMBERS, '"$1$2"')
    if not all(re.search(r"[A-Za-z0-9_]\Z", name) for name in names):
        return anywhere
    after_keys = F.regexp_replace(text, _NUMBER_AFTER_KEY, '"$1"$2"')
    return F.when(F.col("raw").rlike(_PLAIN_OBJECT), after_keys).otherwise(anywhere)


def _is_too_long(text: str) -> Value:
    # the size in bytes is known, characters must be counted
    return (F.octet_length(text) > MAX_RECORD) & (F.length(text) > MAX_RECORD)


def _csv(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """CSV with a header; columns are found by name. Record by record in Python: see csv_records."""
    columns = [column.source for column in contract.delivered_columns]
    options = contract.source.options
    style = CsvFormat(tuple(columns), options.get("sep", ","), options.get("quote", '"'))

    def records(lines: Iterable[Row]) -> Iterator[Record]:
        return style.records((file, line) for file, line in lines)

    lines = _lines(spark, contract, paths, root).select("source_file", "raw")
    return _from_records(spark, lines.rdd.mapPartitions(records), columns)


def _xml(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """XML, one record per element of the row tag, in Python: see xml_records."""
    columns = [column.source for column in contract.delivered_columns]
    style = XmlFormat(tuple(columns), contract.source.options["rowTag"])

    def records(pieces: Iterable[Row]) -> Iterator[XmlRecord]:
        return style.records((file, bytes(piece)) for file, piece in pieces)

    reader = spark.read.option("lineSep", CUT.decode()).option("recursiveFileLookup", "true")
    piece = _bounded("value")
    pieces = reader.text(paths).select(_source_file(root).alias("source_file"), piece)
    return _from_records(spark, pieces.rdd.mapPartitions(records), columns)


def _from_records(spark: SparkSession, records: RDD[Any], columns: Sequence[str]) -> DataFrame:
    """What a reader in Python made of a dataset's files: file, row, text, and fields or None."""
    rows = spark.createDataFrame(
        records,
        "source_file string, source_row bigint, raw string, parts array<string>",
        verifySchema=False,
    )
    fields = F.struct(*[F.col("parts")[n].alias(name) for n, name in enumerate(columns)])
    return rows.select(
        "source_file",
        "source_row",
        "raw",
        F.when(F.col("parts").isNotNull(), fields).alias("fields"),
    )


def _parquet(spark: SparkSession, contract: Contract, paths: list[str], root: str) -> DataFrame:
    """Parquet with the types its footers declare; a column that no file has is an error."""
    reader = spark.read.option("mergeSchema", "true").option("recursiveFileLookup", "true")
    rows = reader.parquet(*paths)
    wanted = [column.source for column in contract.delivered_columns]
    missing = sorted(set(wanted) - set(rows.columns))
    if missing:
        raise SourceError(
            f"{contract.dataset}: the files lack {', '.join(missing)} (they have "
            f"{', '.join(rows.columns)}); extract them, or change the contract"
        )
    return rows.select(
        _source_file(root).alias("source_file"),
        _row_in_task().alias("source_row"),
        F.to_json(F.struct(*rows.columns), _RAW_JSON).alias("raw"),
        F.struct(*wanted).alias("fields"),
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
