"""All 44 days of the UCI "Online Retail" files: as one run, and one by one, against DuckDB.

The job is the real one, and so is all that decides what a run reads and replaces; S3, Athena and
Airflow are not here (``tests/e2e/test_4_44_days.py`` has them).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from include.lake.catalog import SALES_COLUMNS
from include.lake.contracts import Lake
from include.lake.marts import load_marts
from tests.unit.glue_jobs.published_lake import PublishedLake, spark_engine

ONLINE_RETAIL = Path(__file__).parents[4] / "shared" / "data" / "online-retail"
FILES = {date.fromisoformat(file.stem): file for file in sorted(ONLINE_RETAIL.glob("*.csv"))}
DATASET = "wholesale_invoices"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not FILES, reason="the UCI Online Retail files are not here"),
]

#: The contract said once more: which rows are refused, and that equal rows of a day count once.
DELIVERED = """
CREATE TABLE delivered AS
SELECT * REPLACE (nullif(trim(Description, ' ' || chr(9) || chr(160)), '') AS Description),
    CAST(regexp_extract(filename, '([0-9-]{10})[.]csv$', 1) AS DATE) AS day,
    coalesce(
        regexp_full_match(trim(InvoiceNo), '[CA]?[0-9]{6}')
        AND trim(StockCode) <> ''
        AND TRY_CAST(Quantity AS BIGINT) <> 0
        AND (InvoiceNo LIKE 'C%') = (TRY_CAST(Quantity AS BIGINT) < 0)
        AND TRY_CAST(UnitPrice AS DECIMAL(18, 2)) > 0
        AND coalesce(regexp_full_match(CustomerID, '[0-9]{5}([.]0)?'), true)
        AND trim(Country) <> '',
        false
    ) AS is_valid
FROM read_csv($files, all_varchar = true, header = true, filename = true)
"""
KEPT = """
CREATE TABLE kept AS
SELECT DISTINCT * EXCLUDE (Quantity, UnitPrice, is_valid),
    CAST(Quantity AS BIGINT) AS quantity,
    CAST(Quantity AS BIGINT) * CAST(UnitPrice AS DECIMAL(18, 2)) AS amount
FROM delivered WHERE is_valid
"""
BOOKS = """
SELECT day, count(*), count(*) FILTER (NOT is_valid),
    (SELECT count(*) FROM kept WHERE kept.day = delivered.day)
FROM delivered GROUP BY day ORDER BY day
"""
REVENUE = """
SELECT day, 'wholesale', count(*), sum(quantity)::BIGINT,
    coalesce(sum(amount) FILTER (quantity > 0), 0)::DECIMAL(18, 2),
    coalesce(sum(amount) FILTER (quantity < 0), 0)::DECIMAL(18, 2),
    sum(amount)::DECIMAL(18, 2), count(DISTINCT regexp_replace(CustomerID, '[.]0$', ''))
FROM kept GROUP BY day ORDER BY day
"""
GOLD = """
SELECT sale_date, channel, transactions, units, gross_revenue, returns, revenue, customers
FROM retail_gold.daily_sales ORDER BY sale_date
"""
RELEASE = "r20101201_0123456789ab"


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(DELIVERED, {"files": [str(file) for file in FILES.values()]})
        connection.execute(KEPT)
        yield connection


@pytest.fixture(scope="module")
def wholesale(lake: Lake) -> Lake:
    return replace(lake, contracts=(lake.contract(DATASET),))


def delivered(folder: Path, lake: Lake, spark: SparkSession) -> PublishedLake:
    """A lake with every day's file; the days between, on which nothing was sold, have a header."""
    target = PublishedLake(folder, lake, spark_engine(spark, lake))
    for day in every_day():
        content = FILES[day].read_bytes() if day in FILES else HEADER
        target.deliver(DATASET, day, f"{day}.csv", content)
    return target


def every_day() -> list[date]:
    first, last = min(FILES), max(FILES)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.fixture(scope="module")
def at_once(
    tmp_path_factory: pytest.TempPathFactory, wholesale: Lake, spark: SparkSession
) -> PublishedLake:
    target = delivered(tmp_path_factory.mktemp("at-once"), wholesale, spark)
    target.run(min(FILES), max(FILES))
    return target


@pytest.fixture(scope="module")
def one_by_one(
    tmp_path_factory: pytest.TempPathFactory, wholesale: Lake, spark: SparkSession
) -> PublishedLake:
    target = delivered(tmp_path_factory.mktemp("one-by-one"), wholesale, spark)
    for day in FILES:
        target.run(day)
    return target


def test_there_are_44_days() -> None:
    assert len(FILES) == 44


def test_every_file_closes_and_is_what_duckdb_says(
    at_once: PublishedLake, oracle: duckdb.DuckDBPyConnection
) -> None:
    expected = {
        str(day): (rows_in, silver, quarantined, rows_in - silver - quarantined)
        for day, rows_in, quarantined, silver in oracle.execute(BOOKS).fetchall()
    }
    assert len(expected) == 44
    found = {
        row["ingest_date"]: (
            row["rows_in"], row["silver"], row["quarantined"], row["duplicates"]
        )
        for row in at_once.books()
    }  # fmt: skip
    empty = {str(day): (0, 0, 0, 0) for day in every_day() if day not in FILES}
    assert found == expected | empty


def test_gold_equals_duckdb_to_the_cent(
    at_once: PublishedLake, oracle: duckdb.DuckDBPyConnection
) -> None:
    expected = oracle.execute(REVENUE).fetchall()
    found = gold(at_once)
    assert found == expected
    assert sum((row[6] for row in found), Decimal(0)) > 1_000_000


def test_one_run_and_one_by_one_are_the_same_bytes(
    at_once: PublishedLake, one_by_one: PublishedLake
) -> None:
    first, second = at_once.hashes(), one_by_one.hashes()
    assert len(first) == 44
    assert first == second
    assert gold(at_once) == gold(one_by_one)
    rows = {row["source_file"]: row for row in at_once.books() if row["rows_in"]}
    assert rows == {row["source_file"]: row for row in one_by_one.books()}


def gold(target: PublishedLake) -> list[tuple[Any, ...]]:
    """The published sales as the mart of daily sales has them."""
    files = [str(file) for each in target.files().values() for file in each]
    mart = next(each for each in load_marts() if each.name == "daily_sales")
    statement = mart.ctas("retail_gold.daily_sales", "s3://bucket/gold/", RELEASE)
    columns = ", ".join(SALES_COLUMNS)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA retail_silver; CREATE SCHEMA retail_gold")
        connection.execute(
            f"CREATE TABLE retail_silver.sales AS SELECT {columns},"
            f" regexp_extract(filename, 'sale_date=([0-9-]+)', 1)::DATE AS sale_date,"
            f" '{RELEASE}' AS release FROM read_parquet($files, filename = true)",
            {"files": files},
        )
        connection.execute(
            f"CREATE TABLE retail_gold.daily_sales AS {statement.split(') AS', 1)[1]}"
        )
        return connection.execute(GOLD).fetchall()
