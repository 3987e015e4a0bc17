"""Conditions on a number, and on each value of a column."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from typing import cast

from pyspark.sql import Column
from pyspark.sql import functions as F

from awsgluedq.dqdl import Condition, Keyword, Now, Operand

ORDER: Mapping[str, Callable[[Column, Column], Column]] = {
    ">": lambda value, other: value > other,
    ">=": lambda value, other: value >= other,
    "<": lambda value, other: value < other,
    "<=": lambda value, other: value <= other,
}


def holds(number: float, condition: Condition) -> bool:
    """Whether a metric meets a condition; `between` excludes its ends, as in DQDL."""
    values = [float(cast(Decimal, operand)) for operand in condition.operands]
    first = values[0]
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: number == first,
        "!=": lambda: number != first,
        ">": lambda: number > first,
        ">=": lambda: number >= first,
        "<": lambda: number < first,
        "<=": lambda: number <= first,
        "between": lambda: first < number < values[1],
        "not between": lambda: number <= first or number >= values[1],
        "in": lambda: number in values,
        "not in": lambda: number not in values,
    }
    return number == number and tests[condition.operator]()  # a NaN meets nothing


def meets(value: Column, condition: Condition, textual: bool) -> Column:
    """Whether each value meets a condition, never null.

    What null meets (DQDL reference, ColumnValues, "Null behavior"): `!=`, `not in` and
    `not between`, unless they name NULL; `=` and `in` only if they name it; nothing else.

    Args:
        value: The column.
        condition: The condition.
        textual: Whether the column holds texts; they are compared with numbers as numbers.
    """
    operator, operands = condition.operator, condition.operands
    if operator in ("=", "in"):
        return _any(value, operands, textual)
    if operator in ("!=", "not in"):
        return ~_any(value, operands, textual)
    if operator == "matches":
        return _sure(value.cast("string").rlike(f"^(?:{operands[0]})$"))
    if operator == "not matches":
        # so it is on AWS: what begins with a match that ends at a word's end does not meet it
        return _sure(value.cast("string").rlike(rf"^(?!\b{operands[0]}\b).*$"))
    compared = _comparable(value, operands[0], textual)
    first = _literal(operands[0])
    if operator == "between":
        return _sure((compared > first) & (compared < _literal(operands[1])))
    if operator == "not between":
        outside = (compared <= first) | (compared >= _literal(operands[1]))
        return value.isNull() | _sure(outside)
    return _sure(ORDER[operator](compared, first))


def _any(value: Column, operands: tuple[Operand, ...], textual: bool) -> Column:
    return reduce(lambda one, two: one | two, (_equals(value, item, textual) for item in operands))


def _equals(value: Column, operand: Operand, textual: bool) -> Column:
    if isinstance(operand, Keyword):
        text = value.cast("string")
        tests = {
            "NULL": value.isNull(),
            "EMPTY": text == "",
            "WHITESPACES_ONLY": (F.length(F.trim(text)) == 0) & (F.length(text) > 0),
        }
        return _sure(tests[operand.name])
    return _sure(_comparable(value, operand, textual) == _literal(operand))


def _comparable(value: Column, operand: Operand, textual: bool) -> Column:
    if textual and isinstance(operand, Decimal):
        return value.cast("double")
    return value.cast("timestamp") if isinstance(operand, Now) else value


def _literal(operand: Operand) -> Column:
    if isinstance(operand, Now):
        return F.expr(f"current_timestamp() + make_dt_interval(0, 0, 0, {operand.offset})")
    whole = isinstance(operand, Decimal) and operand == operand.to_integral_value()
    return F.lit(int(cast(Decimal, operand)) if whole else operand)


def _sure(condition: Column) -> Column:
    return F.coalesce(condition, F.lit(False))
