"""Brings the clean rows of every channel into the one shape of ``retail_silver.sales``."""

from functools import reduce

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract
from retail_transforms.tokenise import token_name

#: Columns of ``retail_silver.sales`` in order; sale_date and release are its partition keys.
SALES_COLUMNS: dict[str, str] = {
    "transaction_id": "string",
    "channel": "string",
    "sold_at": "timestamp",
    "product_id": "string",
    "product_name": "string",
    "category": "string",
    "quantity": "bigint",
    "unit_price": "decimal(18,2)",
    "total_amount": "decimal(18,2)",
    "calculated_total": "decimal(18,2)",
    "amount_matches": "boolean",
    "customer_token": "string",
    "region": "string",
    "store_id": "string",
    "payment_method": "string",
    "is_return": "boolean",
    "source_file": "string",
    "source_row": "bigint",
    "ingest_date": "date",
    "sale_date": "date",
}
_CARRIED = ("source_file", "source_row", "ingest_date", "sale_date")


def conformed(clean: DataFrame, contract: Contract) -> DataFrame:
    """Clean rows of one dataset as sales (one row per clean row).

    Args:
        clean: stored columns of the contract, source_file, source_row, ingest_date, sale_date.
        contract: its ``sales`` maps each sales column to an expression over the clean columns;
            ``customer_id`` must name a restricted column, whose token is taken.
    """
    mapping = dict(contract.sales)
    customer = mapping.pop("customer_id").strip()
    mapped = {name: F.expr(expression) for name, expression in mapping.items()}
    mapped["customer_token"] = _customer(contract, customer)
    mapped["channel"] = F.lit(contract.channel)
    mapped |= {name: F.col(name) for name in _CARRIED}
    return with_calculated_total(
        clean.select(
            *[value.cast(SALES_COLUMNS[name]).alias(name) for name, value in mapped.items()]
        )
    ).select(*SALES_COLUMNS)


def with_calculated_total(sales: DataFrame) -> DataFrame:
    """Adds quantity times unit_price and whether the source's own total agrees with it."""
    total = (F.col("quantity") * F.col("unit_price")).cast(SALES_COLUMNS["calculated_total"])
    matches = F.coalesce(F.col("total_amount") == F.col("calculated_total"), F.lit(False))
    return sales.withColumn("calculated_total", total).withColumn("amount_matches", matches)


def union_of(channels: list[DataFrame]) -> DataFrame:
    """All channels in one frame; their columns must agree by name."""
    return reduce(DataFrame.unionByName, channels)


def _customer(contract: Contract, expression: str) -> Value:
    if expression.upper() == "CAST(NULL AS STRING)":
        return F.lit(None)
    restricted = [
        column.name for column in contract.columns if column.classification == "restricted"
    ]
    if expression not in restricted:
        raise ValueError(
            f"contract {contract.dataset}: sales.customer_id is {expression!r}, but only a column "
            f"classified restricted is tokenised ({', '.join(restricted) or 'there is none'})"
        )
    return F.col(token_name(expression))
