"""Lines are the same however the bytes come in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_io import text_lines
from retail_io.text_lines import lines


def read(data: bytes, size: int, encoding: str = "UTF-8") -> list[str]:
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return [line for some in lines(pieces, encoding) for line in some]


@given(
    st.lists(st.text(st.sampled_from("a\r\x00\u2028\x0b é😀"), max_size=5), max_size=5),
    st.integers(1, 20),
)
def test_lines_end_with_a_line_feed_and_with_nothing_else(texts: list[str], size: int) -> None:
    whole = "".join(f"{text}\n" for text in texts)
    assert read(whole.encode(), size) == texts
    assert read(f"{whole}x".encode(), size) == [*texts, "x"]


def test_bytes_that_are_none_of_the_encoding_are_replaced_within_their_line() -> None:
    data = b"caf\xe9\nx\xf0\x9f\n"
    assert read(data, 3) == ["caf\ufffd", "x\ufffd"]
    assert read(data, 3, "ISO-8859-1") == ["café", "xð\x9f"]


def test_a_byte_order_mark_is_taken_from_the_beginning_alone() -> None:
    assert read("\ufeffa\n\ufeffb".encode(), 2) == ["a", "\ufeffb"]


def test_a_line_without_end_stays_within_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "_MOST_BYTES", 50)
    first, second = read(b"x" * 1000 + b"\nnext", 7)
    assert 50 <= len(first) <= 57
    assert second == "next"
