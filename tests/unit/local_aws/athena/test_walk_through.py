"""The queries of a common Glue and Athena walk-through, against Python's own sums.

`transactions` is as the walk-through's job leaves it: Parquet without the partition columns, and
integer year, month and day. Its monthly summary lists the partition columns before the aggregates,
which Athena refuses; the corrected form stands beside it.
"""

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.local_aws.athena.conftest import Athena

PRODUCTS = {"Laptop": 999, "Mouse": 25, "Keyboard": 75, "Monitor": 299, "Desk Chair": 199}
DAYS = [(2023, 12, 31), (2024, 1, 1), (2024, 1, 31), (2024, 2, 29), (2024, 3, 1), (2024, 12, 31)]
Row = dict[str, Any]

CATEGORIES = """
SELECT
  category,
  COUNT(*) as transaction_count,
  SUM(total_amount) as total_sales,
  AVG(total_amount) as avg_transaction_value
FROM transactions
GROUP BY category
ORDER BY total_sales DESC
"""
DAILY = """
SELECT
  year,
  month,
  day,
  COUNT(*) as transactions,
  SUM(total_amount) as daily_revenue
FROM transactions
WHERE year = 2024
GROUP BY year, month, day
ORDER BY year, month, day
LIMIT 10
"""
PRODUCT = """
SELECT
  product_name,
  COUNT(*) as units_sold,
  SUM(total_amount) as revenue
FROM transactions
GROUP BY product_name
ORDER BY revenue DESC
LIMIT 5
"""
REGIONS = """
SELECT
  region,
  COUNT(DISTINCT customer_id) as unique_customers,
  COUNT(*) as transactions,
  SUM(total_amount) as total_revenue
FROM transactions
GROUP BY region
ORDER BY total_revenue DESC
"""
VIEW = """
CREATE OR REPLACE VIEW daily_sales_summary AS
SELECT
  year,
  month,
  day,
  category,
  COUNT(*) as transaction_count,
  SUM(total_amount) as total_sales,
  AVG(total_amount) as avg_sale
FROM transactions
GROUP BY year, month, day, category
"""
JANUARY = """
SELECT
  product_name,
  SUM(total_amount) as revenue
FROM transactions
WHERE year = 2024 AND month = 1
GROUP BY product_name
ORDER BY revenue DESC
"""
SUMMARY = """
CREATE TABLE {database}.monthly_summary
WITH (
  format = 'PARQUET',
  partitioned_by = ARRAY['year', 'month']
) AS
SELECT
  {columns}
FROM {database}.transactions
GROUP BY category, region, year, month
"""
AS_WRITTEN = """category,
  region,
  year,
  month,
  COUNT(*) as transactions,
  SUM(total_amount) as total_revenue,
  AVG(total_amount) as avg_transaction"""
CORRECTED = """category,
  region,
  COUNT(*) as transactions,
  SUM(total_amount) as total_revenue,
  AVG(total_amount) as avg_transaction,
  year,
  month"""


def _made() -> list[Row]:
    """Rows as the walk-through's generator draws them."""
    source = random.Random(20240101)
    rows = []
    for number in range(400):
        name, price = source.choice(list(PRODUCTS.items()))
        year, month, day = source.choice(DAYS)
        rows.append(
            {
                "transaction_id": f"TXN{number + 1:06d}",
                "product_name": name,
                "category": "Furniture" if name == "Desk Chair" else "Electronics",
                "quantity": source.randint(1, 5),
                "unit_price": price,
                "total_amount": price * source.randint(1, 5),
                "customer_id": f"CUST{source.randint(1, 100):04d}",
                "region": source.choice(["North", "South", "East", "West"]),
                "year": year,
                "month": month,
                "day": day,
            }
        )
    return rows


