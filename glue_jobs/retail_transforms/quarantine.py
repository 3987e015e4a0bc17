"""Decides for every delivered row whether it passes the contract, and if not why."""

from decimal import Decimal

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType, StructType, TimestampType

from include.lake.catalog import QUARANTINE_COLUMNS, clean_columns
from include.lake.contracts import Column, Contract
from retail_transforms.text import composed
from retail_transforms.typed import standardised_text, typed_value

#: Columns of a delivered row (see ``retail_io.sources``): where it came from, the text, its fields.
LINEAGE = ("source_file", "source_row", "ingest_date")
#: Formats whose reader gives composed text already.
_COMPOSED = ("csv",)


def judged(delivered: DataFrame, contract: Contract, time_zone: str) -> DataFrame:
    """Each delivered row with its clean columns and the reason why it is refused, or null.

    Args:
        delivered: source_file, source_row, ingest_date, raw, fields (struct by source name, null
            where the text could not be read).
        contract: of the dataset.
        time_zone: the lake's zone; sale_date is the business day in it.

    Returns:
        source_file, source_row, ingest_date, the clean columns, sale_date (null for refused rows:
        theirs may be beyond what a calendar or Python knows), _reason, and _raw (null for rows
        that pass, so that what is kept in memory stays small).
    """
    valued = _with_values(delivered, contract)
    for column in contract.columns:
        if column.derived is not None:
            valued = valued.withColumn(column.name, F.expr(column.derived).cast(column.sql_type))
    dated = valued.withColumn("sale_date", _business_day(contract, time_zone))
    clean = [column.name for column in contract.columns]
    reasoned = dated.select(
        *LINEAGE, *clean, "sale_date", "_raw", _reason(contract).alias("_reason")
    )
    is_refused = F.col("_reason").isNotNull()
    return reasoned.withColumn("_raw", F.when(is_refused, F.col("_raw"))).withColumn(
        "sale_date", F.when(~is_refused, F.col("sale_date"))
    )


def quarantined(judged_rows: DataFrame, dataset: str) -> DataFrame:
    """The refused rows as ``retail_ops.quarantine`` holds them."""
    values = {name: F.col(name) for name in LINEAGE}
    values |= {"dataset": F.lit(dataset), "reason": F.col("_reason"), "raw": F.col("_raw")}
    refused = judged_rows.where(F.col("_reason").isNotNull())
    return refused.select(
        *[values[name].alias(name) for name in (*QUARANTINE_COLUMNS, "ingest_date")]
    )


def passed(judged_rows: DataFrame, contract: Contract) -> DataFrame:
    """The rows of the dataset's silver table, with its columns and partition days."""
    days = ("ingest_date", "sale_date") if contract.snapshot is None else ("ingest_date",)
    columns = (*clean_columns(contract), *days)
    return judged_rows.where(F.col("_reason").isNull()).select(*columns)


def _business_day(contract: Contract, time_zone: str) -> Value:
    """The day in the lake's zone; without a business time it is the arrival day."""
    time = contract.source.business_time
    if time is None:
        return F.col("ingest_date")
    return F.to_date(F.from_utc_timestamp(time, time_zone))


def _with_values(delivered: DataFrame, contract: Contract) -> DataFrame:
    """Adds one column per delivered column of the contract, and ``_texts`` for the checks."""
    fields = delivered.schema["fields"].dataType
    assert isinstance(fields, StructType)
    types: dict[str, DataType] = {}
    texts = []
    for column in contract.delivered_columns:
        value = F.col("fields").getField(column.source)
        kind = fields[column.source].dataType
        instant = column.type == "timestamp" and isinstance(kind, TimestampType)
        types[column.name] = kind if instant else StringType()
        texts.append((value if instant else standardised_text(value)).alias(column.name))
    standardised = _with_composed_text(delivered, contract).select(
        *LINEAGE,
        F.col("raw").alias("_raw"),
        F.col("fields").isNotNull().alias("_readable"),
        F.struct(*texts).alias("_texts"),
    )
    values = [
        typed_value(column, F.col("_texts").getField(column.name), types[column.name]).alias(
            column.name
        )
        for column in contract.delivered_columns
    ]
    return standardised.select("*", *values)


def _with_composed_text(delivered: DataFrame, contract: Contract) -> DataFrame:
    """The rows with the fields of text columns in NFC."""
    names = [column.source for column in contract.delivered_columns if column.type == "string"]
    if contract.source.format in _COMPOSED or not names:
        return delivered
    fields = {name: F.col("fields").getField(name).cast("string") for name in names}
    with_text = delivered.withColumn("_text", composed(list(fields.values())))
    changed = F.col("fields")
    for number, (name, text) in enumerate(fields.items()):
        changed = changed.withField(f"`{name}`", F.coalesce(F.col("_text")[number], text))
    return with_text.withColumn("fields", F.when(F.col("fields").isNotNull(), changed))


def _reason(contract: Contract) -> Value:
    """The first reason that applies, in the order that the books promise."""
    found: list[Value] = [_when(~F.col("_readable"), "unreadable")]
    for column in contract.columns:
        found += _column_reasons(column)
    found += [_unless(F.expr(rule.expression), f"rule:{rule.name}") for rule in contract.rules]
    if time := contract.source.business_time:
        age = F.datediff("ingest_date", "sale_date")
        found.append(_when(age < 0, f"in_future:{time}"))
        found.append(_when(age > contract.lateness_days, f"too_late:{time}"))
    return F.coalesce(*found)


def _column_reasons(column: Column) -> list[Value]:
    value = F.col(column.name)
    reasons = []
    text = F.col("_texts").getField(column.name) if column.derived is None else value
    if column.required:
        reasons.append(_when(text.isNull(), f"required:{column.name}"))
    reasons.append(_when(text.isNotNull() & value.isNull(), f"invalid:{column.name}"))
    for bound, breaks in (
        (column.minimum, value.__lt__),
        (column.exclusive_minimum, value.__le__),
        (column.maximum, value.__gt__),
    ):
        if bound is not None:
            reasons.append(_when(breaks(_number(bound)), f"out_of_range:{column.name}"))
    if column.pattern is not None:
        fits = value.rlike(rf"\A(?:{column.pattern})\z")
        reasons.append(_when(~fits, f"bad_pattern:{column.name}"))
    if column.accepted:
        reasons.append(_when(~value.isin(*column.accepted), f"not_accepted:{column.name}"))
    return reasons


def _number(bound: Decimal) -> Value:
    """A bound as an exact literal (a Decimal like 1E+3 would get a negative scale)."""
    text = f"{bound:f}"
    digits = text.lstrip("-").replace(".", "")
    scale = len(text.partition(".")[2])
    return F.lit(text).cast(f"decimal({max(len(digits), scale, 1)},{scale})")


def _when(refused: Value, reason: str) -> Value:
    """The reason where the condition is true; null where it is false or unknown."""
    return F.when(refused, F.lit(reason))


def _unless(holds: Value, reason: str) -> Value:
    """The reason unless the condition is true: a rule that cannot be told is broken."""
    return F.when(~F.coalesce(holds, F.lit(False)), F.lit(reason))
