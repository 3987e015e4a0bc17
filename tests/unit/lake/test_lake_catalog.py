"""Catalog tables follow from contracts and marts; views show published releases only."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from include.lake import catalog, layout, views
from include.lake.contracts import load_lake
from include.lake.deployment import Deployment
from include.lake.marts import load_marts
from include.lake.strict_yaml import ContractError

OLD, NEW = "r20260701_aaaaaaaaaaaa", "r20260702_bbbbbbbbbbbb"
BUCKET = "retail-lake-local-lake-000000000000"
LAKE, MARTS = load_lake(), load_marts()


def deployment() -> Deployment:
    names = dict.fromkeys(Deployment.__dataclass_fields__, "x")
    return Deployment(**{**names, "lake_bucket": BUCKET})


@pytest.fixture(scope="module")
def tables() -> dict[str, catalog.CatalogTable]:
    found = catalog.tables(LAKE, MARTS, deployment())
    named = {f"{table.database}.{table.name}": table for table in found}
    assert len(named) == len(found)
    return named


def columns(table: catalog.CatalogTable) -> dict[str, str]:
    listed = table.table_input["StorageDescriptor"]["Columns"]
    return {column["Name"]: column["Type"] for column in listed}


def test_every_physical_table_is_there(tables: dict[str, catalog.CatalogTable]) -> None:
    assert sorted(tables) == [
        *(f"retail_gold.{mart.name}" for mart in MARTS),
        "retail_ops.published",
        "retail_ops.published_history",
        "retail_ops.quality_results",
        "retail_ops.quarantine",
        "retail_ops.restatements",
        "retail_ops.run_costs",
        "retail_ops.run_ledger",
        *sorted(f"retail_silver.{contract.silver_table}" for contract in LAKE.channels),
        *sorted(f"retail_silver.{each.silver_table}" for each in LAKE.snapshots),
        "retail_silver.sales",
    ]
    assert [name for name, table in tables.items() if table.create_only] == ["retail_ops.published"]


def test_columns_and_partitions(tables: dict[str, catalog.CatalogTable]) -> None:
    sales = tables["retail_silver.sales"]
    assert columns(sales)["total_amount"] == "decimal(18,2)"
    assert sales.table_input["PartitionKeys"] == [
        {"Name": "sale_date", "Type": "date"},
        {"Name": "release", "Type": "string"},
    ]
    assert sales.table_input["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/silver/sales/"
    clean = tables["retail_silver.clean_ecommerce_orders"]
    assert [key["Name"] for key in clean.table_input["PartitionKeys"]] == [
        "ingest_date",
        "sale_date",
        "release",
    ]
    assert list(columns(clean))[-2:] == ["source_file", "source_row"]
    daily = tables["retail_gold.daily_sales"]
    assert columns(daily)["revenue"] == "decimal(18,2)"
    published = tables["retail_ops.published"].table_input
    assert published["PartitionKeys"] == []
    assert published["StorageDescriptor"]["Location"].endswith(layout.EMPTY_POINTER_PREFIX)
    assert "JsonSerDe" in published["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    for table in tables.values():
        keys = {key["Name"] for key in table.table_input["PartitionKeys"]}
        assert not keys & set(columns(table)), "Glue refuses a partition key that is a column too"


def test_no_personal_column_reaches_silver_or_gold(
    tables: dict[str, catalog.CatalogTable],
) -> None:
    restricted = {
        column.name
        for contract in LAKE.contracts
        for column in contract.columns
        if column.is_restricted
    }
    assert restricted >= {"customer_id", "customer_ref"}
    for table in tables.values():
        assert not restricted & set(columns(table))
    assert (
        columns(tables["retail_silver.clean_wholesale_invoices"])["customer_ref_token"] == "string"
    )


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Sales of two days in two releases; the first day of the new one and the second of the old."""
    with duckdb.connect(config={"threads": 1}) as connection:
        for name in ("retail_silver", "retail_gold", "retail_ops", "sales_analytics"):
            connection.execute(f"CREATE SCHEMA {name}")
        for table in catalog.tables(LAKE, MARTS, deployment()):
            keys = {key["Name"]: key["Type"] for key in table.table_input["PartitionKeys"]}
            kinds = ", ".join(f"{name} {kind}" for name, kind in {**columns(table), **keys}.items())
            kinds = kinds.replace("array<string>", "varchar[]")
            connection.execute(f"CREATE TABLE {table.database}.{table.name} ({kinds})")
        for day in ("2026-07-01", "2026-07-02"):
            for number, release in enumerate((OLD, NEW), start=1):
                connection.execute(
                    "INSERT INTO retail_silver.sales (transaction_id, sold_at, sale_date, release, "
                    f"total_amount, customer_token) VALUES ('T', '{day} 12:00:00', '{day}', "
                    f"'{release}', {number}, 'token')"
                )
                connection.execute(
                    "INSERT INTO retail_gold.daily_sales (channel, revenue, sale_date, release) "
                    f"VALUES ('web', {number}, '{day}', '{release}')"
                )
        connection.execute(
            "INSERT INTO retail_ops.published VALUES "
            f"('sales', NULL, '2026-07-01', '{NEW}'), ('sales', NULL, '2026-07-02', '{OLD}'),"
            f"('daily_sales', NULL, '2026-07-01', '{NEW}'),"
            f"('clean_ecommerce_orders', '2026-07-02', '2026-07-02', '{NEW}'),"
            f"('run_ledger', '2026-07-02', NULL, '{NEW}')"
        )
        for view in views.views(LAKE, MARTS):
            connection.execute(view.sql)
        yield connection


