"""What the shipped contracts say, and that they are what they claim to be."""

import json
import subprocess
import sys
import zipfile
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest
import yaml

from include.lake.contracts import NOTHING, SALES_INPUTS, load_lake

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "include" / "contracts"


def test_lake_has_the_eight_datasets_in_order() -> None:
    lake = load_lake()
    assert [(each.dataset, each.source.kind, each.source.format) for each in lake.contracts] == [
        ("customers", "database", "parquet"),
        ("ecommerce_orders", "s3_drop", "jsonl"),
        ("inventory_levels", "database", "parquet"),
        ("marketplace_sales", "rest_api", "jsonl"),
        ("product_feed", "s3_drop", "xml"),
        ("store_transactions", "database", "parquet"),
        ("vendor_sales", "s3_drop", "csv"),
        ("wholesale_invoices", "s3_drop", "csv"),
    ]
    assert lake.time_zone == "Europe/London"
    assert lake.max_lateness_days == 3
    assert (lake.silver_database, lake.analytics_database) == ("retail_silver", "sales_analytics")
    assert [contract.channel for contract in lake.channels] == [
        "web",
        "marketplace",
        "store",
        "vendor",
        "wholesale",
    ]
    assert [each.silver_table for each in lake.snapshots] == ["customers", "inventory", "products"]
    with pytest.raises(KeyError, match="include/contracts has: customers, ecommerce_orders"):
        lake.contract("nothing")


def test_orders_contract_has_the_delivered_schema() -> None:
    orders = load_lake().contract("ecommerce_orders")
    assert [column.source for column in orders.delivered_columns] == [
        "transaction_id", "timestamp", "product_id", "product_name", "category", "quantity",
        "unit_price", "total_amount", "customer_id", "region", "payment_method",
    ]  # fmt: skip
    quantity = orders.column("quantity")
    assert (quantity.minimum, quantity.maximum) == (Decimal(1), Decimal(1000))
    assert quantity.sql_type == "bigint"
    price = orders.column("unit_price")
    assert price.exclusive_minimum == Decimal(0)
    assert price.sql_type == "decimal(18,2)"
    assert orders.column("region").aliases["n"] == "North"
    assert orders.column("ordered_at").time_zone == "Europe/London"
    assert orders.column("customer_id").stored_name == "customer_token"
    assert (orders.source.kind, orders.source.format) == ("s3_drop", "jsonl")
    assert orders.lateness_days == 3


def test_snapshots_say_what_they_fill_and_where_they_come_from() -> None:
    lake = load_lake()
    feed, stock, people = map(lake.contract, ("product_feed", "inventory_levels", "customers"))
    assert feed.source.options == {"rowTag": "product"}
    assert feed.enriches is not None
    assert feed.enriches.fill == {"product_name": "product_name", "category": "category"}
    assert (stock.source.time_column, stock.source.rows) == ("counted_at", "of_the_day")
    assert stock.key_columns == ("store_id", "product_id", "stock_date")
    assert (people.source.time_column, people.source.rows) == ("registered_at", "until_day_end")
    assert people.source.secret != stock.source.secret == "tills"
    assert {column.name for column in people.columns if column.is_restricted} == {
        "customer_id",
        "name",
        "email",
    }
    assert people.enriches is not None
    assert people.enriches.key == {"customer_token": "customer_token"}


def test_the_marketplace_leaves_to_the_snapshots_what_it_does_not_say() -> None:
    sales = load_lake().contract("marketplace_sales")
    assert (sales.source.path, sales.source.secret) == ("/v1/sales", "marketplace")
    unsaid = {name for name, expression in sales.sales.items() if expression == NOTHING}
    assert unsaid == {"product_name", "category", "region", "store_id"}
    assert sales.column("buyer_id").is_restricted


def test_wholesale_contract_reads_the_uci_headers() -> None:
    wholesale = load_lake().contract("wholesale_invoices")
    assert [column.source for column in wholesale.delivered_columns] == [
        "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
        "CustomerID", "Country",
    ]  # fmt: skip
    assert [column.name for column in wholesale.columns if column.derived] == [
        "customer_id",
        "line",
        "is_return",
    ]
    keys = {column.primary_key: column.name for column in wholesale.columns if column.primary_key}
    assert keys == {1: "invoice_no", 2: "stock_code", 3: "line"}
    assert [rule.name for rule in wholesale.rules] == ["quantity_not_zero", "quantity_sign"]


