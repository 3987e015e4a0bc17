"""Files in S3 -> DataFrame, with the defaults of Glue's readers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from awsglue import xml_files
from awsglue.errors import NotSupportedHere

FORMATS = {
    "csv": "csv",
    "glueparquet": "parquet",
    "json": "json",
    "orc": "orc",
    "parquet": "parquet",
    "xml": "xml",
}
INFER = "spark.sql.sources.partitionColumnTypeInference.enabled"
BROKEN = "_corrupt_record"
# AWS Glue Developer Guide, "Data format options": those that need no deed here
WITHOUT_EFFECT = {
    "blockSize",
    "compression",
    "optimizePerformance",
    "pageSize",
    "strictCheckForQuoting",
    "useGlueParquetWriter",
}
SETTINGS = {
    "json": {"multiLine", "multiline"},
    "csv": {"separator", "quoteChar", "escaper", "multiLine", "multiline", "withHeader"},
    "parquet": set[str](),
    "orc": set[str](),
    "xml": {"rowTag", "attributePrefix", "valueTag", "excludeAttribute", "encoding"}
    | {"treatEmptyValuesAsNulls", "ignoreSurroundingSpaces"},
}


def known_format(name: str | None) -> str:
    """Spark's name of a format.

    Raises:
        NotSupportedHere: Avro, Ion, Grok, Hudi, Iceberg, Delta.
    """
    found = FORMATS.get((name or "").lower())
    if found is None:
        raise NotSupportedHere(f"the format {name!r}: {', '.join(sorted(FORMATS))} are")
    return found


def read(
    spark: SparkSession,
    kind: str,
    paths: Sequence[str],
    root: str | None,
    options: Mapping[str, Any],
    names: Sequence[str] | None = None,
) -> DataFrame:
    """Read files; rows that cannot be parsed have their text in the column `BROKEN`.

    Args:
        spark: The session.
        kind: `json`, `csv`, `parquet`, `orc` or `xml`.
        paths: Addresses of files. None: a frame without columns, as on AWS.
        root: Where `key=value` folders in the addresses begin, which become string columns.
            None: they do not count.
        options: Format options as Glue names them.
        names: The columns of CSV files, instead of a header's.
    """
    if not paths:
        return spark.createDataFrame([], StructType([]))
    unknown = set(options) - SETTINGS[kind] - WITHOUT_EFFECT
    if unknown:
        raise NotSupportedHere(f"the {kind} format option {sorted(unknown)[0]!r}")
    if kind == "xml":
        return xml_files.read(spark, paths, root, options)
    reader = spark.read.format(kind)
    if root:
        reader = reader.option("basePath", root)
    if kind == "json":
        lines = options.get("multiLine", options.get("multiline", False))
        reader = reader.option("multiLine", _flag(lines))
    elif kind == "csv":
        header = _flag(options.get("withHeader", False))
        quote = options.get("quoteChar", '"')
        reader = reader.options(
            sep=options.get("separator", ","),
            quote="" if quote in (-1, "-1") else quote,
            escape=options.get("escaper") or '"',
            multiLine=_flag(options.get("multiLine", options.get("multiline", False))),
            header=header,
        )
        if names:
            reader = reader.schema(", ".join(f"`{name}` string" for name in names))
    with _partition_values_as_text(spark):
        frame = reader.load([re.sub(r"([\[\]{}*?\\])", r"\\\1", path) for path in paths])
    if kind == "csv" and not names and not _flag(options.get("withHeader", False)):
        fresh = [re.sub(r"^_c(\d+)$", r"col\1", name) for name in frame.columns]
        frame = frame.toDF(*fresh)
    return frame


def _flag(value: Any) -> bool:
    return str(value).lower() == "true"


@contextmanager
def _partition_values_as_text(spark: SparkSession) -> Iterator[None]:
    """Partition folders give strings, as in a DynamicFrame; the script's own reads infer types."""
    before = str(spark.conf.get(INFER))
    spark.conf.set(INFER, "false")
    try:
        yield
    finally:
        spark.conf.set(INFER, before)


def with_types(frame: DataFrame, wanted: Mapping[str, str]) -> DataFrame:
    """Cast string columns to the catalog's types.

    On AWS a column with a value that is none of its type becomes a choice; here it stays a string.

    Args:
        frame: Read from CSV.
        wanted: Hive types by column.
    """
    typed = [
        name for name in frame.columns if wanted.get(name, "string") not in ("string", "varchar")
    ]
    if not typed:
        return frame
    wrong = [
        F.max(F.expr(f"`{name}` is not null and try_cast(`{name}` as {wanted[name]}) is null"))
        for name in typed
    ]
    found = frame.agg(*wrong).first()
    broken = {name for name, bad in zip(typed, found or (), strict=False) if bad}
    return frame.select(
        *(
            F.expr(f"cast(`{name}` as {wanted[name]})").alias(name)
            if name in typed and name not in broken
            else F.col(f"`{name}`")
            for name in frame.columns
        )
    )
