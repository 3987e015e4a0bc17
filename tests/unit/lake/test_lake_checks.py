"""A mart's checks pass on what its CTAS builds and fail on every way it can be wrong."""

from collections.abc import Iterator

import duckdb
import pytest

from include.lake.catalog import SALES_COLUMNS
from include.lake.checks import check_names, check_sql
from include.lake.marts import Mart, load_marts
from include.lake.values import UnsafeValueError

RELEASE, STAGED = "r20260702_bbbbbbbbbbbb", "retail_gold.staged"


@pytest.fixture
def mart() -> Mart:
    return next(mart for mart in load_marts() if mart.name == "daily_sales")


@pytest.fixture
def database(mart: Mart) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two days of sales, and the mart that was built from them."""
    with duckdb.connect(config={"threads": 1}) as connection:
        types = {**SALES_COLUMNS, "sale_date": "date", "release": "string"}
        columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
        connection.execute("CREATE SCHEMA retail_silver; CREATE SCHEMA retail_gold")
        connection.execute(f"CREATE TABLE retail_silver.sales ({columns})")
        connection.execute(
            "INSERT INTO retail_silver.sales "
            "(channel, sale_date, quantity, total_amount, is_return, customer_token, release) "
            "VALUES "
            f"('web', '2026-07-01', 2, 10.10, false, 'a', '{RELEASE}'),"
            f"('web', '2026-07-01', -1, -5.05, true, 'a', '{RELEASE}'),"
            f"('store', '2026-07-02', 1, 3.00, false, NULL, '{RELEASE}'),"
            "('store', '2026-07-02', 9, 900.00, false, NULL, 'r20260701_aaaaaaaaaaaa')"
        )
        build(connection, mart)
        yield connection


def build(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    statement = mart.ctas(STAGED, "s3://bucket/gold/", RELEASE)
    database.execute(f"CREATE OR REPLACE TABLE {STAGED} AS {statement.split(') AS', 1)[1]}")


def run(database: duckdb.DuckDBPyConnection, mart: Mart) -> dict[str, tuple[str, bool | None]]:
    rows = database.execute(check_sql(mart, STAGED, RELEASE)).fetchall()
    assert len(rows) == len(check_names(mart))
    assert {severity for _, severity, _, _ in rows} == {"fail", "warn"}
    return {name: (observed, passed) for name, _, observed, passed in rows}


def failed(database: duckdb.DuckDBPyConnection, mart: Mart) -> dict[str, str]:
    results = run(database, mart)
    return {name: observed for name, (observed, passed) in results.items() if passed is not True}


def test_all_checks_pass_on_what_was_built(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    results = run(database, mart)
    assert all(passed is True for _, passed in results.values())
    assert results["reconciles_revenue"] == ("8.05 of 8.05", True)
    assert results["rows_exist"] == ("2", True)


DAMAGES = {
    "a cent is missing": (
        "UPDATE retail_gold.staged SET revenue = revenue - 0.01 WHERE channel = 'store'",
        {"reconciles_revenue": "8.04 of 8.05", "gross_and_returns_are_revenue": "false"},
    ),
    "a row is missing": (
        "DELETE FROM retail_gold.staged WHERE channel = 'store'",
        {
            "reconciles_transactions": "2.00 of 3.00",
            "reconciles_units": "1.00 of 2.00",
            "reconciles_gross_revenue": "10.10 of 13.10",
            "reconciles_revenue": "5.05 of 8.05",
        },
    ),
    "a null in a required column": (
        "UPDATE retail_gold.staged SET customers = NULL WHERE channel = 'store'",
        {"not_null_customers": "1"},
    ),
    "a row of the grain twice": (
        "INSERT INTO retail_gold.staged SELECT 'web', 0, 0, 0, 0, 0, 0, DATE '2026-07-01'",
        {"grain_unique": "1", "revenue_positive": "false"},
    ),
    "a check of the header": (
        "UPDATE retail_gold.staged SET returns = returns + 2 WHERE channel = 'store';"
        "UPDATE retail_gold.staged SET returns = returns - 2 WHERE channel = 'web'",
        {"gross_and_returns_are_revenue": "false", "returns_not_positive": "false"},
    ),
    "no row although silver has some": (
        "DELETE FROM retail_gold.staged",
        {
            "rows_exist": "0",
            "reconciles_transactions": "0.00 of 3.00",
            "reconciles_units": "0.00 of 2.00",
            "reconciles_gross_revenue": "0.00 of 13.10",
            "reconciles_returns": "0.00 of -5.05",
            "reconciles_revenue": "0.00 of 8.05",
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
    assert failed(database, mart)["gross_and_returns_are_revenue"] is None


def test_a_day_without_sales_passes(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    database.execute(f"DELETE FROM retail_silver.sales WHERE release = '{RELEASE}'")
    build(database, mart)
    assert failed(database, mart) == {}


def test_hostile_arguments_are_refused(mart: Mart) -> None:
    with pytest.raises(UnsafeValueError):
        check_sql(mart, "x; DROP TABLE y", RELEASE)
    with pytest.raises(UnsafeValueError):
        check_sql(mart, STAGED, "' OR '1'='1")
