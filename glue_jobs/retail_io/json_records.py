"""Reads the lines of JSON Lines files as records: text for text, every digit of a number kept.

Regular lines are read a batch at a time by Arrow: objects with plain values where one is wanted.
What it would not read, or not as exactly, is read line by line by Python's own parser. Which of
the two has read a line does not show: that depends on the lines beside it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from retail_io.csv_records import MAX_RECORD, NUL, UNDECODABLE
from retail_io.standard_text import batch_of

_BLANKS = " \t\r\n\ufeff"  # around an object
#: Wide enough for any number of 38 digits times 10^18. Arrow does not look whether that fits: as
#: decimal128(38, 18), which holds what is wanted, it reads 1e20 as another number (23.0.1).
_NUMBER = pa.decimal256(38, 18)
#: Fewer brackets than either parser would take for too deep.
_MOST_BRACKETS = 200
_FEWEST_AT_ONCE = 64
#: Escapes that are no character: NUL, and half of a pair.
_NO_CHARACTER = re.compile(
    r"(?<!\\)(?:\\\\)*+\\u(?:0000|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F])"
)
_EXPONENT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,3}")
#: What Arrow takes for a number: Infinity, Inf.
_NOT_ARROWS = re.compile(b"Inf")
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


class _Irregular(Exception):
    """The lines are not to be read at once."""


@dataclass(frozen=True)
class JsonFormat:
    """Which fields are wanted of a dataset's JSON Lines files.

    Attributes:
        columns: names of the fields.
        numbers: those that are numbers with a decimal point, or none.
        booleans: those that are true or false.
    """

    columns: tuple[str, ...]
    numbers: frozenset[str] = frozenset()
    booleans: frozenset[str] = frozenset()

    def records(self, file: str, pieces: Iterable[list[str]]) -> Iterator[pa.RecordBatch]:
        """The records of a file; blank lines are none.

        Args:
            file: its name.
            pieces: its lines, in order.

        Yields:
            batches of ``standard_text.ROW`` and the fields, numbers as decimals where all are.
        """
        first = 1
        for some in pieces:
            lines = pa.array(some, pa.string())
            numbers = pa.array(range(first, first + len(some)), pa.int64())
            first += len(some)
            text = pc.utf8_trim(lines, characters=_BLANKS)
            given = pc.not_equal(text, "")
            text, raw = text.filter(given), pc.utf8_rtrim(lines.filter(given), characters="\r")
            if _longest(raw) > MAX_RECORD:
                raw = pc.utf8_slice_codeunits(raw, 0, MAX_RECORD)
            read, fields = self._fields(text)
            files = pa.repeat(pa.scalar(file), len(text))
            yield batch_of(files, numbers.filter(given), raw, read, *fields)

    def _fields(self, text: pa.StringArray) -> tuple[pa.BooleanArray, list[pa.Array]]:
        """Which lines are records, and the wanted fields of all lines."""
        try:
            return pc.is_valid(text), self._at_once(text)
        except _Irregular:
            half = len(text) // 2
        if half < _FEWEST_AT_ONCE:
            return self._line_by_line(text.to_pylist())
        (left, left_fields), (right, right_fields) = map(self._fields, (text[:half], text[half:]))
        pairs = zip(left_fields, right_fields, strict=True)
        return pa.concat_arrays([left, right]), [_joined(*pair) for pair in pairs]

    def _at_once(self, text: pa.StringArray) -> list[pa.Array]:
        """The fields of lines of one object each, by Arrow.

        Raises:
            _Irregular: something in them is not to be read so.
        """
        data = _bytes(text)
        # Where a line ends with } and the next begins with {, no object goes on: so there is one
        # a line if there are as many as lines.
        objects = pc.and_(pc.starts_with(text, "{"), pc.ends_with(text, "}"))
        regular = (
            pc.all(objects).as_py()
            and b"\0" not in data
            and not _NOT_ARROWS.search(data)
            and (data.isascii() or UNDECODABLE.encode() not in data)
            and not (b"\\" in data and rb"\u" in data and _NO_CHARACTER.search(data.decode()))
            and _longest(text) <= MAX_RECORD
            and _most_brackets(text, data) <= _MOST_BRACKETS
        )
        if not regular:
            raise _Irregular
        try:
            found = arrow_json.read_json(
                pa.BufferReader(data),
                arrow_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
                arrow_json.ParseOptions(
                    explicit_schema=self._schema, unexpected_field_behavior="ignore"
                ),
            )
        except pa.ArrowInvalid:
            raise _Irregular from None
        if found.num_rows != len(text):
            raise _Irregular
        fields = [found.column(name).combine_chunks() for name in self.columns]
        return [each if each.type == _NUMBER else each.cast(pa.string()) for each in fields]

    @property
    def _schema(self) -> pa.Schema:
        kinds = {**dict.fromkeys(self.numbers, _NUMBER), **dict.fromkeys(self.booleans, pa.bool_())}
        return pa.schema([(name, kinds.get(name, pa.string())) for name in self.columns])

    def _line_by_line(self, texts: list[str]) -> tuple[pa.BooleanArray, list[pa.StringArray]]:
        records = [_record(text) for text in texts]
        objects = [each or {} for each in records]
        fields = [
            pa.array([self._text(name, each.get(name)) for each in objects], pa.string())
            for name in self.columns
        ]
        return pa.array([each is not None for each in records], pa.bool_()), fields

    def _text(self, name: str, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, str):
            return _plain(value) if name in self.numbers else value
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _joined(left: pa.Array, right: pa.Array) -> pa.Array:
    """Both as one; as text if one of them is."""
    if left.type != right.type:
        left, right = as_text(left), as_text(right)
    return pa.concat_arrays([left, right])


def as_text(values: pa.Array) -> pa.StringArray:
    """Fields as text, numbers without exponents (Arrow writes 0 as 0E-18)."""
    text = values.cast(pa.string())
    if values.type != _NUMBER:
        return text
    short = pc.fill_null(pc.match_substring(text, "E"), False)
    if not pc.any(short).as_py():
        return text
    plain = [f"{value:f}" for value in values.filter(short).to_pylist()]
    return pc.replace_with_mask(text, short, pa.array(plain, pa.string()))


def _longest(texts: pa.StringArray) -> int:
    """The size of the longest text in bytes; it has no more characters."""
    return int(pc.max(pc.binary_length(texts)).as_py() or 0)


def _most_brackets(text: pa.StringArray, data: bytes) -> int:
    """How many brackets a line opens at most; every line begins with one."""
    if data.count(b"{") == len(text) and b"[" not in data:
        return 1
    opened = pc.add(pc.count_substring(text, "{"), pc.count_substring(text, "["))
    return int(pc.max(opened).as_py() or 0)


def _bytes(text: pa.StringArray) -> bytes:
    """The lines of an array without anything between them."""
    _, offsets, data = text.buffers()
    places = memoryview(offsets).cast("i")
    first, end = places[text.offset], places[text.offset + len(text)]
    return bytes(memoryview(data)[first:end])


def _record(text: str) -> dict[str, Any] | None:
    """The object of a line, its numbers as text; None if the line is not one object."""
    if len(text) > MAX_RECORD or NUL in text or UNDECODABLE in text:
        return None
    if r"\u" in text and _NO_CHARACTER.search(text):
        return None
    try:
        found = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _plain(text: str) -> str:
    """A number with an exponent without it, wherever Arrow would read it; other text as it is."""
    if not _EXPONENT.fullmatch(text):
        return text
    number = f"{Decimal(text):f}"
    decimals = number.partition(".")[2].rstrip("0")
    return (
        number if len(decimals) <= _NUMBER.scale and len(number) <= 2 * _NUMBER.precision else text
    )
