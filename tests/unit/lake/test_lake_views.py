"""The views across days, on hand-made sales and gold rows, by an independent engine."""

from collections.abc import Iterator

import duckdb
import pytest

from include.lake import catalog, views
from include.lake.contracts import load_lake
from include.lake.marts import load_marts

VIEWS = (
    *("customer_behavior", "customers", "daily_sales_summary"),
    *("inventory_cover", "monthly_summary", "products"),
)
OLD, NEW = "r20260701_aaaaaaaaaaaa", "r20260702_bbbbbbbbbbbb"


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    lake, marts = load_lake(), load_marts()
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "CREATE SCHEMA retail_silver; CREATE SCHEMA retail_gold; CREATE SCHEMA retail_ops; "
            "CREATE SCHEMA sales_analytics; "
            "CREATE TABLE retail_ops.published (table_name varchar, ingest_date varchar, "
            "sale_date varchar, release varchar)"
        )
        silver = {**catalog.SALES_COLUMNS, "sale_date": "date", "release": "varchar"}
        columns = ", ".join(f"{name} {kind}" for name, kind in silver.items())
        connection.execute(f"CREATE TABLE retail_silver.sales ({columns})")
        for mart in marts:
            columns = ", ".join(f"{column.name} {column.athena_type}" for column in mart.columns)
            connection.execute(f"CREATE TABLE retail_gold.{mart.name} ({columns}, release varchar)")
        for contract in lake.snapshots:
            columns = ", ".join(
                f"{name} {kind}" for name, kind in catalog.clean_columns(contract).items()
            )
            connection.execute(
                f"CREATE TABLE retail_silver.{contract.silver_table} "
                f"({columns}, ingest_date date, release varchar)"
            )
        wanted = {view.name: view.sql for view in views.views(lake, marts)}
        for name in VIEWS:
            connection.execute(wanted[name])
        yield connection


def publish(database: duckdb.DuckDBPyConnection, table: str, *days: str) -> None:
    for day in days:
        database.execute(
            "INSERT INTO retail_ops.published VALUES (?, NULL, ?, ?)", [table, day, NEW]
        )


def publish_state(database: duckdb.DuckDBPyConnection, table: str, *days: str) -> None:
    for day in days:
        database.execute(
            "INSERT INTO retail_ops.published VALUES (?, ?, NULL, ?)", [table, day, NEW]
        )


def rows(database: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str | None, ...]]:
    found = database.execute(sql)
    assert found.description is not None
    names = [column[0] for column in found.description]
    shown = ", ".join(f'CAST("{name}" AS varchar)' for name in names)
    return database.execute(f"SELECT {shown} FROM ({sql}) AS answer").fetchall()


def test_months_add_up_published_days_only(database: duckdb.DuckDBPyConnection) -> None:
    table = "sales_by_category_region"
    publish(database, table, "2026-06-30", "2026-07-01", "2026-07-02")
    for day, category, region, count, revenue, release in (
        ("2026-06-30", "Food", "North", 1, "1.00", NEW),
        ("2026-07-01", "Food", "North", 2, "10.00", NEW),
        ("2026-07-02", "Food", "North", 1, "0.01", NEW),
        ("2026-07-02", "Food", "South", 1, "7.00", NEW),
        ("2026-07-02", "Food", "North", 50, "500.00", OLD),  # replaced
        ("2026-07-03", "Food", "North", 50, "500.00", NEW),  # not published
    ):
        database.execute(
            f"INSERT INTO retail_gold.{table} (sale_date, category, region, transactions, revenue, "
            "release) VALUES (?, ?, ?, ?, ?, ?)",
            [day, category, region, count, revenue, release],
        )
    assert rows(
        database, "SELECT * FROM sales_analytics.monthly_summary ORDER BY month, region"
    ) == [
        ("Food", "North", "1", "1.00", "1.00", "2026", "6"),
        ("Food", "North", "3", "10.01", "3.34", "2026", "7"),
        ("Food", "South", "1", "7.00", "7.00", "2026", "7"),
    ]


def test_daily_summary_has_the_calendar_and_the_average(
    database: duckdb.DuckDBPyConnection,
) -> None:
    publish(database, "sales_by_category", "2026-07-01")
    database.execute(
        "INSERT INTO retail_gold.sales_by_category (sale_date, category, transactions, revenue, "
        f"release) VALUES ('2026-07-01', 'Food', 8, 0.20, '{NEW}'), "
        f"('2026-07-01', 'Food', 1, 9.00, '{OLD}')"
    )
    assert rows(database, "SELECT * FROM sales_analytics.daily_sales_summary") == [
        ("2026", "7", "1", "Food", "8", "0.20", "0.03", "2026-07-01")  # 0.025, half up
    ]


