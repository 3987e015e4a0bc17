"""What P6 measures, in Airflow's environment: builds and checks of a day on the local Athena.

    python -m tests.benchmarks.gold_jobs FOLDER --rows N --repeats N --history DAYS…

For each number of days of history the marts of the day after it are built and checked as the DAG
does, a release of its own each time. Prints one JSON object: by number of days the bytes scanned,
the bytes of the column chunks that had to be read, and the milliseconds of each repetition.
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from include.lake import checks
from include.lake.catalog import SALES_COLUMNS
from include.lake.marts import Mart
from tests.local_lake import DEPLOYMENT, LAKE, MARTS, LocalLake, Row, column_bytes, local_lake

DAY_OF_RUN = date(2026, 7, 1)
PRODUCTS = 5000
CHANNELS = sorted(str(contract.channel) for contract in LAKE.channels)


def rows(count: int, seed: int) -> Iterator[Row]:
    """Sales of a day, with the texts and spreads of real ones."""
    draw = random.Random(seed)
    for number in range(count):
        product, quantity = draw.randrange(PRODUCTS), draw.randint(1, 9)
        price = Decimal(draw.randrange(99, 99_999)) / 100
        yield {
            "transaction_id": f"TXN{draw.randrange(10**12):012}",
            "channel": draw.choice(CHANNELS),
            "product_id": f"P{product:05}",
            "product_name": f"Product number {product} of the catalogue",
            "category": f"Category {product % 40}",
            "quantity": quantity,
            "unit_price": price,
            "total_amount": price * quantity,
            "calculated_total": price * quantity,
            "amount_matches": True,
            "customer_token": f"{draw.getrandbits(256):064x}",
            "region": draw.choice(("North", "South", "East", "West")),
            "payment_method": draw.choice(("Cash", "Credit Card", "PayPal")),
            "is_return": False,
            "source_file": f"bronze/ecommerce_orders/ingest_date={DAY_OF_RUN}/part-0.json",
            "source_row": number,
        }


class History:
    """Published days before the day of the run, all of the same sales."""

    def __init__(self, lake: LocalLake, count: int) -> None:
        self.lake = lake
        self.days = 0
        self.sales = list(rows(count, 0))
        self.pointer: list[dict[str, str | None]] = []
        self.marts: dict[str, list[Row]] = {}

    def grow(self, days: int) -> None:
        """Publish further days, until there are so many."""
        releases = {
            str(day): f"r{day:%Y%m%d}_{0:012x}"
            for back in range(self.days + 1, days + 1)
            for day in [DAY_OF_RUN - timedelta(days=back)]
        }
        for table, built in (("sales", self.sales), *self.marts.items()):
            database = LAKE.silver_database if table == "sales" else LAKE.gold_database
            file = self.lake.file(database, table, built)
            self.lake.add(database, table, dict.fromkeys(releases.items(), file))
            self.pointer += [
                {"table_name": table, "ingest_date": None, "sale_date": day, "release": release}
                for day, release in releases.items()
            ]
        self.days = days
        self.lake.publish(self.pointer, f"history-{days}")


def measure(lake: LocalLake, count: int, release: str, name: str) -> dict[str, float]:
    """Build and check all marts for a release of the day of the run."""
    day = str(DAY_OF_RUN)
    _, sales = lake.put(LAKE.silver_database, "sales", [day, release], list(rows(count, 1)))
    catalogue = [{"product_id": f"P{number:05}"} for number in range(PRODUCTS)]
    _, products = lake.put(LAKE.silver_database, "products", [day, release], catalogue)
    found = dict.fromkeys(("scanned", "chunks", "milliseconds"), 0.0)
    for mart in MARTS.values():
        staged = f"{LAKE.gold_database}.{mart.name}__{release}_1"
        location = f"s3://{DEPLOYMENT.lake_bucket}/{name}/{mart.name}/{release}/"
        _, built = lake.query(mart.ctas(staged, location, release))
        (file,) = lake.files(location).values()
        check = checks.check_sql(LAKE, mart, staged, release, (day, day))
        verdicts, checked = lake.query(check)
        failed = [row for row in verdicts if row["passed"] != "true" and row["severity"] == "fail"]
        if failed:
            raise SystemExit(f"{mart.name}: {failed}")
        for statistics in (built, checked):
            found["scanned"] += statistics["DataScannedInBytes"]
            found["milliseconds"] += statistics["TotalExecutionTimeInMillis"]
        found["chunks"] += column_bytes(sales, columns_named(mart.select))
        found["chunks"] += column_bytes(sales, columns_named(of_silver(check)))
        found["chunks"] += column_bytes(file)
        if any(column.references for column in mart.columns):
            found["chunks"] += column_bytes(products, ["product_id"])
    return found


def of_silver(check: str) -> str:
    """The part of a check that reads the sales."""
    return check.partition("silver AS (")[2].partition("),\nusual")[0]


def columns_named(sql: str) -> list[str]:
    """Columns of the sales that a statement names."""
    return sorted({*re.findall(r"\w+", sql)} & SALES_COLUMNS.keys())


def built_rows(lake: LocalLake, mart: Mart, release: str) -> list[Row]:
    """Rows of a mart for one day, to publish with the history."""
    staged = f"{LAKE.gold_database}.{mart.name}__{release}_9"
    location = f"s3://{DEPLOYMENT.lake_bucket}/sample/{mart.name}/"
    lake.query(mart.ctas(staged, location, release))
    return lake.rows(location, {column.name: column.type for column in mart.data_columns})


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--history", type=int, nargs="+", required=True)
    asked = parser.parse_args()
    with local_lake(asked.folder) as lake:
        history = History(lake, 2000)
        sample = "r20250101_000000000000"
        lake.put(LAKE.silver_database, "sales", ["2025-01-01", sample], history.sales)
        history.marts = {mart.name: built_rows(lake, mart, sample) for mart in MARTS.values()}
        found: dict[int, list[dict[str, float]]] = {}
        for days in asked.history:
            history.grow(days)
            found[days] = [
                measure(lake, asked.rows, f"r20260701_{days:06x}{repeat:06x}", f"gold-{days}")
                for repeat in range(asked.repeats + 1)
            ][1:]  # the first one warms up
    print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
