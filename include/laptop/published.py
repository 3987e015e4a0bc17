"""What readers see: the published partitions and the content of their files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import boto3

from include.lake.contracts import Lake, load_lake
from include.lake.releases import Pointer, parse_pointer

#: Books of a run, not facts about sales: a re-run of a day may split its duplicates otherwise.
#: What was restated depends on what readers had seen before, so on the order of the runs.
BOOKS = frozenset({"run_ledger", "restatements"})


@dataclass(frozen=True)
class Published:
    """The published state.

    Attributes:
        pointer: Which release readers see of which partition.
        location: Where the pointer's file lies.
    """

    pointer: Pointer
    location: str

    @classmethod
    def now(cls) -> "Published":
        """The state as it is."""
        database = load_lake().ops_database
        table = boto3.client("glue").get_table(DatabaseName=database, Name="published")
        location = str(table["Table"]["StorageDescriptor"]["Location"])
        texts = [content.decode() for _, content in objects(location)]
        return cls(parse_pointer("".join(texts)), location)

    def latest_day(self) -> date | None:
        """The last business day of `sales` that is published, if any is."""
        days = [row.sale_date for row in self.pointer if row.table == "sales" and row.sale_date]
        return max(days, default=None)

    def digests(self) -> dict[str, str]:
        """Sha256 by table, over its published partitions and the bytes of their files.

        File names do not count: they carry the run's token.
        """
        locations = {name: _locations(database, name) for database, name in _tables(load_lake())}
        digests: dict[str, Any] = {}
        for row in self.pointer:
            if row.table in BOOKS:
                continue
            digest = digests.setdefault(row.table, hashlib.sha256())
            digest.update("/".join(row.key).encode())
            location = locations[row.table][row.partition_values]
            for content in sorted(hashlib.sha256(body).digest() for _, body in objects(location)):
                digest.update(content)
        return {table: digest.hexdigest() for table, digest in digests.items()}


def objects(location: str) -> Iterator[tuple[str, bytes]]:
    """Key and bytes of every object below an `s3://` location, by key."""
    s3 = boto3.client("s3")
    address = urlsplit(location.rstrip("/") + "/")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=address.netloc, Prefix=address.path.lstrip("/")
    )
    for page in pages:
        for one in page.get("Contents", []):
            body = s3.get_object(Bucket=address.netloc, Key=one["Key"])["Body"].read()
            yield one["Key"], body


def _tables(lake: Lake) -> Iterator[tuple[str, str]]:
    glue = boto3.client("glue")
    for database in (lake.silver_database, lake.gold_database, lake.ops_database):
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
            for table in page["TableList"]:
                yield database, table["Name"]


def _locations(database: str, table: str) -> dict[tuple[str, ...], str]:
    """Location by partition values, of all releases."""
    pages = boto3.client("glue").get_paginator("get_partitions")
    return {
        tuple(partition["Values"]): partition["StorageDescriptor"]["Location"]
        for page in pages.paginate(DatabaseName=database, TableName=table)
        for partition in page["Partitions"]
    }
