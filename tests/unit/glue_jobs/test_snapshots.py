"""Snapshots: a state per arrival day, and what sales take from it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Column, Contract, Enrichment, Lake
from tests.unit.glue_jobs.lake_folder import LakeFolder
from tests.unit.glue_jobs.test_bronze_to_silver import HEADER, order

D1, D2 = "2026-03-10", "2026-03-11"
LATER = "r20260311_0123456789ab"


def text(name: str, key: int | None = None) -> Column:
    return Column(name, name, "string", required=key is not None, primary_key=key)


@pytest.fixture
def lake_with_names(lake: Lake) -> Lake:
    """Orders without names of their own, wholesale with, and the day's names of products."""
    orders = lake.contract("ecommerce_orders")
    names = {"product_name": "CAST(NULL AS STRING)", "category": "CAST(NULL AS STRING)"}
    orders = replace(orders, sales={**orders.sales, **names})
    feed = Contract(
        dataset="product_feed",
        version="1.0.0",
        title="Products",
        owner="o",
        description="d",
        source=replace(orders.source, business_time=None, format="jsonl"),
        columns=(text("product_id", 1), text("name"), text("category")),
        rules=(),
        lateness_days=0,
        channel=None,
        sales={},
        snapshot="products",
        enriches=Enrichment(
            {"product_id": "product_id"}, {"product_name": "name", "category": "category"}
        ),
    )
    wholesale = lake.contract("wholesale_invoices")
    return replace(lake, contracts=(orders, feed, wholesale))


def product(key: str | None, name: str, category: str = "Food") -> str:
    return json.dumps({"product_id": key, "name": name, "category": category}) + "\n"


def test_sales_take_names_from_the_snapshot_of_their_own_day(
    spark: SparkSession, lake_with_names: Lake, lake_folder: LakeFolder
) -> None:
    first = lake_folder.put(
        "product_feed", D1, "a.jsonl", product("P1", "old") + product("P2", "two")
    )
    second = lake_folder.put(
        "product_feed", D1, "b.jsonl", product("P1", "Tea") + product(None, "x")
    )
    lake_folder.put("product_feed", D2, "a.jsonl", product("P1", "Tea (new)", "Drinks"))
    lake_folder.put("ecommerce_orders", D1, "o.jsonl", order(1, timestamp=f"{D1}T09:00:00"))
    late = order(2, timestamp=f"{D1}T10:00:00", product_id="P2")
    today = order(3, timestamp=f"{D2}T10:00:00") + order(
        4, timestamp=f"{D2}T10:00:00", product_id="P9"
    )
    lake_folder.put("ecommerce_orders", D2, "o.jsonl", late + today)
    own = f"{HEADER}\n536365,P1,HEART,6,{D1} 08:26:00,2.55,17850,United Kingdom\n"
    lake_folder.put("wholesale_invoices", D1, "w.csv", own)

    manifest = lake_folder.build(spark, lake_with_names, D1, D2)

    assert lake_folder.query(
        "SELECT transaction_id, product_name, category FROM sales WHERE channel = 'web' ORDER BY 1"
    ) == [
        ("TXN000001", "Tea", "Food"),
        ("TXN000002", "two", "Food"),  # arrived on the second day, looked up on the first
        ("TXN000003", "Tea (new)", "Drinks"),
        ("TXN000004", None, None),
    ]
    # What a sale says itself is kept.
    assert lake_folder.query(
        "SELECT product_name, category FROM sales WHERE channel = 'wholesale'"
    ) == [("HEART", "Wholesale")]
    assert lake_folder.query(
        "SELECT CAST(ingest_date AS VARCHAR), product_id, name, source_file "
        "FROM products ORDER BY ALL"
    ) == [
        (D1, "P1", "Tea", second),
        (D1, "P2", "two", first),
        (D2, "P1", "Tea (new)", f"bronze/product_feed/ingest_date={D2}/a.jsonl"),
    ]
    accounts = {
        row["source_file"]: (row["rows_in"], row["silver"], row["quarantined"], row["duplicates"])
        for row in manifest["ledger"]
    }
    assert accounts[first] == (2, 1, 0, 1)
    assert accounts[second] == (2, 1, 1, 0)
    assert manifest["quarantine"]["product_feed"] == {"required:product_id": 1}
    products = next(table for table in manifest["tables"] if table["table"] == "products")
    assert [(each["values"][0], each["rows"]) for each in products["partitions"]] == [
        (D1, 2),
        (D2, 1),
    ]


def test_late_sales_find_the_published_snapshot_of_their_day(
    spark: SparkSession, lake_with_names: Lake, lake_folder: LakeFolder
) -> None:
    lake_folder.put("product_feed", D1, "a.jsonl", product("P1", "Tea"))
    manifest = lake_folder.build(spark, lake_with_names, D1, D1)
    products = next(table for table in manifest["tables"] if table["table"] == "products")
    state: dict[str, Any] = {
        "table": "products",
        "ingest_date": D1,
        "sale_date": None,
        "location": products["partitions"][0]["location"],
    }
    lake_folder.files.clear()
    lake_folder.upstream.append(state)
    lake_folder.put("ecommerce_orders", D2, "o.jsonl", order(2, timestamp=f"{D1}T10:00:00"))

    later = lake_folder.build(spark, lake_with_names, D2, D2, release=LATER)

    assert later["affected_days"] == [D1, D2]
    assert lake_folder.query("SELECT transaction_id, product_name FROM sales", release=LATER) == [
        ("TXN000002", "Tea")
    ]
