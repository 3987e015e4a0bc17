"""Casts delivered values to the contract's types, exactly: a value fits or is null.

Nothing passes through a float. A null here for a text that was not blank means ``invalid``;
``retail_transforms.quarantine`` turns that into a reason.
"""

from collections.abc import Callable

from pyspark.sql import Column as Value
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, TimestampType

from include.lake.contracts import Column

_LONG_MAX = 2**63 - 1
_OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$"
_ISO = "yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]"
#: What of it Spark's cast, ten times as fast as a pattern, reads just the same.
_PLAIN_ISO = r"^(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}$"
#: A year beyond 9999 as the patterns take it (+12026). The far ones overflow, which ends the job.
_FAR_YEAR = r"[+-][0-9]{5}"


def reading(column: Column, text: Value) -> Value:
    """First step from text to the contract's type: a number becomes exact, the rest is typed.

    Args:
        column: the contract's column.
        text: the value, without blanks around it; not blank.

    Returns:
        decimal(38, s) for numbers, exactly as written; the contract's type for everything else.
        Null where the text is not of that kind.
    """
    return _READINGS[column.type](column, text)


def typed(column: Column, read_value: Value) -> Value:
    """Second step: the value in the contract's type, or null where it does not fit.

    Args:
        column: the contract's column.
        read_value: what ``reading`` gave, as a column of its own: it is used several times.
    """
    if column.type == "decimal":
        value = read_value.cast(column.sql_type)
        return F.when(value == read_value, value)
    if column.type == "integer":
        in_range = (read_value >= -_LONG_MAX - 1) & (read_value <= _LONG_MAX)
        return F.when(in_range & (read_value == F.floor(read_value)), read_value.cast("bigint"))
    return read_value


def is_delivered_typed(column: Column, delivered: DataType) -> bool:
    """Whether a value needs no reading: an instant (from Parquet) stays one."""
    return column.type == "timestamp" and isinstance(delivered, TimestampType)


def _string(column: Column, text: Value) -> Value:
    if not column.aliases:
        return text
    spellings = F.create_map(
        *[F.lit(part) for pair in sorted(column.aliases.items()) for part in pair]
    )
    return F.coalesce(F.element_at(spellings, F.lower(text)), text)


def _plain(column: Column, text: Value) -> Value:
    """The number as plain digits with a point; null if not written as the contract says.

    Groups must be whole: where a point groups thousands, 12.50 is no number and never 1250.
    """
    point, group = column.decimal_separator, column.grouping_separator
    if point == "." and group is None:
        return text
    grouped = f"|[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+" if group else ""
    written = rf"^[+-]?(?:[0-9]+{grouped})(?:[{point}][0-9]+)?$"
    return F.when(text.rlike(written), F.translate(text, f"{point}{group or ''}", "."))


def _exact(text: Value, whole_digits: int) -> Value:
    """A number exactly as written, as decimal(38, s); null if that cannot hold it.

    Spark's own cast would round what does not fit, so the text is checked first: plain digits
    with at most s decimals, or a small exponent (as JSON writers produce it).
    """
    scale = min(18, 38 - whole_digits)
    half = scale // 2
    fits = (
        rf"^[+-]?(?:(?:[0-9]+(?:[.][0-9]{{0,{scale}}}0*)?|[.][0-9]{{1,{scale}}}0*)"
        rf"|[0-9]{{1,38}}(?:[.][0-9]{{0,{half}}})?[eE](?:[+]?[0-9]{{1,2}}|-0?[0-{half}]))$"
    )
    return F.when(text.rlike(fits), text.cast(f"decimal(38,{scale})"))


def _number(column: Column, text: Value) -> Value:
    whole_digits = 20  # of a bigint
    if column.precision is not None and column.scale is not None:
        whole_digits = column.precision - column.scale
    return _exact(_plain(column, text), whole_digits)


def _timestamp(column: Column, text: Value) -> Value:
    """The instant; a time written without offset is on the clock of the column's zone.

    Where clocks go back, the first of the two instants; where they go forward, the skipped hour
    is moved on by the gap.
    """
    assert column.time_zone is not None
    formats = column.formats or (_ISO,)
    far = _with_near_year(text)
    readings = []
    for pattern in formats:
        parsed = F.to_timestamp(far, pattern)
        local = F.to_utc_timestamp(parsed, column.time_zone)
        zoned = any(letter in _letters(pattern) for letter in "XxZzOV")
        readings.append(F.when(far.rlike(_OFFSET), parsed).otherwise(local) if zoned else local)
    if formats[0] != _ISO:
        return F.coalesce(*readings)
    plain = F.to_utc_timestamp(text.cast("timestamp"), column.time_zone)
    return F.when(text.rlike(_PLAIN_ISO), plain).otherwise(F.coalesce(*readings))


def _letters(pattern: str) -> str:
    """The pattern without its quoted parts."""
    return "".join(pattern.split("'")[::2])


def _with_near_year(text: Value) -> Value:
    """The text, or null if it has a year of more than four digits."""
    return F.when(~text.rlike(_FAR_YEAR), text)


def _date(column: Column, text: Value) -> Value:
    text = _with_near_year(text)
    return F.coalesce(*[F.to_date(text, pattern) for pattern in column.formats or ("yyyy-MM-dd",)])


def _boolean(column: Column, text: Value) -> Value:
    return text.cast("boolean")


_READINGS: dict[str, Callable[[Column, Value], Value]] = {
    "string": _string,
    "integer": _number,
    "decimal": _number,
    "timestamp": _timestamp,
    "date": _date,
    "boolean": _boolean,
}