def _grouped(rows: list[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return found


def _total(rows: list[Row]) -> int:
    return sum(row["total_amount"] for row in rows)


@pytest.fixture
def transactions(engine: Athena) -> tuple[Athena, list[Row]]:
    """An Athena with the walk-through's table, and its rows."""
    rows = _made()
    columns = {
        "transaction_id": "string", "product_name": "string", "category": "string",
        "quantity": "bigint", "unit_price": "bigint", "total_amount": "bigint",
        "customer_id": "string", "region": "string",
    }  # fmt: skip
    keys = [("year", "int"), ("month", "int"), ("day", "int")]
    engine.table("transactions", list(columns.items()), keys, prefix="processed/transactions")
    for (year, month, day), group in _grouped(rows, "year", "month", "day").items():
        prefix = f"processed/transactions/year={year}/month={month}/day={day}"
        engine.put_parquet(
            f"{prefix}/part-0.snappy.parquet",
            {
                name: pa.array(
                    [row[name] for row in group], pa.int64() if kind == "bigint" else pa.string()
                )
                for name, kind in columns.items()
            },
        )
    engine.run("MSCK REPAIR TABLE transactions")
    return engine, rows


def _categories(rows: list[Row]) -> list[tuple[str, ...]]:
    groups = sorted(_grouped(rows, "category").items(), key=lambda item: -_total(item[1]))
    return [
        (name, str(len(group)), str(_total(group)), str(_total(group) / len(group)))
        for (name,), group in groups
    ]


def _daily(rows: list[Row]) -> list[tuple[str, ...]]:
    groups = _grouped([row for row in rows if row["year"] == 2024], "year", "month", "day")
    return [
        (*map(str, key), str(len(group)), str(_total(group)))
        for key, group in sorted(groups.items())
    ][:10]


def _products(rows: list[Row]) -> list[tuple[str, ...]]:
    groups = sorted(_grouped(rows, "product_name").items(), key=lambda item: -_total(item[1]))
    return [(name, str(len(group)), str(_total(group))) for (name,), group in groups][:5]


def _regions(rows: list[Row]) -> list[tuple[str, ...]]:
    groups = sorted(_grouped(rows, "region").items(), key=lambda item: -_total(item[1]))
    return [
        (
            name,
            str(len({row["customer_id"] for row in group})),
            str(len(group)),
            str(_total(group)),
        )
        for (name,), group in groups
    ]


def _january(rows: list[Row]) -> list[tuple[str, ...]]:
    chosen = [row for row in rows if (row["year"], row["month"]) == (2024, 1)]
    groups = sorted(_grouped(chosen, "product_name").items(), key=lambda item: -_total(item[1]))
    return [(name, str(_total(group))) for (name,), group in groups]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (CATEGORIES, _categories),
        (DAILY, _daily),
        (PRODUCT, _products),
        (REGIONS, _regions),
        (JANUARY, _january),
    ],
    ids=["categories", "daily", "products", "regions", "january"],
)
def test_the_analysts_queries(
    transactions: tuple[Athena, list[Row]],
    sql: str,
    expected: Callable[[list[Row]], list[tuple[str, ...]]],
) -> None:
    engine, rows = transactions
    found = expected(rows)
    assert len(found) > 1
    assert engine.rows(sql) == found


def test_a_partition_filter_scans_less(transactions: tuple[Athena, list[Row]]) -> None:
    engine, _ = transactions
    whole = engine.run(PRODUCT)["Statistics"]["DataScannedInBytes"]
    part = engine.run(JANUARY)["Statistics"]["DataScannedInBytes"]
    assert 0 < part < whole / 2


def test_the_view(transactions: tuple[Athena, list[Row]]) -> None:
    engine, rows = transactions
    for _ in range(2):
        engine.run(VIEW)
    found = engine.rows(
        "SELECT year, month, day, category, transaction_count, total_sales, avg_sale "
        "FROM daily_sales_summary ORDER BY 1, 2, 3, 4"
    )
    assert found == [
        (*map(str, key), str(len(group)), str(_total(group)),
         str(_total(group) / len(group)))
        for key, group in sorted(_grouped(rows, "year", "month", "day", "category").items())
    ]  # fmt: skip


def test_the_monthly_summary(transactions: tuple[Athena, list[Row]]) -> None:
    engine, rows = transactions
    reason = engine.fails(SUMMARY.format(database=engine.database, columns=AS_WRITTEN))
    assert reason.startswith("HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns")
    assert "TABLE_NOT_FOUND" in engine.fails("SELECT * FROM monthly_summary")
    engine.run(SUMMARY.format(database=engine.database, columns=CORRECTED))
    partitions = engine.result(engine.run("SHOW PARTITIONS monthly_summary")["QueryExecutionId"])
    assert len(partitions) == len({(row["year"], row["month"]) for row in rows})
    found = engine.rows(
        "SELECT category, region, transactions, total_revenue, avg_transaction, year, month "
        "FROM monthly_summary ORDER BY category, region, year, month"
    )
    assert found == [
        (category, region, str(len(group)), str(_total(group)),
         str(_total(group) / len(group)), str(year), str(month))
        for (category, region, year, month), group in sorted(
            _grouped(rows, "category", "region", "year", "month").items()
        )
    ]  # fmt: skip