def test_vendor_contract_writes_numbers_with_commas_and_the_day_first() -> None:
    vendors = load_lake().contract("vendor_sales")
    assert [column.source for column in vendors.delivered_columns] == [
        "Vendor", "Doc No", "Doc Type", "Doc Date", "Article No", "Article", "Group", "Qty",
        "Price", "Amount", "Region",
    ]  # fmt: skip
    for name in ("quantity", "unit_price", "total_amount"):
        column = vendors.column(name)
        assert (column.decimal_separator, column.grouping_separator) == (",", ".")
    plain = vendors.column("vendor_id")
    assert (plain.decimal_separator, plain.grouping_separator) == (".", None)
    assert vendors.column("sold_at").formats == ("dd/MM/yyyy HH:mm",)
    assert vendors.source.options["sep"] == ";"
    assert vendors.column("is_return").derived == "doc_type = 'Return'"
    keys = {column.primary_key: column.name for column in vendors.columns if column.primary_key}
    assert keys == {1: "vendor_id", 2: "vendor_txn_id"}
    assert vendors.sales["customer_id"] == NOTHING
    assert vendors.lateness_days == 3


def test_store_contract_comes_from_the_tills() -> None:
    source = load_lake().contract("store_transactions").source
    assert (source.kind, source.schema, source.table) == (
        "database",
        "public",
        "store_transactions",
    )
    assert (source.secret, source.business_time, source.format) == ("tills", "sold_at", "parquet")
    assert (source.time_column, source.rows, source.engine) == ("sold_at", "of_the_day", "worker")


def test_every_contract_fills_every_sales_input() -> None:
    lake = load_lake()
    assert lake.channels
    for contract in lake.channels:
        assert tuple(contract.sales) == SALES_INPUTS
    for contract in lake.snapshots:
        assert not contract.sales
        assert contract.channel is None


def test_files_are_valid_against_the_official_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    try:
        file = resources.files("open_data_contract_standard") / "schema.json"
    except ModuleNotFoundError:
        pytest.skip(
            "the package open-data-contract-standard 3.1 (official schema) is not installed"
        )
    schema = json.loads(file.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    files = [path for path in CONTRACTS.glob("*.yaml") if path.name != "lake.yaml"]
    assert len(files) == len(load_lake().contracts)
    for path in files:
        document = yaml.safe_load(path.read_text())
        assert [error.message for error in validator.iter_errors(document)] == []
        assert list(validator.iter_errors({**document, "unknown": 1}))


def test_lake_loads_from_inside_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "retail_lake.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for folder in (
            "include",
            "include/lake",
            "include/contracts",
            "sql",
            "sql/gold",
            "sql/views",
        ):
            zipped.writestr(zipfile.ZipInfo(f"{folder}/"), "")
            for file in sorted((ROOT / folder).glob("*.*")):
                if file.is_file():
                    zipped.write(file, f"{folder}/{file.name}")
    code = (
        "from include.lake import contracts, marts, views\n"
        "lake = contracts.load_lake()\n"
        "assert '.zip' in contracts.__file__\n"
        "found = views.views(lake, marts.load_marts())\n"
        "print(len(lake.contracts), sorted(view.name for view in found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    folders = [ROOT / "sql" / layer for layer in ("gold", "views")]
    views = sorted(file.stem for folder in folders for file in folder.glob("*.sql"))
    assert len(views) >= 5
    assert done.stdout.strip() == f"{len(load_lake().contracts)} {views}"


def test_a_table_too_large_for_a_worker_is_read_by_glue(tmp_path: Path) -> None:
    for file in CONTRACTS.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    store = tmp_path / "store_transactions.yaml"
    secret = "      - property: secret\n"
    engine = "      - property: engine\n        value: glue\n"
    store.write_text(store.read_text().replace(secret, engine + secret))
    contracts = load_lake(tmp_path).contracts
    assert {each.dataset for each in contracts if each.source.engine == "glue"} == {
        "store_transactions"
    }
    assert {each.source.engine for each in load_lake().contracts} == {"worker"}
