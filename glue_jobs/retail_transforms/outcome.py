"""Says of every row which table it goes to, and brings together what is written together."""

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract
from retail_transforms.deduplicate import KEY, ranked

#: Rows of these outcomes are counted and not kept.
DUPLICATE = "duplicate"
QUARANTINE, SALES = "quarantine", "sales"


def with_outcome(judged_rows: DataFrame, contract: Contract) -> DataFrame:
    """Judged rows of a dataset with ``_dataset`` and ``_outcome``, ready to be written.

    The outcome is the dataset's silver table, quarantine, or duplicate (of a snapshot's key within
    an arrival day; sales are deduplicated later, over all arrivals). Rows of a partition of any
    table are in one task, sorted by its keys and then in a total order.
    """
    reason = F.col("_reason")
    refused = F.when(reason.isNotNull(), QUARANTINE)
    if contract.snapshot is None:
        days: tuple[str, ...] = ("ingest_date", "sale_date")
        rows = judged_rows.repartition(*days)
        order: tuple[str, ...] = ()
        outcome: Value = F.coalesce(refused, F.lit(contract.silver_table))
    else:
        days, order = ("ingest_date",), contract.key_columns
        by_day = judged_rows.repartition(*days).withColumn("_passes", reason.isNull())
        rows = ranked(by_day, (*days, "_passes", *order))
        lost = F.when(F.col("standing") > 1, DUPLICATE)
        outcome = F.coalesce(refused, lost, F.lit(contract.silver_table))
    rows = rows.withColumn("_outcome", outcome).withColumn("_dataset", F.lit(contract.dataset))
    return rows.sortWithinPartitions(*days, *order, "source_file", "source_row")


def with_sales_outcome(sales: DataFrame) -> DataFrame:
    """Sales of all arrivals likewise: the outcome is sales or duplicate."""
    by_day = sales.repartition("sale_date")  # one shuffle serves the ranking and the writing
    outcome = F.when(F.col("standing") == 1, SALES).otherwise(DUPLICATE)
    rows = ranked(by_day).withColumn("_outcome", outcome)
    nothing = F.lit(None).cast("string")
    rows = rows.withColumn("_dataset", nothing).withColumn("_reason", nothing)
    return rows.sortWithinPartitions(*KEY)
