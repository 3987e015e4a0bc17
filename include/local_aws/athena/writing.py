"""CREATE TABLE AS and INSERT: rows to files, one per partition, then the catalog."""

import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import NULL_PARTITION, objects_under, split_location
from include.local_aws.athena.results import as_text
from include.local_aws.athena.types import Column, literal, quoted, to_hive

MAX_PARTITIONS = 100
BATCH = 100
ROWS = "_rows"
UNSAFE = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")
CODECS = {
    "parquet": {"GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE", "UNCOMPRESSED"},
    "json": {"GZIP", "NONE", "UNCOMPRESSED"},
    "textfile": {"GZIP", "NONE", "UNCOMPRESSED"},
}
SERDES = {
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
    "json": (
        "org.openx.data.jsonserde.JsonSerDe",
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    ),
    "textfile": (
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    ),
}


@dataclass(frozen=True)
class Layout:
    """How and where rows are written.

    Attributes:
        location: folder in S3, ends with `/`.
        format: `parquet`, `json` or `textfile`.
        codec: upper-case compression name.
        level: compression level, for ZSTD.
        keys: names of the partition columns, which are the last columns.
        delimiter: between the fields of `textfile`.
        buckets: names of the columns whose values tell a row's file, of `bucket_count` files in
            each partition; Hive's hash function is not this one's.
        bucket_count: 1 without buckets.
    """

    location: str
    format: str
    codec: str
    level: int | None
    keys: tuple[str, ...]
    delimiter: str = "\x01"
    buckets: tuple[str, ...] = ()
    bucket_count: int = 1


@dataclass(frozen=True)
class Written:
    """A new file of a partition (keys and values are empty without partitions)."""

    values: tuple[str, ...]
    folder: str
    url: str
    rows: int


def require_empty(s3: Any, location: str, table: str) -> None:
    """Refuse to write where something is.

    Raises:
        QueryError: HIVE_PATH_ALREADY_EXISTS.
    """
    bucket, prefix = split_location(location)
    for key, _ in objects_under(s3, bucket, prefix):
        raise QueryError(
            "HIVE_PATH_ALREADY_EXISTS",
            f"Target directory for table '{table}' already exists: {location} (it holds {key}). "
            "You may need to manually clean the data at that location before retrying. "
            "Athena will not delete data in your account.",
        )


def materialise(engine: Engine, sql: str, columns: Sequence[Column]) -> int:
    """Compute the rows, in order, into a temporary table; give their number."""
    names = [f"_c{i}" for i in range(len(columns))]
    items = ", ".join(
        f"CAST({name} AS {column.type}) AS {quoted(column.name)}"
        for name, column in zip(names, columns, strict=True)
    )
    engine.run(
        f"CREATE TEMP TABLE {ROWS} AS SELECT {items} FROM ({sql}) _r({', '.join(names)})"
    ).fetchall()
    engine.settle()
    return int(engine.run(f"SELECT count(*) FROM {ROWS}").fetchone()[0])


def write(
    engine: Engine,
    s3: Any,
    columns: Sequence[Column],
    layout: Layout,
    name: str,
    scratch: Path,
    folders: Mapping[tuple[str, ...], str],
) -> list[Written]:
    """Write the materialised rows, in order; equal rows give equal bytes.

    There is one file per partition, or per partition and bucket.

    Args:
        engine: where `materialise` ran.
        s3: boto3 client.
        columns: all columns, partition columns last.
        layout: where and how.
        name: file name.
        scratch: folder for files before their upload.
        folders: locations of partitions that exist already, by their values.

    Raises:
        QueryError: HIVE_TOO_MANY_OPEN_PARTITIONS, before anything is written.
    """
    keys = [column for column in columns if column.name in layout.keys]
    data = [column for column in columns if column.name not in layout.keys]
    groups: list[tuple[Any, ...]] = [()]
    if keys:
        listed = ", ".join(f"CAST({quoted(key.name)} AS VARCHAR)" for key in keys)
        groups = engine.run(f"SELECT DISTINCT {listed} FROM {ROWS} ORDER BY ALL").fetchall()
    if len(groups) * layout.bucket_count > MAX_PARTITIONS:
        raise QueryError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
            f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets",
        )
    written = []
    for number, group in enumerate(groups):
        where = " AND ".join(
            f"CAST({quoted(key.name)} AS VARCHAR) IS NOT DISTINCT FROM "
            + ("NULL" if value is None else literal(value))
            for key, value in zip(keys, group, strict=True)
        )
        select = f"SELECT {', '.join(quoted(c.name) for c in data)} FROM {ROWS}"
        select += f" WHERE {where or 'true'}"
        values = tuple(NULL_PARTITION if value is None else str(value) for value in group)
        folder = folders.get(values) or layout.location + "".join(
            f"{escaped(key.name)}={escaped(value)}/"
            for key, value in zip(keys, values, strict=True)
        )
        folder = folder if folder.endswith("/") else folder + "/"
        bucket, prefix = split_location(folder)
        for bucketed, chosen in _buckets(layout, select):
            rows = int(engine.run(f"SELECT count(*) FROM ({chosen})").fetchone()[0])
            if rows == 0:
                continue
            local = scratch / f"part-{number}"
            suffix = _write_file(engine, chosen, layout, local)
            key = f"{prefix}{name}{bucketed}{suffix}"
            s3.upload_file(str(local), bucket, key)
            local.unlink()
            written.append(Written(values, folder, f"s3://{bucket}/{key}", rows))
    return written


