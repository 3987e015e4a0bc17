"""Keeps one row per transaction and business day, the same one however the data arrived."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

#: One sale: the same id in another channel is another sale.
KEY = ("sale_date", "channel", "transaction_id")


def ranked(sales: DataFrame) -> DataFrame:
    """Adds ``standing`` from 1: the row to keep, then the duplicates.

    Latest arrival wins; within a day the last file by name, then the last row. No two rows tie,
    since file and row identify a row.
    """
    latest_first = (F.desc("ingest_date"), F.desc("source_file"), F.desc("source_row"))
    order = Window.partitionBy(*KEY).orderBy(*latest_first)
    return sales.withColumn("standing", F.row_number().over(order))


def keep_latest(sales: DataFrame) -> DataFrame:
    """One row per sale, a business day's rows together (in one task, ready to be written)."""
    by_day = sales.repartition("sale_date")  # this one shuffle serves the ranking and the writing
    return ranked(by_day).where("standing = 1").drop("standing")


def duplicates(sales: DataFrame) -> DataFrame:
    """The rows that ``keep_latest`` drops, with as little of them as it takes to count them."""
    narrow = sales.select(*KEY, "ingest_date", "source_file", "source_row")
    return ranked(narrow).where("standing > 1").drop("standing")
