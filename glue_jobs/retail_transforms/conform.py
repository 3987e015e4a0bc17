"""Brings the clean rows of every channel into the one shape of ``retail_silver.sales``."""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.catalog import SALES_COLUMNS
from include.lake.contracts import NOTHING, Contract

#: Columns of ``retail_silver.sales`` in order; the last one and the release are partition keys.
SALES_TYPES: dict[str, str] = {**SALES_COLUMNS, "sale_date": "date"}
_CARRIED = ("source_file", "source_row", "ingest_date", "sale_date")


def conformed(clean: DataFrame, contract: Contract) -> DataFrame:
    """Clean rows of one dataset as sales (one row per clean row).

    Args:
        clean: stored columns of the contract, source_file, source_row, ingest_date, sale_date.
        contract: its ``sales`` maps each sales column to an expression over the clean columns;
            ``customer_id`` must name a restricted column, whose token is taken.
    """
    mapping = dict(contract.sales)
    customer = mapping.pop("customer_id")
    mapped = {name: F.expr(expression) for name, expression in mapping.items()}
    mapped["customer_token"] = (
        F.lit(None) if customer == NOTHING else F.col(contract.column(customer).stored_name)
    )
    mapped["channel"] = F.lit(contract.channel)
    mapped |= {name: F.col(name) for name in _CARRIED}
    return with_calculated_total(
        clean.select(*[value.cast(SALES_TYPES[name]).alias(name) for name, value in mapped.items()])
    ).select(*SALES_TYPES)


def with_calculated_total(sales: DataFrame) -> DataFrame:
    """Adds quantity times unit_price and whether the source's own total agrees with it."""
    total = (F.col("quantity") * F.col("unit_price")).cast(SALES_TYPES["calculated_total"])
    matches = F.coalesce(F.col("total_amount") == F.col("calculated_total"), F.lit(False))
    return sales.withColumn("calculated_total", total).withColumn("amount_matches", matches)


def union_of(channels: Sequence[DataFrame]) -> DataFrame:
    """All channels in one frame; their columns must agree by name."""
    return reduce(DataFrame.unionByName, channels)
