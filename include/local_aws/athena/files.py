"""Where a table's rows are: registered partitions and the files at their locations."""

import bisect
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.projection import is_projected, projected
from include.local_aws.athena.relations import Glue, Table
from include.local_aws.front.context import AwsError

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
LISTING_THREADS = 8
WORTH_A_PAGE = 8
"""Partitions that take as long to list as a page of 1,000 keys."""


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


def partitions_of(table: Table, glue: Glue, expression: str | None = None) -> list[Partition]:
    """Give the partitions that queries see: projected ones, else those of the catalog.

    Args:
        table: whose.
        glue: calls Glue actions.
        expression: what the catalog filters by; projected partitions are not filtered.
    """
    if is_projected(table):
        now = dt.datetime.now(dt.UTC)
        return [Partition(values, location) for values, location in projected(table, now)]
    try:
        return registered_partitions(table, glue, expression)
    except AwsError as error:
        # a value that is not of its key's type: whoever reads all of them names it
        if expression is None or error.code != "InvalidInputException":
            raise
        return registered_partitions(table, glue)


def registered_partitions(
    table: Table, glue: Glue, expression: str | None = None
) -> list[Partition]:
    """Give the partitions of the catalog; an unpartitioned table is one partition.

    Raises:
        QueryError: the table mixes formats.
    """
    storage = table.glue.get("StorageDescriptor") or {}
    if not table.keys:
        return [Partition((), storage.get("Location", ""))]
    request: dict[str, Any] = {"DatabaseName": table.database, "TableName": table.name}
    if expression:
        request["Expression"] = expression
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
    shared = _listed_together(s3, [partition for _, partition in numbered])
    if shared is not None:
        return [
            file
            for number, partition in numbered
            for file in _data_files(partition, number, shared[_folder(partition)])
        ]
    with ThreadPoolExecutor(LISTING_THREADS) as pool:
        pages = pool.map(lambda item: list(_listed(s3, *item)), numbered)
        return [file for page in pages for file in page]


def _listed_together(
    s3: Any, partitions: Sequence[Partition]
) -> dict[tuple[str, str], list[tuple[str, int]]] | None:
    """List the folder that all partitions are in, where that takes fewer requests than each one's.

    Returns:
        (key, size) of the objects of each partition by its bucket and prefix; None when the
        partitions are to be listed one by one: the folder holds too much else, or may not be
        listed as a whole.
    """
    folders = {_folder(partition) for partition in partitions}
    pages = len(folders) // WORTH_A_PAGE
    buckets = {bucket for bucket, _ in folders}
    prefixes = sorted(prefix for _, prefix in folders)
    nested = any(after.startswith(before) for before, after in itertools.pairwise(prefixes))
    if not pages or len(buckets) != 1 or nested:
        return None
    ends = zip(prefixes[0], prefixes[-1], strict=False)
    shared = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ends))
    common = shared.rpartition("/")[0]
    if not common:
        return None
    (bucket,) = buckets
    found: dict[tuple[str, str], list[tuple[str, int]]] = {folder: [] for folder in folders}
    try:
        objects = list(itertools.islice(objects_under(s3, bucket, common + "/"), pages * 1000 + 1))
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return None
    if len(objects) > pages * 1000:
        return None
    for key, size in objects:
        # the last prefix that sorts before the key is the only one that it can start with
        at = bisect.bisect_right(prefixes, key) - 1
        if at >= 0 and key.startswith(prefixes[at]):
            found[bucket, prefixes[at]].append((key, size))
    return found


def _folder(partition: Partition) -> tuple[str, str]:
    return split_location(partition.location)


def _listed(s3: Any, number: int, partition: Partition) -> list[File]:
    return _data_files(partition, number, objects_under(s3, *_folder(partition)))


def _data_files(
    partition: Partition, number: int, objects: Iterable[tuple[str, int]]
) -> list[File]:
    """Choose the data files among (key, size) of the objects of a partition."""
    bucket, prefix = _folder(partition)
    files = []
    for key, size in objects:
        parts = key[len(prefix) :].split("/")
        if size == 0 or any(part.startswith(("_", ".")) for part in parts):
            continue
        if any(character in key for character in "*?["):
            raise not_supported(f"an object whose key has a wildcard in it: s3://{bucket}/{key}")
        files.append(File(f"s3://{bucket}/{key}", size, number))
    return files


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
