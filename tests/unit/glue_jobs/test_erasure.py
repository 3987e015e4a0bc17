"""A person who is to be forgotten leaves nothing in what is built, however often and from what."""

import hashlib
import hmac
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake
from tests.unit.glue_jobs.lake_folder import KEY, RELEASE, TOKEN, LakeFolder

DAY, NEXT = "2026-03-10", "2026-03-11"
LATER = "r20260311_0123456789ab"


@pytest.fixture
def lake(lake: Lake) -> Lake:
    """Only what is needed here: orders and customers."""
    wanted = ("customers", "ecommerce_orders")
    return replace(lake, contracts=tuple(lake.contract(name) for name in wanted))


def token(customer: str) -> str:
    return hmac.new(KEY, customer.encode(), hashlib.sha256).hexdigest()


ANNA, BOB = token("CUST0001"), token("CUST0002")


def order(number: int, customer: str, day: str = DAY, **values: object) -> str:
    row = {
        "transaction_id": f"TXN{number:06}",
        "timestamp": f"{day}T10:00:00",
        "product_id": "P1",
        "product_name": "Tea",
        "category": "Food",
        "quantity": 2,
        "unit_price": 1.50,
        "total_amount": 3.00,
        "customer_id": customer,
        "region": "North",
        "payment_method": "Cash",
    }
    return json.dumps(row | values) + "\n"


def texts(folder: LakeFolder, **run: str) -> str:
    """Every value of every row of every table."""
    tables = ["sales", "quarantine", *folder.clean_tables()]
    return "\n".join(
        str(folder.query(f"SELECT CAST(rows AS varchar) FROM {table} AS rows", **run))
        for table in tables
        if any(folder.folder(table, **run).rglob("*.parquet"))
    )


def test_nothing_of_the_person_is_left_and_the_sale_stays(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    rows = order(1, "CUST0001") + order(2, "CUST0002") + order(3, "CUST0001", quantity=0)
    lake_folder.put("ecommerce_orders", DAY, "orders.jsonl", rows)
    lake_folder.build(spark, lake, DAY, DAY)
    before = texts(lake_folder)
    assert ANNA in before
    assert "CUST0001" in before, "quarantine keeps the text of a row"

    lake_folder.erased = [ANNA]
    built = lake_folder.build(spark, lake, DAY, DAY, release=LATER)
    run = {"release": LATER, "token": TOKEN}
    after = texts(lake_folder, **run)
    assert ANNA not in after
    assert "CUST0001" not in after
    assert lake_folder.query(
        "SELECT transaction_id, customer_token, total_amount FROM sales ORDER BY 1", **run
    ) == [("TXN000001", None, 3), ("TXN000002", BOB, 3)]
    assert lake_folder.query("SELECT reason, raw, source_row FROM quarantine", **run) == [
        ("out_of_range:quantity", None, 3)
    ]
    (books,) = built["ledger"]
    assert (books["rows_in"], books["silver"], books["quarantined"]) == (3, 2, 1)


def test_what_other_days_published_of_the_person_is_forgotten_too(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    lake_folder.put("ecommerce_orders", DAY, "orders.jsonl", order(1, "CUST0001"))
    manifest = lake_folder.build(spark, lake, DAY, DAY)
    (clean,) = (t for t in manifest["tables"] if t["table"] == "clean_ecommerce_orders")
    (partition,) = clean["partitions"]
    lake_folder.files = {}
    lake_folder.put("ecommerce_orders", NEXT, "late.jsonl", order(2, "CUST0002"))
    lake_folder.upstream = [
        {
            "table": "clean_ecommerce_orders",
            "ingest_date": DAY,
            "sale_date": DAY,
            "release": RELEASE,
            "location": partition["location"],
        }
    ]
    lake_folder.erased = [ANNA]
    lake_folder.build(spark, lake, NEXT, NEXT, release=LATER)
    assert lake_folder.query(
        "SELECT transaction_id, customer_token FROM sales ORDER BY 1", release=LATER
    ) == [("TXN000001", None), ("TXN000002", BOB)]


def test_a_row_that_describes_the_person_is_refused_and_accounted_for(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    rows = [
        {
            "customer_id": customer,
            "name": f"Name of {customer}",
            "email": None,
            "region": "North",
            "segment": "Consumer",
            "registered_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "updated_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
        }
        for customer in ("CUST0001", "CUST0002")
    ]
    times = [
        ("registered_at", pa.timestamp("us", "UTC")),
        ("updated_at", pa.timestamp("us", "UTC")),
    ]
    texts = [(name, pa.string()) for name in rows[0] if not name.endswith("_at")]
    data = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([*texts, *times])), data)
    lake_folder.put("customers", DAY, "0123456789abcdef.parquet", data.getvalue())
    lake_folder.erased = [ANNA]
    built = lake_folder.build(spark, lake, DAY, DAY)
    assert lake_folder.query("SELECT customer_token FROM customers") == [(BOB,)]
    assert lake_folder.query("SELECT reason, raw FROM quarantine") == [("erased", None)]
    (books,) = built["ledger"]
    assert (books["rows_in"], books["silver"], books["quarantined"]) == (2, 1, 1)
