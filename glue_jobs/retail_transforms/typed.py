"""Casts delivered values to the contract's types, exactly: a value fits or is null.

Nothing passes through a float. A null here for a text that was not blank means ``invalid``;
``retail_transforms.quarantine`` turns that into a reason.
"""

from collections.abc import Callable

from pyspark.sql import Column as Value
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, TimestampType

from include.lake.contracts import Column

#: What delivery adds around a value: ASCII blanks, no-break space, byte-order mark.
BLANKS = " \t\r\n\f\v\u00a0\ufeff"

_LONG_MAX = 2**63 - 1
_OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$"
#: A year beyond 9999 as the patterns take it (+12026). The far ones overflow, which ends the job.
_FAR_YEAR = r"[+-][0-9]{5}"


def standardised_text(value: Value) -> Value:
    """The value as text without blanks around it; blank text is null."""
    text = F.btrim(value.cast("string"), F.lit(BLANKS))
    return F.when(text != "", text)


def typed_value(column: Column, value: Value, delivered: DataType) -> Value:
    """The value in the contract's type, or null where it does not fit.

    Args:
        column: the contract's column.
        value: what ``standardised_text`` made of it; a timestamp delivered as an instant stays one.
        delivered: type of ``value``, string or (from Parquet) timestamp.
    """
    if column.type == "timestamp" and isinstance(delivered, TimestampType):
        return value
    return _CASTS[column.type](column, value)


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


def _decimal(column: Column, text: Value) -> Value:
    assert column.precision is not None
    assert column.scale is not None
    exact = _exact(_plain(column, text), column.precision - column.scale)
    value = exact.cast(column.sql_type)
    return F.when(value == exact, value)


def _integer(column: Column, text: Value) -> Value:
    exact = _exact(_plain(column, text), 20)
    in_range = (exact >= -_LONG_MAX - 1) & (exact <= _LONG_MAX)
    return F.when(in_range & (exact == F.floor(exact)), exact.cast("bigint"))


def _timestamp(column: Column, text: Value) -> Value:
    """The instant; a time written without offset is on the clock of the column's zone.

    Where clocks go back, the first of the two instants; where they go forward, the skipped hour
    is moved on by the gap.
    """
    assert column.time_zone is not None
    text = _with_near_year(text)
    readings = []
    for pattern in column.formats or ("yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]",):
        parsed = F.to_timestamp(text, pattern)
        local = F.to_utc_timestamp(parsed, column.time_zone)
        zoned = any(letter in _letters(pattern) for letter in "XxZzOV")
        readings.append(F.when(text.rlike(_OFFSET), parsed).otherwise(local) if zoned else local)
    return F.coalesce(*readings)


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


_CASTS: dict[str, Callable[[Column, Value], Value]] = {
    "string": _string,
    "integer": _integer,
    "decimal": _decimal,
    "timestamp": _timestamp,
    "date": _date,
    "boolean": _boolean,
}
