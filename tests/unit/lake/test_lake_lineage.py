"""What the contracts say of where silver's columns come from."""

import json

import pytest

from include.lake import catalog, lineage
from include.lake.contracts import load_lake
from include.lake.marts import load_marts

LAKE = load_lake()
ORIGINS = lineage.silver_origins(LAKE)


def test_every_delivered_column_arrives_somewhere() -> None:
    for contract in LAKE.contracts:
        found = {origin for each in ORIGINS[contract.silver_table].values() for origin in each}
        delivered = {
            (f"bronze/{contract.dataset}", column.source) for column in contract.delivered_columns
        }
        assert found == delivered


def test_derived_columns_come_from_what_they_are_derived_of() -> None:
    bronze = "bronze/wholesale_invoices"
    wholesale = ORIGINS["clean_wholesale_invoices"]
    assert wholesale["is_return"] == [(bronze, "InvoiceNo")]
    assert wholesale["customer_token"] == [(bronze, "CustomerID")], "by way of customer_ref"
    assert (bronze, "InvoiceDate") in wholesale["line"]


@pytest.mark.parametrize(
    ("column", "table", "expected"),
    [
        ("transaction_id", "clean_vendor_sales", {"vendor_id", "vendor_txn_id"}),
        ("total_amount", "clean_wholesale_invoices", {"quantity", "unit_price"}),
        ("amount_matches", "clean_vendor_sales", {"quantity", "unit_price", "total_amount"}),
        ("customer_token", "clean_marketplace_sales", {"buyer_token"}),
        ("category", "products", {"category"}),
        ("category", "clean_wholesale_invoices", set()),
        ("source_row", "clean_ecommerce_orders", {"source_row"}),
    ],
)
def test_sales_come_from_clean_rows_and_snapshots(
    column: str, table: str, expected: set[str]
) -> None:
    place = f"{LAKE.silver_database}.{table}"
    assert {name for where, name in ORIGINS["sales"][column] if where == place} == expected


def test_every_column_of_sales_has_origins_but_constants() -> None:
    assert catalog.SALES_COLUMNS.keys() - ORIGINS["sales"].keys() == {"channel", "ingest_date"}
    stored = {
        f"{LAKE.silver_database}.{contract.silver_table}": catalog.clean_columns(contract)
        for contract in LAKE.contracts
    }
    for origins in ORIGINS["sales"].values():
        assert all(name in stored[place] for place, name in origins)


def test_catalog_has_comments_and_origins() -> None:
    columns = [
        {"Name": "ordered_at", "Type": "timestamp"},
        {"Name": "source_row", "Type": "bigint"},
    ]
    table = {"Name": "clean_ecommerce_orders", "StorageDescriptor": {"Columns": columns}}
    ordered, source = lineage.described(table, LAKE, load_marts())["StorageDescriptor"]["Columns"]
    assert ordered["Comment"].startswith("Moment of the order")
    origins = json.loads(ordered["Parameters"][lineage.PARAMETER])
    assert origins == [["bronze/ecommerce_orders", "timestamp"]]
    assert source == {"Name": "source_row", "Type": "bigint"}

    table = {"Name": "daily_sales", "StorageDescriptor": {"Columns": [{"Name": "revenue"}]}}
    (revenue,) = lineage.described(table, LAKE, load_marts())["StorageDescriptor"]["Columns"]
    assert revenue["Comment"].startswith("Amount sold less")
    assert "Parameters" not in revenue
