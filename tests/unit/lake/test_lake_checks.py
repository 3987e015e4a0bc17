"""A mart's checks pass on what its CTAS builds and fail on every way it can be wrong."""

from collections.abc import Iterator

import duckdb
import pytest

from include.lake.checks import check_names, check_sql
from include.lake.contracts import load_lake
from include.lake.marts import Mart, load_marts
from include.lake.values import UnsafeValueError
from tests.sql import lake_tables

RELEASE, STAGED = "r20260702_bbbbbbbbbbbb", "retail_gold.staged"
DAYS = ("2026-07-01", "2026-07-02")
LAKE = load_lake()
MARTS = {mart.name: mart for mart in load_marts()}


@pytest.fixture
def mart() -> Mart:
    return MARTS["daily_sales"]


@pytest.fixture
def database(mart: Mart) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two days of sales, and the mart that was built from them."""
    with duckdb.connect(config={"threads": 1}) as connection:
        lake_tables.create(connection)
        connection.execute(
            "INSERT INTO retail_silver.sales (channel, sale_date, product_id, quantity, "
            "total_amount, is_return, customer_token, release) VALUES "
            f"('web', '2026-07-01', 'P001', 2, 10.10, false, 'a', '{RELEASE}'),"
            f"('web', '2026-07-01', 'P001', -1, -5.05, true, 'a', '{RELEASE}'),"
            f"('store', '2026-07-02', 'P002', 1, 3.00, false, NULL, '{RELEASE}'),"
            f"('wholesale', '2026-07-02', '10002', 1, 1.00, false, NULL, '{RELEASE}'),"
            "('store', '2026-07-02', 'P003', 9, 900.00, false, NULL, 'r20260701_aaaaaaaaaaaa')"
        )
        products = ", ".join(f"('{each}', '{RELEASE}')" for each in ("P001", "P002"))
        connection.execute(f"INSERT INTO retail_silver.products VALUES {products}")
        build(connection, mart)
        yield connection


def build(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    statement = mart.ctas(STAGED, "s3://bucket/gold/", RELEASE)
    database.execute(f"CREATE OR REPLACE TABLE {STAGED} AS {statement.split(') AS', 1)[1]}")


def run(database: duckdb.DuckDBPyConnection, mart: Mart) -> dict[str, tuple[str, bool | None]]:
    rows = database.execute(check_sql(LAKE, mart, STAGED, RELEASE, DAYS)).fetchall()
    assert {name: severity for name, severity, _, _ in rows} == check_names(LAKE, mart)
    return {name: (observed, passed) for name, _, observed, passed in rows}


def failed(
    database: duckdb.DuckDBPyConnection, mart: Mart, severity: str = "fail"
) -> dict[str, str]:
    names = check_names(LAKE, mart)
    return {
        name: observed
        for name, (observed, passed) in run(database, mart).items()
        if passed is not True and names[name] == severity
    }


def test_all_checks_pass_on_what_was_built(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    results = run(database, mart)
    assert failed(database, mart) == {}
    assert results["reconciles_revenue"] == ("9.05 of 9.05", True)
    assert results["rows_exist"] == ("3", True)
    assert results["right_days"] == ("2", True)
    assert results["range_returns"] == ("-5.05 to 0.00", True)
    assert results["gross_and_returns_are_revenue"] == ("2 of 2", True)


DAMAGES = {
    "a cent is missing": (
        "UPDATE retail_gold.staged SET revenue = revenue - 0.01 WHERE channel = 'store'",
        {
            "reconciles_revenue": "9.04 of 9.05; first on 2026-07-02",
            "gross_and_returns_are_revenue": "1 of 2; first on 2026-07-02",
        },
    ),
    "a cent is another day's": (
        "UPDATE retail_gold.staged SET revenue = revenue - 0.01, gross_revenue = gross_revenue"
        " - 0.01 WHERE channel = 'store'; UPDATE retail_gold.staged SET revenue = revenue + 0.01,"
        " gross_revenue = gross_revenue + 0.01 WHERE channel = 'web'",
        {
            "reconciles_revenue": "9.05 of 9.05; first on 2026-07-01",
            "reconciles_gross_revenue": "14.10 of 14.10; first on 2026-07-01",
        },
    ),
    "a day is missing": (
        "DELETE FROM retail_gold.staged WHERE channel = 'web'",
        {
            "right_days": "1; first on 2026-07-01",
            "reconciles_transactions": "2.00 of 4.00; first on 2026-07-01",
            "reconciles_units": "2.00 of 3.00; first on 2026-07-01",
            "reconciles_gross_revenue": "4.00 of 14.10; first on 2026-07-01",
            "reconciles_returns": "0.00 of -5.05; first on 2026-07-01",
            "reconciles_revenue": "4.00 of 9.05; first on 2026-07-01",
        },
    ),
    "the rows are in another day's partition": (
        "UPDATE retail_gold.staged SET sale_date = DATE '2026-07-03' WHERE channel = 'web'",
        {
            "right_days": "2; first on 2026-07-01",
            "reconciles_transactions": "4.00 of 4.00; first on 2026-07-01",
            "reconciles_units": "3.00 of 3.00; first on 2026-07-01",
            "reconciles_gross_revenue": "14.10 of 14.10; first on 2026-07-01",
            "reconciles_returns": "-5.05 of -5.05; first on 2026-07-01",
            "reconciles_revenue": "9.05 of 9.05; first on 2026-07-01",
        },
    ),
    "a null in a required column": (
        "UPDATE retail_gold.staged SET customers = NULL WHERE channel = 'store'",
        {"not_null_customers": "1", "range_customers": "0 to 1"},
    ),
    "a row of the grain twice": (
        "INSERT INTO retail_gold.staged SELECT 'web', 1, 0, 0, 0, 0, 0, DATE '2026-07-01';"
        "UPDATE retail_gold.staged SET transactions = 1 WHERE channel = 'web'",
        {"grain_unique": "1"},
    ),
    "values outside of their range": (
        "UPDATE retail_gold.staged SET returns = returns + 2, gross_revenue = gross_revenue - 2"
        " WHERE channel = 'store';"
        "UPDATE retail_gold.staged SET returns = returns - 2, gross_revenue = gross_revenue + 2"
        " WHERE channel = 'wholesale'",
        {"range_returns": "-5.05 to 2.00"},
    ),
    "a channel that no contract has": (
        "UPDATE retail_gold.staged SET channel = 'fax' WHERE channel = 'store'",
        {"accepted_channel": "1"},
    ),
    "no row although silver has some": (
        "DELETE FROM retail_gold.staged",
        {
            "rows_exist": "0",
            "right_days": "0; first on 2026-07-01",
            "reconciles_transactions": "0.00 of 4.00; first on 2026-07-01",
            "reconciles_units": "0.00 of 3.00; first on 2026-07-01",
            "reconciles_gross_revenue": "0.00 of 14.10; first on 2026-07-01",
            "reconciles_returns": "0.00 of -5.05; first on 2026-07-01",
            "reconciles_revenue": "0.00 of 9.05; first on 2026-07-01",
        },
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_fails_exactly_the_checks_that_name_it(
    database: duckdb.DuckDBPyConnection, mart: Mart, damage: str
) -> None:
    statement, expected = DAMAGES[damage]
    database.execute(statement)
    assert failed(database, mart) == expected


def test_check_that_cannot_tell_has_failed(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    database.execute("UPDATE retail_gold.staged SET gross_revenue = NULL")
    assert failed(database, mart)["gross_and_returns_are_revenue"] == "0 of 2; first on 2026-07-01"


def test_a_day_without_sales_passes(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    database.execute(f"DELETE FROM retail_silver.sales WHERE release = '{RELEASE}'")
    build(database, mart)
    assert failed(database, mart) == {}
    assert "fresh" in failed(database, mart, "warn")


def test_what_does_not_deliver_is_warned_of(
    database: duckdb.DuckDBPyConnection, mart: Mart
) -> None:
    late = {"fresh_marketplace": None, "fresh_vendor": None, "fresh_web": "2026-07-01"}
    assert failed(database, mart, "warn") == late
    database.execute("DELETE FROM retail_gold.staged WHERE sale_date = DATE '2026-07-02'")
    assert failed(database, mart, "warn")["fresh"] == "2026-07-01"


def test_unknown_products_are_warned_of(database: duckdb.DuckDBPyConnection) -> None:
    products = MARTS["sales_by_product_region"]
    build(database, products)
    assert failed(database, products, "warn") == {}, "10002 is no number of the product feed"
    database.execute("DELETE FROM retail_silver.products WHERE product_id = 'P002'")
    assert failed(database, products, "warn") == {"known_product_id": "1"}
    assert failed(database, products) == {}


@pytest.mark.parametrize(("rows", "warns"), [(1, False), (2, False), (3, True)])
def test_number_of_rows_is_held_against_published_days(
    database: duckdb.DuckDBPyConnection, mart: Mart, rows: int, warns: bool
) -> None:
    """The staged days have one and two rows; days long ago do not count."""

    def publish(day: str, count: int) -> None:
        database.execute(
            f"INSERT INTO retail_gold.daily_sales (sale_date, release) "
            f"SELECT DATE '{day}', 'r20260601_aaaaaaaaaaaa' FROM range({count})"
        )

    publish("2026-05-01", 90)
    for day in range(20, 26):
        publish(f"2026-06-{day}", rows)
    assert "rows_as_usual" not in failed(database, mart, "warn"), "six days are too few to tell"
    publish("2026-06-26", rows)
    found = failed(database, mart, "warn").get("rows_as_usual")
    seen = f"1 to 2; before {7 * rows} on 7 days; first on 2026-07-01"
    assert found == (seen if warns else None)


def test_hostile_arguments_are_refused(mart: Mart) -> None:
    with pytest.raises(UnsafeValueError):
        check_sql(LAKE, mart, "x; DROP TABLE y", RELEASE, DAYS)
    with pytest.raises(UnsafeValueError):
        check_sql(LAKE, mart, STAGED, "' OR '1'='1", DAYS)
    with pytest.raises(UnsafeValueError):
        check_sql(LAKE, mart, STAGED, RELEASE, ("2026-07-01", "now'"))
