"""Keeps one row per key and day, the same one however the data arrived."""

from collections.abc import Iterable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from include.lake.contracts import Contract
from retail_transforms.conform import with_optional_columns

#: One sale: the same id in another channel is another sale.
KEY = ("sale_date", "channel", "transaction_id")


def ranked(rows: DataFrame, key: Iterable[str] = KEY) -> DataFrame:
    """Adds ``standing`` from 1: the row to keep, then the duplicates.

    Latest arrival wins; within a day the last file by name, then the last row. No two rows tie,
    since file and row identify a row.
    """
    latest_first = (F.desc("ingest_date"), F.desc("source_file"), F.desc("source_row"))
    order = Window.partitionBy(*key).orderBy(*latest_first)
    return rows.withColumn("standing", F.row_number().over(order))


def keep_latest(sales: DataFrame) -> DataFrame:
    """One row per sale, a business day's rows together (in one task, ready to be written)."""
    by_day = with_optional_columns(sales).repartition(
        "sale_date"
    )  # this one shuffle serves the ranking and the writing
    return ranked(by_day).where("standing = 1").drop("standing")


def keep_last(rows: DataFrame, contract: Contract) -> DataFrame:
    """One row per key and arrival day of a snapshot."""
    return ranked(rows, _snapshot_key(contract)).where("standing = 1").drop("standing")


def duplicates(sales: DataFrame) -> DataFrame:
    """The rows that ``keep_latest`` drops, with as little of them as it takes to count them."""
    return _losers(sales, KEY)


def snapshot_duplicates(rows: DataFrame, contract: Contract) -> DataFrame:
    """The rows that ``keep_last`` drops, likewise."""
    return _losers(rows, _snapshot_key(contract))


def _snapshot_key(contract: Contract) -> tuple[str, ...]:
    return ("ingest_date", *contract.key_columns)


def _losers(rows: DataFrame, key: Iterable[str]) -> DataFrame:
    narrow = rows.select(*dict.fromkeys((*key, "ingest_date", "source_file", "source_row")))
    return ranked(narrow, key).where("standing > 1").drop("standing")
