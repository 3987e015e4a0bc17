"""What a release changes of published numbers: on the real local Athena, by hand-made marts."""

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.lake import catalog, layout, marts, releases
from include.lake.contracts import load_lake
from include.lake.restatements import Comparison
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.operators.restatements import RestatementsOperator
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.world import World, release

LAKE = load_lake()
(DAILY,) = (mart for mart in marts.load_marts() if mart.name == "daily_sales")
OLD, NEW = release(1), release(2)
FIRST, SECOND, THIRD = (date(2025, 3, day) for day in (1, 2, 3))
FILES = {
    FIRST: "bronze/ecommerce_orders/ingest_date=2025-03-02/late.jsonl",
    SECOND: "bronze/ecommerce_orders/ingest_date=2025-03-02/orders.jsonl",
}
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON_LINES = "org.openx.data.jsonserde.JsonSerDe"
TOLD = ("old_rows", "new_rows", "old_revenue", "new_revenue", "changed")
ARROW = {"string": pa.string(), "bigint": pa.int64(), "decimal(18,2)": pa.decimal128(18, 2)}


class Shop:
    """Published and staged marts, and the release's sales, as a World holds them."""

    def __init__(self, world: World, workgroup: str) -> None:
        self.world = world
        self.workgroup = workgroup
        self.base: list[releases.PointerRow] = []
        self.glue = CatalogHook()
        name = world.database
        self.lake = replace(LAKE, silver_database=name, gold_database=name, ops_database=name)
        world.glue.delete_table(DatabaseName=world.database, Name="daily_sales")
        keys = {"sale_date": "date", "release": "string"}
        columns = {column.name: column.type for column in DAILY.data_columns}
        for name, of_it, by, serde in (
            ("daily_sales", columns, keys, PARQUET),
            ("staged", columns, {"sale_date": "date"}, PARQUET),
            ("sales", {"source_file": "string", "ingest_date": "date"}, keys, PARQUET),
            ("restatements", catalog.RESTATEMENTS_COLUMNS, keys, JSON_LINES),
        ):
            listed = [{"Name": one, "Type": kind} for one, kind in of_it.items()]
            world.table(name, by, {"Columns": listed, "SerdeInfo": {"SerializationLibrary": serde}})

    def rows(self, table: str, day: date, *rows: tuple[str, int, int, str], by: str = "") -> None:
        """Rows (channel, transactions, customers, revenue) of a day, all sold and none returned."""
        columns = {
            "channel": [row[0] for row in rows],
            "transactions": [row[1] for row in rows],
            "units": [row[1] for row in rows],
            "gross_revenue": [Decimal(row[3]) for row in rows],
            "returns": [Decimal("0.00") for _ in rows],
            "revenue": [Decimal(row[3]) for row in rows],
            "customers": [row[2] for row in rows],
        }
        kinds = {column.name: ARROW[column.type] for column in DAILY.data_columns}
        self.put(table, day, pa.table(columns, schema=pa.schema(list(kinds.items()))), by)
        if by:
            self.base.append(releases.PointerRow("daily_sales", None, day, by))

    def sold(self, day: date, *found: tuple[str, date]) -> None:
        """The release's sales of a day: (file, arrival day)."""
        columns = {"source_file": [file for file, _ in found], "ingest_date": [d for _, d in found]}
        self.put("sales", day, pa.table(columns), NEW)

    def put(self, table: str, day: date, content: pa.Table, by: str) -> None:
        data = io.BytesIO()
        pq.write_table(content, data)
        folder = f"{table}/{by}/{day}/"
        self.world.put(f"{folder}part.parquet", data.getvalue())
        location = f"s3://{self.world.bucket}/{folder}"
        values = [str(day), by] if by else [str(day)]
        self.glue.register(self.world.database, table, [{"values": values, "location": location}])

    def publish(self, *days: date) -> str:
        """Says which days readers have seen; returns the pointer's folder."""
        self.base += [releases.PointerRow("sales", None, day, OLD) for day in days]
        text = releases.Pointer(tuple(self.base)).text()
        self.world.put("ops/published/base/pointer.jsonl", text.encode())
        return f"s3://{self.world.bucket}/ops/published/base/"

    def compare(self, base: str, *affected: date, review: bool = False) -> dict[str, Any]:
        days = [str(day) for day in affected]
        window = {"window": {"from": str(SECOND), "to": str(SECOND)}}
        operator = RestatementsOperator(
            task_id="restatements",
            release=NEW,
            inputs=self.world.write("inputs.json", window),
            manifest=self.world.write("silver.json", {"affected_days": days}),
            base_location=base,
            staged={"daily_sales": f"{self.world.database}.staged"},
            bucket=self.world.bucket,
            layout=layout,
            rules=Comparison(self.lake, (DAILY,)),
            database=self.world.database,
            workgroup=self.workgroup,
        )
        context = {**self.world.context, "params": {"review": review}}
        found: dict[str, Any] = complete(operator, context)
        return found

    def changes(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """What a review is told, by mart and day: rows, revenue, rows that differ."""
        listed = json.loads(self.world.read("changes.json"))["changes"]
        return {
            (one.pop("mart"), one.pop("sale_date")): tuple(one[name] for name in TOLD)
            for one in listed
        }

    def query(self, columns: str) -> list[list[str | None]]:
        """What Athena reads of the restatements."""
        operator = ReleaseAthenaOperator(
            task_id="look",
            query=f"SELECT {columns} FROM restatements ORDER BY 1",
            database=self.world.database,
            workgroup=self.workgroup,
        )
        query = complete(operator, self.world.context)["query_execution_id"]
        return [list(row.values()) for row in operator.rows({"QueryExecutionId": query})]

    def stored(self, day: date) -> list[dict[str, Any]]:
        """The rows that are kept for a day, where the catalog says."""
        location = self.glue.locations(self.world.database, "restatements", [[str(day), NEW]])
        (folder,) = location.values()
        text = self.world.read(f"{folder}restatements.jsonl")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def shop(world: World, workgroup: str) -> Shop:
    return Shop(world, workgroup)


def test_every_value_that_differs_is_kept_with_old_new_and_file(
    shop: Shop,
) -> None:
    shop.rows("daily_sales", FIRST, ("store", 5, 4, "50.00"), ("web", 3, 3, "30.10"), by=OLD)
    shop.rows("daily_sales", SECOND, ("web", 1, 1, "10.00"), by=OLD)
    shop.rows("staged", FIRST, ("store", 5, 4, "50.00"), ("web", 4, 3, "35.20"))
    shop.rows("staged", SECOND, ("web", 1, 1, "10.00"))
    shop.rows("staged", THIRD, ("web", 9, 9, "90.00"))  # nobody has seen this day
    shop.sold(FIRST, (FILES[FIRST], SECOND), ("bronze/earlier.jsonl", FIRST))
    shop.sold(SECOND, (FILES[SECOND], SECOND))
    result = shop.compare(shop.publish(FIRST, SECOND), FIRST, SECOND, THIRD)

    assert result["restated"] == {str(FIRST): 4}
    assert shop.world.context["ti"].xcoms["load", "days"] == [str(FIRST)]
    key = {"sale_date": str(FIRST), "channel": "web"}
    assert {(row["mart"], row["row_key"]) for row in shop.stored(FIRST)} == {
        ("daily_sales", json.dumps(key))
    }
    assert shop.query("measure, old_value, new_value, cardinality(files), files[1]") == [
        ["gross_revenue", "30.10", "35.20", "1", FILES[FIRST]],
        ["revenue", "30.10", "35.20", "1", FILES[FIRST]],
        ["transactions", "3", "4", "1", FILES[FIRST]],
        ["units", "3", "4", "1", FILES[FIRST]],
    ]


def test_rows_that_come_and_go_have_no_old_or_no_new_value(shop: Shop) -> None:
    shop.rows("daily_sales", FIRST, ("store", 5, 4, "50.00"), by=OLD)
    shop.rows("staged", FIRST, ("web", 1, 1, "7.00"))
    shop.sold(FIRST, (FILES[FIRST], SECOND))
    base = shop.publish(FIRST)
    shop.compare(base, FIRST)
    revenue = {
        json.loads(row["row_key"])["channel"]: (row["old_value"], row["new_value"])
        for row in shop.stored(FIRST)
        if row["measure"] == "revenue"
    }
    assert revenue == {"store": ("50.00", None), "web": (None, "7.00")}
    before = shop.stored(FIRST)
    shop.compare(base, FIRST)
    assert shop.stored(FIRST) == before, "twice is once"


def test_a_day_that_was_published_empty_is_restated(shop: Shop) -> None:
    shop.rows("daily_sales", SECOND, ("web", 1, 1, "10.00"), by=OLD)
    shop.rows("staged", FIRST, ("web", 1, 1, "7.00"))
    shop.sold(FIRST, (FILES[FIRST], SECOND))
    assert shop.compare(shop.publish(FIRST, SECOND), FIRST)["restated"] == {str(FIRST): 6}


def test_nothing_that_differs_is_nothing_kept(shop: Shop) -> None:
    shop.rows("daily_sales", FIRST, ("web", 3, 3, "30.10"), by=OLD)
    shop.rows("staged", FIRST, ("web", 3, 3, "30.10"))
    shop.sold(FIRST, (FILES[FIRST], SECOND))
    assert shop.compare(shop.publish(FIRST), FIRST)["restated"] == {}
    assert shop.glue.partitions(shop.world.database, "restatements") == []


def test_new_days_and_new_marts_need_no_query(shop: Shop) -> None:
    shop.rows("staged", FIRST, ("web", 3, 3, "30.10"))
    assert shop.compare(shop.publish(), FIRST) == {
        "bytes_scanned": 0,
        "milliseconds": 0,
        "restated": {},
    }
    assert "query_execution_id" not in shop.compare(shop.publish(FIRST), FIRST)


def test_only_the_partitions_concerned_are_named() -> None:
    rows = (
        releases.PointerRow("sales", None, FIRST, OLD),
        releases.PointerRow("daily_sales", None, FIRST, OLD),
        releases.PointerRow("daily_sales", None, THIRD, release(7)),
    )
    sql = Comparison(LAKE, (DAILY,)).statement(
        {"daily_sales": "retail_gold.daily_sales__x"},
        releases.Pointer(rows).text(),
        [FIRST, SECOND],
        NEW,
        (SECOND, SECOND),
    )
    assert sql is not None
    assert f"(release = '{OLD}' AND sale_date IN (DATE '2025-03-01'))" in sql
    assert release(7) not in sql


def test_a_review_is_told_of_every_day_and_readers_of_what_they_had_seen(shop: Shop) -> None:
    shop.rows("daily_sales", FIRST, ("store", 5, 4, "50.00"), ("web", 3, 3, "30.10"), by=OLD)
    shop.rows("daily_sales", SECOND, ("web", 1, 1, "10.00"), by=OLD)
    shop.rows("staged", FIRST, ("store", 5, 4, "50.00"), ("web", 4, 3, "35.20"))
    shop.rows("staged", SECOND, ("web", 1, 1, "10.00"))
    shop.rows("staged", THIRD, ("store", 1, 1, "0.50"), ("web", 9, 9, "90.00"))
    shop.sold(FIRST, (FILES[FIRST], SECOND))
    result = shop.compare(shop.publish(FIRST, SECOND), FIRST, SECOND, THIRD, review=True)
    assert shop.changes() == {
        ("daily_sales", str(FIRST)): (2, 2, "80.10", "85.20", 1),
        ("daily_sales", str(SECOND)): (1, 1, "10.00", "10.00", 0),
        ("daily_sales", str(THIRD)): (0, 2, None, "90.50", 2),
    }
    assert result["restated"] == {str(FIRST): 4}, "nobody had seen the third day"


def test_a_review_of_a_day_that_loses_all_rows(shop: Shop) -> None:
    shop.rows("daily_sales", FIRST, ("store", 5, 4, "50.00"), ("web", 3, 3, "30.10"), by=OLD)
    shop.rows("staged", SECOND, ("web", 1, 1, "7.00"))
    shop.compare(shop.publish(FIRST), FIRST, review=True)
    assert shop.changes() == {("daily_sales", str(FIRST)): (2, 0, "80.10", None, 2)}


def test_a_review_before_anything_was_published(shop: Shop) -> None:
    shop.rows("staged", FIRST, ("web", 3, 3, "30.10"))
    assert shop.compare(shop.publish(), FIRST, review=True)["restated"] == {}
    assert shop.changes() == {("daily_sales", str(FIRST)): (0, 1, None, "30.10", 1)}