def test_views_show_one_release_of_each_partition(database: duckdb.DuckDBPyConnection) -> None:
    assert database.execute(
        "SELECT year, month, day, total_amount, customer_id FROM sales_analytics.transactions "
        "WHERE year = 2026 ORDER BY day"
    ).fetchall() == [(2026, 7, 1, 2, "token"), (2026, 7, 2, 1, "token")]
    # The second day of the mart is not published: nobody sees it.
    assert database.execute(
        "SELECT CAST(sale_date AS varchar), revenue FROM sales_analytics.daily_sales"
    ).fetchall() == [("2026-07-01", 2)]


def test_questions_of_the_analysts_are_answered(database: duckdb.DuckDBPyConnection) -> None:
    types = {
        name: kind
        for name, kind, *_ in database.execute("DESCRIBE sales_analytics.transactions").fetchall()
    }
    for name in (
        "transaction_id",
        "timestamp",
        "product_id",
        "product_name",
        "category",
        "quantity",
        "unit_price",
        "total_amount",
        "customer_id",
        "region",
        "payment_method",
    ):
        assert name in types
    assert (types["year"], types["month"], types["day"]) == ("INTEGER",) * 3
    assert database.execute(
        "SELECT year, month, day, COUNT(*) AS transactions, SUM(total_amount) AS daily_revenue "
        "FROM sales_analytics.transactions WHERE year = 2026 AND month = 7 "
        "GROUP BY year, month, day ORDER BY year, month, day LIMIT 1"
    ).fetchall() == [(2026, 7, 1, 1, 2)]


def test_view_file_is_read_strictly(tmp_path: Path) -> None:
    (tmp_path / "daily_sales.sql").write_text("/*\ndescription: Mine.\n*/\nSELECT 1 AS one\n")
    with pytest.raises(ContractError, match="is a mart's view already"):
        views.views(LAKE, MARTS, tmp_path)
    (tmp_path / "daily_sales.sql").rename(tmp_path / "other.sql")
    assert views.views(LAKE, (), tmp_path)[0].sql == (
        "CREATE OR REPLACE VIEW sales_analytics.other AS\nSELECT 1 AS one"
    )
    (tmp_path / "other.sql").write_text("/*\nabout: Mine.\n*/\nSELECT 1 AS one\n")
    with pytest.raises(ContractError, match=r"other\.sql:2: about: unknown key"):
        views.views(LAKE, (), tmp_path)
    (tmp_path / "other.sql").write_text(
        "/*\ndescription: Mine.\n*/\nSELECT release FROM retail_ops.published\n"
    )
    with pytest.raises(ContractError, match=r"select its version in a line that ends in '-- hist"):
        views.history_views(LAKE, (), tmp_path)