def test_customers_are_counted_in_bands(database: duckdb.DuckDBPyConnection) -> None:
    bought = {
        "often": [("2026-04-01", "60.00"), ("2026-06-01", "30.00"), ("2026-07-01", "10.00")],
        "once": [("2026-07-01", "99.99")],
        "once as well": [("2026-07-01", "0.01")],
        "twice on a day": [("2026-06-20", "500.00"), ("2026-06-20", "500.00")],
        "long ago": [("2026-04-02", "5.00")],
    }
    publish(database, "sales", "2026-04-01", "2026-04-02", "2026-06-01", "2026-06-20", "2026-07-01")
    for customer, sales in [*bought.items(), (None, [("2026-07-01", "1.00")])]:
        for day, amount in sales:
            database.execute(
                "INSERT INTO retail_silver.sales (customer_token, sale_date, total_amount, release)"
                " VALUES (?, ?, ?, ?)",
                [customer, day, amount, NEW],
            )
    database.execute(  # of a release that readers do not see
        "INSERT INTO retail_silver.sales (customer_token, sale_date, total_amount, release) "
        f"VALUES ('once', '2026-04-01', 1000, '{OLD}')"
    )
    assert rows(database, "SELECT * FROM sales_analytics.customer_behavior ORDER BY ALL") == [
        ("new", "0-6", "1", "<100", "2", "100.00"),
        ("new", "7-29", "1", "1000+", "1", "1000.00"),
        ("returning", "0-6", "2-3", "100-999", "1", "100.00"),
        ("returning", "90+", "1", "<100", "1", "5.00"),
    ]


def test_products_and_customers_are_those_of_the_last_published_day(
    database: duckdb.DuckDBPyConnection,
) -> None:
    for table, key in (("products", "product_id"), ("customers", "customer_token")):
        publish_state(database, table, "2026-07-01", "2026-07-02")
        for day, name, release in (
            ("2026-07-01", "gone", NEW),
            ("2026-07-02", "here", NEW),
            ("2026-07-02", "replaced", OLD),
            ("2026-07-03", "not published", NEW),
        ):
            database.execute(
                f"INSERT INTO retail_silver.{table} ({key}, ingest_date, release) VALUES (?, ?, ?)",
                [name, day, release],
            )
    products = rows(database, "SELECT product_id, as_of FROM sales_analytics.products")
    assert products == [("here", "2026-07-02")]
    customers = rows(database, "SELECT customer_id, as_of FROM sales_analytics.customers")
    assert customers == [("here", "2026-07-02")]
    shown = database.execute("DESCRIBE sales_analytics.customers").fetchall()
    assert not {"name_token", "email_token", "name", "email"} & {name for name, *_ in shown}


def test_stock_is_held_against_the_sales_of_four_weeks(
    database: duckdb.DuckDBPyConnection,
) -> None:
    publish_state(database, "inventory", "2026-07-30", "2026-07-31")
    for day, store, product, pieces in (
        ("2026-07-31", "S1", "P1", 10),
        ("2026-07-31", "S1", "P2", 5),
        ("2026-07-31", "S2", "P1", 7),
        ("2026-07-30", "S1", "P1", 99),
    ):
        database.execute(
            "INSERT INTO retail_silver.inventory (store_id, product_id, stock_date, on_hand, "
            "on_order, ingest_date, release) VALUES (?, ?, ?, ?, 1, ?, ?)",
            [store, product, day, pieces, day, NEW],
        )
    publish(database, "sales", "2026-07-03", "2026-07-04", "2026-07-31")
    for day, store, product, pieces in (
        ("2026-07-03", "S1", "P1", 1000),  # 29 days before
        ("2026-07-04", "S1", "P1", 20),
        ("2026-07-31", "S1", "P1", 10),
        ("2026-07-31", "S1", "P1", -2),
        ("2026-07-31", None, "P1", 500),  # of another channel
        ("2026-07-30", "S1", "P2", 500),  # not published
    ):
        database.execute(
            "INSERT INTO retail_silver.sales (store_id, product_id, quantity, sale_date, release) "
            "VALUES (?, ?, ?, ?, ?)",
            [store, product, pieces, day, NEW],
        )
    assert rows(database, "SELECT * FROM sales_analytics.inventory_cover ORDER BY ALL") == [
        ("S1", "P1", "2026-07-31", "10", "1", "28", "10.0"),
        ("S1", "P2", "2026-07-31", "5", "1", "0", None),
        ("S2", "P1", "2026-07-31", "7", "1", "0", None),
    ]
