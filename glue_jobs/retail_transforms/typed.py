"""Casts delivered values to the contract's types, exactly: a value fits or is null.

Plain values are cast by Arrow, all at once; what it would not read, or not as exactly, is read one
by one, equal texts once. Which of the two has read a value does not show. Nothing passes through a
float. A null here for a value that was given means ``invalid``.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.contracts import Column
from include.lake.datetime_patterns import ISO_DATE, ISO_TIMESTAMP, datetime_pattern

INSTANT = pa.timestamp("us", "UTC")
_WHOLE = pa.decimal128(19, 0)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
#: More characters than any number has that means something.
_MOST_CHARACTERS = 1000
#: What Arrow reads just as ``ISO_TIMESTAMP`` does: far from where the calendar begins and ends.
_PLAIN_ISO = "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}$"
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def typed(column: Column, values: pa.Array) -> pa.Array:
    """The values in the contract's type; null where they do not fit.

    Args:
        column: the contract's column.
        values: texts without blanks around them, none empty; or what Parquet has.
    """
    kind = arrow_type(column)
    if values.type == kind and not column.aliases:
        return values
    if not pa.types.is_string(values.type):
        try:
            return _cast(values, kind)
        except pa.ArrowInvalid:
            values = values.cast(pa.string())
    return _READINGS[column.type](column, values)


def arrow_type(column: Column) -> pa.DataType:
    """The contract's type as Arrow has it."""
    if column.precision is not None and column.scale is not None:
        return pa.decimal128(column.precision, column.scale)
    return _TYPES[column.type]


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Typed values in another type.

    Raises:
        pa.ArrowInvalid: one does not fit, or the types are of another sort.
    """
    exact = pa.types.is_integer(values.type) or pa.types.is_decimal(values.type)
    instants = pa.types.is_timestamp(values.type) and values.type.tz is not None
    if exact and (pa.types.is_decimal(kind) or pa.types.is_int64(kind)):
        return values.cast(kind)
    if instants and kind == INSTANT:
        return values.cast(kind, safe=False)  # nanoseconds are cut off
    raise pa.ArrowInvalid(f"{values.type} is not read as {kind}")


def _one_by_one(
    texts: pa.StringArray, of_text: Callable[[str | None], Any], kind: pa.DataType
) -> pa.Array:
    """What a function makes of each text; None where it is not of that kind."""
    found = texts.dictionary_encode()
    values = [of_text(text) for text in found.dictionary.to_pylist()]
    return pa.array(values, kind).take(found.indices)


def _some(texts: pa.StringArray, which: pa.BooleanArray) -> pa.StringArray:
    """The texts where it is true, else null."""
    return pc.if_else(which, texts, pa.scalar(None, pa.string()))


def _plain_and_others(
    texts: pa.StringArray,
    plain: str,
    at_once: Callable[[pa.StringArray], pa.Array],
    one_by_one: Callable[[pa.StringArray], pa.Array],
) -> pa.Array:
    """Reads what looks plain at once, unless there is something in it after all."""
    fits = pc.match_substring_regex(texts, plain)
    try:
        if pc.all(fits).as_py():  # nulls are neither
            return at_once(texts)
        found = at_once(_some(texts, fits))
    except pa.ArrowInvalid:
        return one_by_one(texts)
    return pc.coalesce(found, one_by_one(_some(texts, pc.invert(fits))))


def _strings(column: Column, texts: pa.StringArray) -> pa.Array:
    if not column.aliases:
        return texts
    spellings, meant = zip(*sorted(column.aliases.items()), strict=True)
    place = pc.index_in(pc.utf8_lower(texts), pa.array(spellings, pa.string()))
    return pc.coalesce(pa.array(meant, pa.string()).take(place), texts)


def _with_points(column: Column, texts: pa.StringArray) -> pa.StringArray:
    """Numbers as plain digits with a point; null if not written as the contract says.

    Groups must be whole: where a point groups thousands, 12.50 is no number and never 1250.
    """
    point, group = column.decimal_separator, column.grouping_separator
    if point == "." and group is None:
        return texts
    grouped = f"|[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+" if group else ""
    written = rf"^[+-]?(?:[0-9]+{grouped})(?:[{point}][0-9]+)?$"
    whole = _some(texts, pc.match_substring_regex(texts, written))
    if group:
        whole = pc.replace_substring(whole, group, "")
    return pc.replace_substring(whole, point, ".")


def _decimals(column: Column, texts: pa.StringArray, kind: pa.DataType | None = None) -> pa.Array:
    kind = kind or arrow_type(column)
    numbers = _with_points(column, texts)
    digits, scale = kind.precision - kind.scale, kind.scale
    plain = rf"^[+-]?[0-9]{{1,{digits}}}(?:\.[0-9]{{0,{scale}}}0*)?$" if digits else "^$"
    return _plain_and_others(
        numbers,
        plain,
        lambda some: some.cast(kind),
        lambda some: _one_by_one(some, partial(_exact, kind.precision, scale), kind),
    )


def _integers(column: Column, texts: pa.StringArray) -> pa.Array:
    numbers = _decimals(column, texts, _WHOLE)
    try:
        return numbers.cast(pa.int64())
    except pa.ArrowInvalid:
        fits = [
            value if value is None or -(2**63) <= value < 2**63 else None
            for value in numbers.to_pylist()
        ]
        return pa.array(fits, _WHOLE).cast(pa.int64())


def _exact(precision: int, scale: int, text: str | None) -> Decimal | None:
    """A number exactly as written; None if it is none, or has more digits than that."""
    if text is None or len(text) > _MOST_CHARACTERS or not _NUMBER.fullmatch(text):
        return None
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    try:
        return Decimal(text).quantize(Decimal(1).scaleb(-scale), context=context)
    except (Inexact, InvalidOperation):
        return None


def _timestamps(column: Column, texts: pa.StringArray) -> pa.Array:
    """Instants; a time written without offset is on the clock of the column's zone.

    Where clocks go back, the first of the two instants; where they go forward, the skipped hour
    is moved on by the gap.
    """
    assert column.time_zone is not None
    formats = column.formats or (ISO_TIMESTAMP,)
    patterns = [datetime_pattern(each) for each in formats]
    zone = ZoneInfo(column.time_zone)

    def one_by_one(some: pa.StringArray) -> pa.Array:
        def of_text(text: str | None) -> datetime | None:
            moments = (pattern.moment(text) for pattern in patterns if text is not None)
            moment = next(filter(None, moments), None)
            return None if moment is None else _instant(moment, zone)

        return _one_by_one(some, of_text, INSTANT)

    def at_once(some: pa.StringArray) -> pa.Array:
        local = some.cast(pa.timestamp("us"))
        known = pc.assume_timezone(local, column.time_zone, ambiguous="earliest")
        return known.cast(INSTANT)

    if ISO_TIMESTAMP not in formats:
        return one_by_one(texts)
    return _plain_and_others(texts, _PLAIN_ISO, at_once, one_by_one)


def _instant(moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant of a moment; None before the calendar begins or after it ends."""
    try:
        return moment.replace(tzinfo=moment.tzinfo or zone).astimezone(UTC)
    except OverflowError:
        return None


def _dates(column: Column, texts: pa.StringArray) -> pa.Array:
    patterns = [datetime_pattern(each) for each in column.formats or (ISO_DATE,)]

    def of_text(text: str | None) -> date | None:
        moments = (pattern.moment(text) for pattern in patterns if text is not None)
        moment = next(filter(None, moments), None)
        return None if moment is None else moment.date()

    return _one_by_one(texts, of_text, pa.date32())


def _booleans(column: Column, texts: pa.StringArray) -> pa.Array:
    place = pc.index_in(pc.utf8_lower(texts), pa.array((*_TRUE, *_FALSE)))
    meant = [text in _TRUE for text in (*_TRUE, *_FALSE)]
    return pa.array(meant).take(place)


_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "timestamp": INSTANT,
    "date": pa.date32(),
    "boolean": pa.bool_(),
}
_READINGS: dict[str, Callable[[Column, pa.StringArray], pa.Array]] = {
    "string": _strings,
    "integer": _integers,
    "decimal": _decimals,
    "timestamp": _timestamps,
    "date": _dates,
    "boolean": _booleans,
}
