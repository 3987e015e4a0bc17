"""Where a table's rows are: registered partitions and the files at their locations."""

import datetime as dt
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.projection import is_projected, projected
from include.local_aws.athena.relations import Glue, Table

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
LISTING_THREADS = 8


@dataclass(frozen=True)
class Partition:
    """A registered partition.

    Attributes:
        values: one per key, in order; None is NULL.
        location: folder of its files.
        columns: (name, Hive type) pairs that it declares itself, often those of the table.
    """

    values: tuple[str | None, ...]
    location: str
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class File:
    """A data object: its URL, its size in bytes, and the number of its partition."""

    url: str
    size: int
    partition: int


def split_location(location: str) -> tuple[str, str]:
    """Split `s3://bucket/prefix` into the bucket and a prefix that ends with `/` (or is empty).

    Raises:
        QueryError: the location is not in S3.
    """
    url = urlsplit(location)
    if url.scheme not in {"s3", "s3a", "s3n"} or not url.netloc:
        raise QueryError("HIVE_METASTORE_ERROR", f"not a location in S3: '{location}'")
    prefix = location.split(url.netloc, 1)[1].lstrip("/")
    return url.netloc, prefix if not prefix or prefix.endswith("/") else prefix + "/"


def partitions_of(table: Table, glue: Glue) -> list[Partition]:
    """Give the partitions that queries see: projected ones, else those of the catalog."""
    if is_projected(table):
        now = dt.datetime.now(dt.UTC)
        return [Partition(values, location) for values, location in projected(table, now)]
    return registered_partitions(table, glue)


def registered_partitions(table: Table, glue: Glue) -> list[Partition]:
    """Give the partitions of the catalog; an unpartitioned table is one partition.

    Raises:
        QueryError: the table mixes formats.
    """
    storage = table.glue.get("StorageDescriptor") or {}
    if not table.keys:
        return [Partition((), storage.get("Location", ""))]
    request: dict[str, Any] = {"DatabaseName": table.database, "TableName": table.name}
    found = []
    while True:
        page = glue("GetPartitions", request)
        for entry in page.get("Partitions", []):
            own = entry.get("StorageDescriptor") or {}
            if _library(own) not in {"", _library(storage)}:
                raise not_supported(f"partitions of {table.qualified} in different formats")
            values = tuple(None if v == NULL_PARTITION else v for v in entry["Values"])
            declared = tuple(
                (c["Name"].lower(), c.get("Type", "")) for c in own.get("Columns") or []
            )
            found.append(Partition(values, own.get("Location", ""), declared))
        if not page.get("NextToken"):
            return sorted(found, key=lambda p: tuple(v or "" for v in p.values))
        request["NextToken"] = page["NextToken"]


def _library(storage: dict[str, Any]) -> str:
    return str((storage.get("SerdeInfo") or {}).get("SerializationLibrary", ""))


def list_files(s3: Any, partitions: Iterable[tuple[int, Partition]]) -> list[File]:
    """List the data files of numbered partitions, in their order; hidden and empty ones are not."""
    numbered = list(partitions)
    if len(numbered) == 1:
        return list(_listed(s3, *numbered[0]))
    with ThreadPoolExecutor(LISTING_THREADS) as pool:
        pages = pool.map(lambda item: list(_listed(s3, *item)), numbered)
        return [file for page in pages for file in page]


def _listed(s3: Any, number: int, partition: Partition) -> Iterator[File]:
    bucket, prefix = split_location(partition.location)
    for key, size in objects_under(s3, bucket, prefix):
        parts = key[len(prefix) :].split("/")
        if size == 0 or any(part.startswith(("_", ".")) for part in parts):
            continue
        if any(character in key for character in "*?["):
            raise not_supported(f"an object whose key has a wildcard in it: s3://{bucket}/{key}")
        yield File(f"s3://{bucket}/{key}", size, number)


def objects_under(s3: Any, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    """List (key, size) of all objects under a prefix, sorted by key.

    Raises:
        QueryError: the bucket does not exist.
    """
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                yield item["Key"], item["Size"]
    except s3.exceptions.NoSuchBucket as error:
        raise QueryError("HIVE_METASTORE_ERROR", f"bucket '{bucket}' does not exist") from error
