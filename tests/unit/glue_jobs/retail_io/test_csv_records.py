import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_io import csv_records
from retail_io.csv_records import CsvFormat, Record, SourceError

STYLE = CsvFormat(("a", "c"))


def records(text: str, style: CsvFormat = STYLE) -> list[Record]:
    return list(style.records(("f.csv", line) for line in text.split("\n")))


def read(text: str) -> list[tuple[int, list[str] | None]]:
    return [(row, fields) for _, row, _, fields in records(text)]


def test_rows_are_numbered_by_their_first_line_and_keep_their_text() -> None:
    text = 'a,b,c\r\n1,2,3\r\n\r\n"x, y","q""z",4\r\n"two\r\nlines",5,6\r\n7,8,9'
    assert records(text) == [
        ("f.csv", 2, "1,2,3", ["1", "3"]),
        ("f.csv", 4, '"x, y","q""z",4', ["x, y", "4"]),
        ("f.csv", 5, '"two\r\nlines",5,6', ["two\r\nlines", "6"]),
        ("f.csv", 7, "7,8,9", ["7", "9"]),
    ]


@pytest.mark.parametrize("text", ["", "a,b,c", "a,b,c\n", "\n\na,b,c\r\n\r\n   \n"])
def test_a_file_with_nothing_but_a_header_has_no_rows(text: str) -> None:
    assert records(text) == []


@pytest.mark.parametrize("header", ["\ufeffa,b,c", '\ufeff"a","b","c"', " a , b , c "])
def test_the_header_may_have_a_byte_order_mark_quotes_and_blanks(header: str) -> None:
    assert read(f"{header}\n1,2,3") == [(2, ["1", "3"])]


def test_columns_are_found_by_name() -> None:
    assert read("c,more,a\n3,x,1") == [(2, ["1", "3"])]


@pytest.mark.parametrize(
    "line", ["1,2", "1,2,3,4", '1,"x"y,3', "1,\ufffd,3", "1,\0,3", '1,"open,3']
)
def test_damage_is_refused_alone_and_with_its_text(line: str) -> None:
    assert records(f"a,b,c\n0,0,0\n{line}\n7,8,9") == [
        ("f.csv", 2, "0,0,0", ["0", "0"]),
        ("f.csv", 3, line, None),
        ("f.csv", 4, "7,8,9", ["7", "9"]),
    ]


def test_an_unclosed_quote_does_not_swallow_the_rows_up_to_the_next_quote() -> None:
    assert read('a,b,c\n1,"open,3\n4,5,6\n"7",8,9\n10,11,12') == [
        (2, None),
        (3, ["4", "6"]),
        (4, ["7", "9"]),
        (5, ["10", "12"]),
    ]


def test_a_quote_inside_an_unquoted_field_is_text() -> None:
    assert read('a,b,c\n6" nail,5,6') == [(2, ['6" nail', "6"])]


def test_a_record_is_bounded_in_lines_and_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_LINES", 3)
    monkeypatch.setattr(csv_records, "MAX_RECORD", 20)
    lines = "\n".join(["1,2,3"] * 5)
    assert read(f'a,b,c\n1,"open,3\n{lines}')[0] == (2, None)
    assert [fields for _, fields in read(f'a,b,c\n1,"open,3\n{lines}')[1:]] == [["1", "3"]] * 5
    assert records(f"a,b,c\n1,2,{'x' * 30}")[0][2:] == ("1,2,xxxxxxxxxxxxxxxx", None)


def test_each_file_has_its_own_header_and_line_numbers() -> None:
    lines = [("x", "a,c"), ("x", '1,"open'), ("y", "c,a"), ("y", "2,1")]
    assert list(STYLE.records(lines)) == [
        ("x", 2, '1,"open', None),
        ("y", 2, "2,1", ["1", "2"]),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("A,b", r"f\.csv: the header lacks a, c \(it has A, b\)"),
        ("a,c,a", r"f\.csv: the header has a twice"),
        ('"a,c', r"f\.csv: line 1: the header's quotes do not close"),
    ],
)
def test_a_wrong_header_names_file_and_columns(header: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        records(f"{header}\n1,2")


FIELD = st.text(st.sampled_from("ab,;\" \n\r\t'é😀"), max_size=6)


@given(st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back(
    rows: list[tuple[str, str, str]], line_end: str
) -> None:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *rows])
    assert [fields for *_, fields in records(target.getvalue())] == [[a, c] for a, _, c in rows]


@given(st.text(st.sampled_from('1,"\n x'), max_size=60))
def test_no_line_is_lost_and_none_counts_twice(body: str) -> None:
    found = records(f"a,b,c\n{body}")
    lines = [line for line in body.split("\n") if line.strip()]
    texts = [line for _, _, text, _ in found for line in text.split("\n") if line.strip()]
    assert texts == lines
    assert [row for _, row, *_ in found] == sorted({row for _, row, *_ in found})
