"""Fills what a sale does not say from the snapshots of its business day."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Enrichment


def enriched(sales: DataFrame, state: DataFrame, rule: Enrichment) -> DataFrame:
    """The same sales, in the same columns; what the sale itself says wins.

    A sale is looked up in the snapshot of the arrival day that is its business day: so its day is
    the same however late it came, and in whatever order the days ran.

    Args:
        sales: rows of ``retail_silver.sales``.
        state: a snapshot table's rows, one per ingest_date and key.
        rule: which of its columns fill which of the sale's.
    """
    found = state.select(
        F.col("ingest_date").alias("_day"),
        *[F.col(column).alias(f"_key_{name}") for name, column in rule.key.items()],
        *[F.col(column).alias(f"_fill_{name}") for name, column in rule.fill.items()],
    )
    same = F.col("sale_date") == F.col("_day")
    for name in rule.key:
        same &= F.col(name) == F.col(f"_key_{name}")
    return sales.join(found, same, "left").select(
        *[
            F.coalesce(F.col(name), F.col(f"_fill_{name}")).alias(name)
            if name in rule.fill
            else F.col(name)
            for name in sales.columns
        ]
    )
