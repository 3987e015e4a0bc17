"""Ranks the rows of one key and day, in the same way however the data arrived."""

from collections.abc import Iterable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

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
