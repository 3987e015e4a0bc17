"""Releases published one after the other on a real catalog, with their files."""

from collections.abc import Iterable
from datetime import date
from types import SimpleNamespace
from typing import Any

from include.lake import layout, releases
from include.lake.window import Window
from retail_lake.hooks.catalog import CatalogHook
from tests.unit.plugins.world import DAY, MART, PARQUET, World, release

CLEAN = "clean_ecommerce_orders"
TABLES = {CLEAN: "silver", "sales": "silver", MART: "gold"}


class Editions:
    """The world's lake with silver tables, published edition by edition."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bucket = world.bucket
        world.put(f"{layout.EMPTY_POINTER_PREFIX}{layout.POINTER_FILE}")
        for table in (CLEAN, "sales"):
            keys = dict.fromkeys(layout.partition_keys(table), "string")
            world.table(table, keys, PARQUET)

    @property
    def declared(self) -> list[Any]:
        """The tables as the contracts would declare them."""
        return [
            SimpleNamespace(
                database=self.world.database,
                name=table,
                table_input={
                    "StorageDescriptor": {
                        **PARQUET,
                        "Location": f"s3://{self.bucket}/{layer}/{table}/",
                    },
                    "PartitionKeys": [
                        {"Name": key, "Type": "string"} for key in layout.partition_keys(table)
                    ],
                },
            )
            for table, layer in TABLES.items()
        ]

    def folder(self, table: str, name: str, day: str, attempt: int = 1) -> str:
        """Where a release's partition lies."""
        return f"{TABLES[table]}/{table}/release={name}/try={attempt}/sale_date={day}/"

    def write(self, table: str, name: str, day: str, attempt: int = 1) -> None:
        """The file of one partition."""
        self.world.put(f"{self.folder(table, name, day, attempt)}data.parquet", name.encode())

    def register(self, table: str, name: str, day: str) -> None:
        """The partition, in the catalog."""
        values = [day, day, name] if table == CLEAN else [day, name]
        location = f"s3://{self.bucket}/{self.folder(table, name, day)}"
        partition = {"values": values, "location": location}
        CatalogHook().register(self.world.database, table, [partition])

    def publish(self, number: int, days: Iterable[str] = (DAY,)) -> str:
        """Writes, registers and publishes a release of days; returns its id."""
        name = release(number)
        self.world.write(layout.inputs_key(name), {"release": name})
        rows = []
        for text in days:
            day = date.fromisoformat(text)
            for table in TABLES:
                self.write(table, name, text)
                self.register(table, name, text)
                rows.append(releases.PointerRow(table, day if table == CLEAN else None, day, name))
        found = sorted(row.sale_date for row in rows if row.sale_date)
        publication = releases.Publication(
            name, Window(found[0], found[-1]), frozenset(found), frozenset(TABLES), tuple(rows)
        )
        hook = CatalogHook()
        table = hook.table(*self.world.pointer)
        now = releases.parse_pointer(self.world.read(f"{self.world.location()}pointer.jsonl"))
        pointer = releases.next_pointer(now, now, publication)
        prefix = layout.published_prefix(name, pointer.digest())
        self.world.put(f"{prefix}{layout.POINTER_FILE}", pointer.text().encode())
        hook.move(
            table,
            f"s3://{self.bucket}/{prefix}",
            {"release": name, "run": f"run {number}", "rows": "7"},
        )
        return name

    def keys(self, prefix: str = "") -> set[str]:
        """All objects."""
        pages = self.world.s3.get_paginator("list_objects_v2")
        return {
            item["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for item in page.get("Contents", ())
        }

    def version(self) -> str:
        """The current version of the pointer."""
        return str(CatalogHook().table(*self.world.pointer)["VersionId"])
