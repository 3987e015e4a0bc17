"""Decides for every delivered row whether its values fit the contract, and if not why.

This is what concerns one value at a time, and the business day; ``retail_transforms.rules`` is what
concerns several.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from include.lake.contracts import Column, Contract
from retail_transforms.typed import typed

UNREADABLE = "unreadable"
#: What a judged row has besides the contract's delivered columns: where it came from, which part of
#: its arrival day's files it is in, its text, its business day, and the first reason against it.
JUDGED: Mapping[str, str] = {
    "source_file": "string",
    "source_row": "bigint",
    "ingest_date": "date",
    "_part": "int",
    "_raw": "string",
    "sale_date": "date",
    "_reason": "string",
}
_EPOCH = date(1970, 1, 1)


def judged(
    rows: pa.RecordBatch, contract: Contract, time_zone: str, ingest_date: date, part: int
) -> pa.RecordBatch:
    """The rows with the values of the delivered columns in the contract's types.

    Args:
        rows: source_file, source_row, raw, whether the text could be read, and a field for each
            delivered column: text without blanks around it, not empty, or what Parquet has.
        contract: of the dataset.
        time_zone: the lake's zone; sale_date is the business day in it.
        ingest_date: the arrival day of the rows' file.
        part: number of its part.

    Returns:
        the columns of ``JUDGED`` and the delivered ones. Reasons come in the order of the columns,
        then of the business day; sale_date is null for refused rows.
    """
    columns = contract.delivered_columns
    source_file, source_row, raw, legible, *fields = rows.columns
    values = [typed(column, field) for column, field in zip(columns, fields, strict=True)]
    by_name = dict(zip((column.name for column in columns), values, strict=True))
    arrived = pa.scalar(ingest_date, pa.date32())
    time = contract.source.business_time
    if time is None:
        day = pa.repeat(arrived, rows.num_rows)
    else:
        day = _business_day(by_name[time], time_zone)
    found = [(pc.invert(legible), UNREADABLE)]
    for column, field, value in zip(columns, fields, values, strict=True):
        found += _column_reasons(column, field, value)
    if time is not None:
        found += _day_reasons(day, ingest_date, contract, time)
    reason = _first(found)
    return pa.RecordBatch.from_arrays(
        [
            source_file,
            source_row,
            pa.repeat(arrived, rows.num_rows),
            pa.repeat(pa.scalar(part, pa.int32()), rows.num_rows),
            raw,
            pc.if_else(reason.is_null(), day, pa.scalar(None, pa.date32())),
            reason,
            *values,
        ],
        names=[*JUDGED, *by_name],
    )


def _first(found: Sequence[tuple[pa.BooleanArray, str]]) -> pa.StringArray:
    """The first reason that is true of each row; null where none is."""
    reasons = pa.nulls(len(found[0][0]), pa.string())
    for refused, reason in reversed(found):
        if refused.true_count:
            reasons = pc.if_else(pc.fill_null(refused, False), reason, reasons)
    return reasons


def _column_reasons(
    column: Column, field: pa.Array, value: pa.Array
) -> Iterator[tuple[pa.BooleanArray, str]]:
    """Where each reason is true; null where the value is."""
    if column.required:
        yield field.is_null(), f"required:{column.name}"
    if value.null_count > field.null_count:
        yield pc.and_(field.is_valid(), value.is_null()), f"invalid:{column.name}"
    for bound, breaks in (
        (column.minimum, pc.less),
        (column.exclusive_minimum, pc.less_equal),
        (column.maximum, pc.greater),
    ):
        if bound is not None:
            yield breaks(value, _number(bound)), f"out_of_range:{column.name}"
    if column.pattern is not None:
        yield pc.invert(_matches(column.pattern, value)), f"bad_pattern:{column.name}"
    if column.accepted:
        known = pc.is_in(value, pa.array(column.accepted, pa.string()))
        yield pc.and_(value.is_valid(), pc.invert(known)), f"not_accepted:{column.name}"


def _number(bound: Decimal) -> pa.Scalar:
    """A bound as an exact scalar (a Decimal like 1E+3 would get a negative scale)."""
    return pa.scalar(Decimal(f"{bound:f}"))


def _matches(pattern: str, texts: pa.StringArray) -> pa.BooleanArray:
    """Where the whole text matches; by Python where Arrow (RE2) does not know what is asked for."""
    try:
        return pc.match_substring_regex(texts, rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid:
        whole = re.compile(rf"(?:{pattern})\Z", re.ASCII)
        found = [text and whole.match(text) is not None for text in texts.to_pylist()]
        return pa.array(found, pa.bool_())


def _business_day(times: pa.TimestampArray, time_zone: str) -> pa.Date32Array:
    """The calendar day in the lake's zone."""
    return pc.local_timestamp(times.cast(pa.timestamp("us", time_zone))).cast(pa.date32())


def _day_reasons(
    day: pa.Date32Array, ingest_date: date, contract: Contract, time: str
) -> list[tuple[pa.BooleanArray, str]]:
    age = pc.subtract((ingest_date - _EPOCH).days, day.cast(pa.int32()))
    return [
        (pc.less(age, 0), f"in_future:{time}"),
        (pc.greater(age, contract.lateness_days), f"too_late:{time}"),
    ]