def _buckets(layout: Layout, select: str) -> list[tuple[str, str]]:
    """Give for each bucket what its file's name ends with, and the SQL of its rows."""
    if not layout.buckets:
        return [("", select)]
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in layout.buckets)
    bucket = f"md5_number_lower(concat_ws('\x1f', {texts})) % {layout.bucket_count}"
    return [
        (f"_bucket-{n:05d}", f"{select} AND {bucket} = {n}") for n in range(layout.bucket_count)
    ]


def _write_file(engine: Engine, select: str, layout: Layout, path: Path) -> str:
    """Write rows to a local file and give the suffix of its name."""
    target = literal(str(path))
    codec = {"NONE": "UNCOMPRESSED"}.get(layout.codec, layout.codec).lower()
    if layout.format == "parquet":
        level = f", COMPRESSION_LEVEL {layout.level}" if layout.level and codec == "zstd" else ""
        engine.run(f"COPY ({select}) TO {target} (FORMAT parquet, COMPRESSION {codec}{level})")
        return ""
    plain = path.with_suffix(".plain")
    if layout.format == "json":
        engine.run(f"COPY ({select}) TO {literal(str(plain))} (FORMAT json, COMPRESSION none)")
    else:
        _write_text(engine, select, layout.delimiter, plain)
    if codec == "uncompressed":
        plain.rename(path)
        return ""
    with (
        plain.open("rb") as source,
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as target_file,
    ):
        while block := source.read(1 << 20):
            target_file.write(block)
    plain.unlink()
    return ".gz"


def _write_text(engine: Engine, select: str, delimiter: str, path: Path) -> None:
    cursor = engine.run(select)
    with path.open("w", encoding="utf-8", newline="") as file:
        while rows := engine.fetch(cursor, 10_000):
            for row in rows:
                fields = ["\\N" if value is None else as_text(value) for value in row]
                if any(delimiter in field or "\n" in field for field in fields):
                    raise not_supported("text with the field or line separator in a TEXTFILE table")
                file.write(delimiter.join(fields) + "\n")


def escaped(text: str) -> str:
    """Escape a part of a partition's folder as Hive does."""
    return UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", text)


def storage(columns: Sequence[Column], layout: Layout) -> dict[str, Any]:
    """Describe a table's or partition's storage for the Glue catalog."""
    serde, reads, writes = SERDES[layout.format]
    parameters = {"serialization.format": "1"}
    if layout.format == "textfile":
        parameters = {"field.delim": layout.delimiter, "serialization.format": layout.delimiter}
    return {
        "Columns": [
            {"Name": c.name, "Type": to_hive(c.type)} for c in columns if c.name not in layout.keys
        ],
        "Location": layout.location.rstrip("/"),
        "InputFormat": reads,
        "OutputFormat": writes,
        "Compressed": False,
        "NumberOfBuckets": layout.bucket_count if layout.buckets else -1,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": parameters},
        "BucketColumns": list(layout.buckets),
        "SortColumns": [],
        "Parameters": {},
        "StoredAsSubDirectories": False,
    }


def partition_inputs(written: Sequence[Written], described: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe new partitions for the Glue catalog."""
    return [
        {
            "Values": list(values),
            "StorageDescriptor": {**described, "Location": folder.rstrip("/")},
            "Parameters": {},
        }
        for values, folder in {item.values: item.folder for item in written}.items()
    ]
