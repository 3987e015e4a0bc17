"""Adds derived columns, and refuses rows whose values do not go together."""

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract


def with_rules(judged_rows: DataFrame, contract: Contract) -> DataFrame:
    """Judged rows with the derived columns, and with the reasons of these and of the rules.

    What was found against a row before comes first. Refused rows have no business day.

    Args:
        judged_rows: see ``retail_transforms.judged``.
        contract: of the dataset; its expressions are Spark SQL over the columns.
    """
    rows = judged_rows
    reasons: list[Value] = [F.col("_reason")]
    for column in contract.columns:
        if column.derived is not None:
            rows = rows.withColumn(column.name, F.expr(column.derived).cast(column.sql_type))
            if column.required:
                reasons.append(F.when(F.col(column.name).isNull(), f"required:{column.name}"))
    reasons += [_unless(F.expr(rule.expression), f"rule:{rule.name}") for rule in contract.rules]
    rows = rows.withColumn("_reason", F.coalesce(*reasons))
    return rows.withColumn("sale_date", F.when(F.col("_reason").isNull(), F.col("sale_date")))


def _unless(holds: Value, reason: str) -> Value:
    """The reason unless the condition is true: a rule that cannot be told is broken."""
    return F.when(~F.coalesce(holds, F.lit(False)), F.lit(reason))
