"""Rules about the columns of the table itself.

A plan says what to measure; all plans are measured in one pass over the data, except those that
group by a column.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from awsgluedq.conditions import holds, meets
from awsgluedq.dqdl import Condition, DqdlError, Duration, Rule

ALL = Condition("=", (Decimal(1),))
TYPES = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "INTEGER": "int",
    "LONG": "bigint",
    "DOUBLE": "double",
    "FLOAT": "float",
    "STRING": "string",
}


class MissingColumn(Exception):
    """The table has no such column: the rule fails, as on AWS."""


@dataclass(frozen=True)
class Plan:
    """How to judge one rule.

    Attributes:
        judged: The metric that the condition is about.
        condition: What it has to meet.
        aggregates: What to measure, by metric.
        counts: The same for what needs a grouping: metrics of a data frame.
        row: Whether each row meets the rule; None: the rule is about the table.
    """

    judged: str
    condition: Condition
    aggregates: Mapping[str, Column] = field(default_factory=dict)
    counts: Callable[[DataFrame], Mapping[str, float]] | None = None
    row: Column | None = None


def plan(rule: Rule, frame: DataFrame) -> Plan | None:
    """How to judge a rule about columns; None if it is of another kind.

    Raises:
        MissingColumn: The table has not what the rule is about.
    """
    maker = PLANS.get(rule.kind)
    if maker is None:
        return None
    if rule.kind not in ("ColumnExists", "ColumnNamesMatchPattern"):
        for name in rule.parameters:
            if name not in frame.columns:
                raise MissingColumn(f"Input data does not include column {name}!")
    return maker(rule, frame)


def _counted(rule: Rule) -> Column:
    """1 for the rows that count, null for others."""
    return F.when(F.expr(rule.where) if rule.where else F.lit(True), F.lit(1))


def _share(rule: Rule, good: Column, name: str, metric: str) -> Plan:
    """The share of rows that are good, of those that count."""
    inside = _counted(rule)
    ratio = F.sum(F.when(inside.isNotNull() & good, 1).otherwise(0)) / F.count(inside)
    wanted = rule.threshold or ALL
    return Plan(
        f"Column.{name}.{metric}",
        wanted,
        {f"Column.{name}.{metric}": ratio},
        row=inside.isNull() | good,
    )


def _complete(rule: Rule, frame: DataFrame) -> Plan:
    (name,) = rule.parameters
    found = _share(rule, _column(name).isNotNull(), name, "Completeness")
    return Plan(found.judged, rule.condition or ALL, found.aggregates, row=found.row)


def _values(rule: Rule, frame: DataFrame) -> Plan:
    (name,) = rule.parameters
    textual = isinstance(frame.schema[name].dataType, StringType)
    good = meets(_column(name), _needed(rule), textual)
    return _share(rule, good, name, "ColumnValues.Compliance")


def _length(rule: Rule, frame: DataFrame) -> Plan:
    (name,) = rule.parameters
    # a null is as long as an empty text
    length = F.coalesce(F.length(_column(name).cast("string")), F.lit(0))
    return _share(rule, meets(length, _needed(rule), False), name, "LengthCompliance")


def _data_type(rule: Rule, frame: DataFrame) -> Plan:
    (name,) = rule.parameters
    condition = _needed(rule)
    asked = [str(operand).upper() for operand in condition.operands]
    unknown = [kind for kind in asked if kind not in TYPES]
    if unknown or condition.operator not in ("=", "in"):
        raise DqdlError(f"{rule.text}: = or in, and one of {', '.join(TYPES)}")
    is_text = isinstance(frame.schema[name].dataType, StringType)
    good = _column(name).isNull()
    for kind in asked:
        of_kind = _column(name).cast(TYPES[kind]).isNotNull()
        good = good | (of_kind if kind != "STRING" else F.lit(is_text))
    return _share(rule, good, name, "ColumnDataType.Compliance")


def _freshness(rule: Rule, frame: DataFrame) -> Plan:
    (name,) = rule.parameters
    condition = _needed(rule)
    seconds = [
        Decimal(str(operand.seconds))
        for operand in condition.operands
        if isinstance(operand, Duration)
    ]
    age = F.unix_timestamp(F.current_timestamp()) - F.unix_timestamp(
        _column(name).cast("timestamp")
    )
    good = meets(age, Condition(condition.operator, tuple(seconds)), False)
    return _share(rule, good, name, "DataFreshness.Compliance")


def _aggregate(function: Callable[[Column], Column], metric: str) -> Callable[..., Plan]:
    def made(rule: Rule, frame: DataFrame) -> Plan:
        (name,) = rule.parameters
        value = F.when(_counted(rule).isNotNull(), _column(name).cast("double"))
        key = f"Column.{name}.{metric}"
        return Plan(key, _needed(rule), {key: function(value)})

    return made


def _correlation(rule: Rule, frame: DataFrame) -> Plan:
    one, two = (
        F.when(_counted(rule).isNotNull(), _column(name).cast("double")) for name in rule.parameters
    )
    key = f"Multicolumn.[{','.join(rule.parameters)}].ColumnCorrelation"
    return Plan(key, _needed(rule), {key: F.corr(one, two)})


def _row_count(rule: Rule, frame: DataFrame) -> Plan:
    key = "Dataset.*.RowCount"
    return Plan(key, _needed(rule), {key: F.count(_counted(rule))})


def _column_count(rule: Rule, frame: DataFrame) -> Plan:
    key = "Dataset.*.ColumnCount"
    return Plan(key, _needed(rule), counts=lambda _: {key: float(len(frame.columns))})


def _exists(rule: Rule, frame: DataFrame) -> Plan:
    key = f"Column.{rule.parameters[0]}.ColumnExists"
    there = float(rule.parameters[0] in frame.columns)
    return Plan(key, ALL, counts=lambda _: {key: there})


def _names(rule: Rule, frame: DataFrame) -> Plan:
    key = "Dataset.*.ColumnNamesPatternMatchRatio"
    good = [name for name in frame.columns if re.fullmatch(rule.parameters[0], name)]
    share = len(good) / len(frame.columns) if frame.columns else float("nan")
    return Plan(key, ALL, counts=lambda _: {key: share})


def _grouped(metric: str) -> Callable[..., Plan]:
    def made(rule: Rule, frame: DataFrame) -> Plan:
        names = rule.parameters
        place = f"Column.{names[0]}" if len(names) == 1 else f"Multicolumn.[{','.join(names)}]"
        key = f"{place}.{metric}"

        def measured(data: DataFrame) -> Mapping[str, float]:
            return {key: frequencies(data.where(rule.where) if rule.where else data, names)[metric]}

        row = _alone(names) if rule.kind in ("IsUnique", "Uniqueness", "IsPrimaryKey") else None
        if rule.kind == "IsPrimaryKey" and row is not None:
            for name in names:
                row = row & _column(name).isNotNull()
        if row is not None and rule.where:
            row = None  # which rows a partial key repeats cannot be said row by row
        return Plan(key, rule.condition or ALL, counts=measured, row=row)

    return made


def _alone(names: Sequence[str]) -> Column:
    return F.count(F.lit(1)).over(Window.partitionBy(*(f"`{name}`" for name in names))) == 1


def frequencies(frame: DataFrame, names: Sequence[str]) -> dict[str, float]:
    """How often values occur: what the rules about uniqueness measure.

    Args:
        frame: The rows that count.
        names: The columns; rows in which all of them are null are not values.

    Returns:
        Uniqueness (rows whose value occurs once / rows), UniqueValueRatio (values that occur
        once / values), DistinctValuesCount, Entropy (natural logarithm), and PrimaryKey: 1.0 if
        no value is null and all are different. NaN where there are no values.
    """
    columns = [_column(name) for name in names]
    null = reduce(lambda one, two: one | two, (column.isNull() for column in columns))
    some = F.coalesce(*(column.cast("string") for column in columns)).isNotNull()
    n, value = F.col("n"), F.col("value")
    groups = frame.groupBy(*columns).agg(
        F.count(F.lit(1)).alias("n"), F.first(some).alias("value"), F.first(null).alias("null")
    )
    found = groups.agg(
        F.sum(F.when(value, n)),
        F.count(F.when(value, 1)),
        F.count(F.when(value & (n == 1), 1)),
        F.sum(F.when(value, n * F.log(n))),
        F.sum(n),
        F.count(F.when(F.col("null"), 1)),
    ).first()
    rows, values, single, logs, whole, partial = (float(item or 0) for item in found or [0] * 6)
    nothing = float("nan")
    return {
        "Uniqueness": single / rows if rows else nothing,
        "UniqueValueRatio": single / values if values else nothing,
        "DistinctValuesCount": values,
        "Entropy": math.log(rows) - logs / rows if rows else nothing,
        "PrimaryKey": float(not partial and single == whole) if whole else nothing,
    }


def _needed(rule: Rule) -> Condition:
    if rule.condition is None:
        raise DqdlError(f"{rule.text}: {rule.kind} needs a condition")
    return rule.condition


def _column(name: str) -> Column:
    return F.col(f"`{name}`")


def verdict(found: Plan, metrics: Mapping[str, float | None]) -> tuple[bool, str]:
    """Whether the metrics meet the plan's condition, and if not, why."""
    value = metrics.get(found.judged)
    if value is None or value != value:
        return False, "there are no values to judge"
    if holds(float(value), found.condition):
        return True, ""
    return False, f"Value: {value} does not meet the constraint requirement!"


PLANS: Mapping[str, Callable[[Rule, DataFrame], Plan]] = {
    "ColumnCorrelation": _correlation,
    "ColumnCount": _column_count,
    "ColumnDataType": _data_type,
    "ColumnExists": _exists,
    "ColumnLength": _length,
    "ColumnNamesMatchPattern": _names,
    "ColumnValues": _values,
    "Completeness": _complete,
    "DataFreshness": _freshness,
    "DistinctValuesCount": _grouped("DistinctValuesCount"),
    "Entropy": _grouped("Entropy"),
    "IsComplete": _complete,
    "IsPrimaryKey": _grouped("PrimaryKey"),
    "IsUnique": _grouped("Uniqueness"),
    "Mean": _aggregate(F.avg, "Mean"),
    "RowCount": _row_count,
    "StandardDeviation": _aggregate(F.stddev_pop, "StandardDeviation"),
    "Sum": _aggregate(F.sum, "Sum"),
    "UniqueValueRatio": _grouped("UniqueValueRatio"),
    "Uniqueness": _grouped("Uniqueness"),
}
