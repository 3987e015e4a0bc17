"""Decides for every delivered row whether it passes the contract, and if not why."""

from decimal import Decimal

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from include.lake.contracts import Column, Contract
from retail_transforms.typed import is_delivered_typed, reading, typed

#: Columns of a delivered row (see ``retail_io.sources``): where it came from, the text, its fields.
LINEAGE = ("source_file", "source_row", "ingest_date")
_NUMBERS = ("decimal", "integer")


def judged(delivered: DataFrame, contract: Contract, time_zone: str) -> DataFrame:
    """Each delivered row with its clean columns and the reason why it is refused, or null.

    Args:
        delivered: source_file, source_row, ingest_date, raw, fields (struct by source name, texts
            without blanks around them, null where the row could not be read).
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
    dated = valued.withColumn("_day", _business_day(contract, time_zone))
    reason = _reason(contract)
    return dated.select(
        *LINEAGE,
        *[column.name for column in contract.columns],
        F.when(reason.isNull(), F.col("_day")).alias("sale_date"),
        F.when(reason.isNotNull(), F.col("_raw")).alias("_raw"),
        reason.alias("_reason"),
    )


def _business_day(contract: Contract, time_zone: str) -> Value:
    """The day in the lake's zone; without a business time it is the arrival day."""
    time = contract.source.business_time
    if time is None:
        return F.col("ingest_date")
    return F.to_date(F.from_utc_timestamp(time, time_zone))


def _with_values(delivered: DataFrame, contract: Contract) -> DataFrame:
    """Adds a column per delivered column, and for the checks whether a value was given at all."""
    fields = delivered.schema["fields"].dataType
    assert isinstance(fields, StructType)
    first: list[Value] = []
    second: list[Value] = []
    for column in contract.delivered_columns:
        name, given = column.name, F.col("fields").getField(column.source)
        if is_delivered_typed(column, fields[column.source].dataType):
            first.append(given.alias(name))
            second.append(F.col(name))
        else:
            place = f"_read_{name}" if column.type in _NUMBERS else name
            first.append(reading(column, given.cast("string")).alias(place))
            second.append(typed(column, F.col(place)).alias(name))
        if column.type != "string":
            first.append(given.isNotNull().alias(f"_given_{name}"))
            second.append(F.col(f"_given_{name}"))
    state = (F.col("raw").alias("_raw"), F.col("fields").isNotNull().alias("_readable"))
    standing = (*LINEAGE, "_raw", "_readable")
    return delivered.select(*LINEAGE, *state, *first).select(*standing, *second)


def _reason(contract: Contract) -> Value:
    """The first reason that applies, in the order that the books promise."""
    found: list[Value] = [
        _when(~F.col("_readable"), "unreadable"),
    ]
    for column in contract.columns:
        found += _column_reasons(column)
    found += [_unless(F.expr(rule.expression), f"rule:{rule.name}") for rule in contract.rules]
    if time := contract.source.business_time:
        age = F.datediff("ingest_date", "_day")
        found.append(_when(age < 0, f"in_future:{time}"))
        found.append(_when(age > contract.lateness_days, f"too_late:{time}"))
    return F.coalesce(*found)


def _column_reasons(column: Column) -> list[Value]:
    value = F.col(column.name)
    # A text is what was given; of anything else that does not fit nothing is left to see.
    is_typed = column.derived is None and column.type != "string"
    given = F.col(f"_given_{column.name}") if is_typed else value.isNotNull()
    reasons = []
    if column.required:
        reasons.append(_when(~given, f"required:{column.name}"))
    if is_typed:
        reasons.append(_when(given & value.isNull(), f"invalid:{column.name}"))
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
