import json
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_io.csv_records import MAX_RECORD
from retail_io.json_records import JsonFormat, as_text

STYLE = JsonFormat(("id", "n", "flag"), frozenset({"n"}), frozenset({"flag"}))
REGULAR = '{"id":"%s","n":%s.50,"flag":true}'


def read(*lines: str, style: JsonFormat = STYLE) -> list[tuple[Any, ...]]:
    """Row, text, and fields or None of each record."""
    (found,) = style.records("f", [list(lines)])
    columns = [as_text(column) if place > 3 else column for place, column in enumerate(found)]
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [(row, raw, fields if legible else None) for _, row, raw, legible, *fields in rows]


def alone(line: str) -> list[Any] | None:
    """The fields of a line that is read by itself, that is by Python."""
    found = read(line)
    return [] if not found else found[0][2]


def as_numbers(fields: list[Any] | None) -> Any:
    """The number compared by its value, where it is written plainly."""
    if not fields or fields[1] is None or "E" in fields[1].upper():
        return fields
    try:
        number = Decimal(fields[1])
    except InvalidOperation:
        return fields
    return [fields[0], number if number.is_finite() else str(number), fields[2]]


NUMBERS = (
    *("0", "1", "-0.0", "0.10", "1e2", "1.5E-10", "10e-19", "1e-19", "1e20", "9" * 20),
    *("100000000000000000000", "1.123456789012345678", "1.1234567890123456789", "1e400", "007"),
    *("100e-20", "1.10e-17", "1.50e-18", "0.00000000001e30", "1000e17", "1.0e20", "0e-30", "0e99"),
    *("1.", ".5", "+1", "-", "0x1", "NaN", "Infinity", "-Infinity", "Inf", "null", "true", "[1]"),
    *('"5"', '" 5"', '"1,5"', '"1e3"', '"1.5e-10"', '"+5"', '"5."', '".5"', '""', '"NaN"', "{}"),
    *('"1.234"', '"-"', '"1_0"', "1 2", f'"{"1":0>25}"', f'"{"1.5":0<25}"'),
)  # fmt: skip
TEXTS = (
    *('"a"', '" a "', '""', "null", "5", "1.50", "true", '{"a": 1.5}', "[1, null]", r'"\u0041"'),
    *(r'"\u0000"', r'"\ud800"', r'"\ud83d\ude00"', r'"\\u0000"', '"a\tb"', '"e\u0301"', "'a'"),
    *('"\\q"', '"\\/"', '"{"', '"}{"', '"\ufffd"', '"\0"', '"Info"', '"x\u2028y"', '"\x7f"'),
)
ENDS = ("", " ", "\r", ",", "}", "]", " x", '{"id":"b"}', "\u00a0", "//", "\t\r")
STARTS = ("", " ", "\ufeff", "[", "x", "\u00a0")


FIELDS = st.one_of(
    st.tuples(st.just('"id"'), st.sampled_from(TEXTS)),
    st.tuples(st.just('"n"'), st.sampled_from(NUMBERS)),
    st.tuples(st.just('"flag"'), st.sampled_from(("true", "false", "null", '"true"', "1"))),
    st.tuples(
        st.sampled_from(('"ID"', '""', r'"\u0069d"', "id")), st.sampled_from((*NUMBERS, *TEXTS))
    ),
)


@st.composite
def delivered_lines(draw: st.DrawFn) -> str:
    """Mostly objects, some with what programs write wrongly."""
    fields = draw(st.lists(FIELDS, max_size=4))
    inside = ",".join(f"{name}:{value}" for name, value in fields)
    rarely = st.integers(0, 9)
    start = draw(st.sampled_from(STARTS)) if draw(rarely) == 0 else ""
    end = draw(st.sampled_from(ENDS)) if draw(rarely) == 0 else ""
    return f"{start}{{{inside}}}{end}"


@settings(max_examples=400, deadline=None)
@given(st.lists(delivered_lines(), min_size=1, max_size=3))
def test_it_does_not_show_which_parser_has_read_a_line(lines: list[str]) -> None:
    around = [REGULAR % (number, number) for number in range(200)]
    together = read(*around[:130], *lines, *around[130:])
    found = [fields for row, _, fields in together if 130 < row <= 130 + len(lines)]
    assert list(map(as_numbers, found)) == [as_numbers(alone(line)) for line in lines]


def test_regular_lines_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("read line by line")

    monkeypatch.setattr(JsonFormat, "_line_by_line", never)
    lines = [REGULAR % (number, number) for number in range(3)]
    lines.append(r'{"n":"12","more":{"deep":[1,{"x":null}]},"id":"caf\u00e9"}')
    assert [fields for *_, fields in read(*lines)] == [
        ["0", "0.500000000000000000", "true"],
        ["1", "1.500000000000000000", "true"],
        ["2", "2.500000000000000000", "true"],
        ["caf\u00e9", "12.000000000000000000", None],
    ]


@pytest.mark.parametrize("beside", [0, 200])
def test_lines_keep_their_number_and_text_whatever_stands_between(beside: int) -> None:
    lines = ['\ufeff{"id":"a"} \r', "", " \t", '{"id":"b"', '"n":1}', "{}", '{"id":"c"}{"id":"d"}']
    around = [REGULAR % ("x", 1)] * beside
    found = read(*around, *lines)[beside:]
    assert [(row - beside, raw, fields and fields[0]) for row, raw, fields in found] == [
        (1, '\ufeff{"id":"a"} ', "a"),
        (4, '{"id":"b"', None),
        (5, '"n":1}', None),
        (6, "{}", None),
        (7, '{"id":"c"}{"id":"d"}', None),
    ]
    assert found[3][2] == [None, None, None]


def test_lines_are_numbered_through_all_pieces() -> None:
    batches = STYLE.records("f", [['{"id":"a"}', ""], ["x"], [], ['{"id":"b"}']])
    found = [row for batch in batches for row in batch["source_row"].to_pylist()]
    assert found == [1, 3, 4]


def test_lines_without_anything_are_no_records() -> None:
    assert read("", " ", "\ufeff", "\r") == []


def test_overlong_and_deep_lines_are_bounded() -> None:
    longest = json.dumps({"id": "x" * (MAX_RECORD - 10)}).replace(" ", "")
    deep = '{"more":' + "[" * 100_000 + "]" * 100_000 + "}"
    found = read(REGULAR % ("a", 1), longest, longest + " " + "x" * 10, deep)
    assert [(len(raw), fields is not None) for _, raw, fields in found] == [
        (len(REGULAR % ("a", 1)), True),
        (MAX_RECORD - 1, True),
        (MAX_RECORD, False),
        (len(deep), False),
    ]


def test_numbers_of_columns_with_other_separators_stay_text() -> None:
    style = JsonFormat(("n",))
    assert [fields for *_, fields in read('{"n":"1.250"}', '{"n":1.250}', style=style)] == [
        ["1.250"],
        ["1.250"],
    ]
