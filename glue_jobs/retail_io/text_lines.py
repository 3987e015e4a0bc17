"""Cuts the bytes of a text file into lines, many at a time, in bounded memory."""

from collections.abc import Iterable, Iterator

from retail_io.csv_records import MAX_RECORD

#: Bytes of a line that are read on; what is cut off belongs to a record that is too long anyway.
_MOST_BYTES = 4 * MAX_RECORD + 4
_MARK = "\ufeff"


def lines(pieces: Iterable[bytes], encoding: str) -> Iterator[list[str]]:
    """The lines of a file, without their line feeds, blank ones too.

    Args:
        pieces: the file's bytes.
        encoding: of the text, one in which a line feed is that byte. What is none of it becomes
            U+FFFD; a byte-order mark at the beginning is taken away.
    """
    waiting, is_first = b"", True
    for piece in pieces:
        whole, feed, rest = piece.rpartition(b"\n")
        if feed:
            yield _text(waiting + whole, encoding, is_first).split("\n")
            waiting, is_first = rest, False
        else:
            waiting += rest[: _MOST_BYTES - len(waiting)]
    if waiting:
        yield [_text(waiting, encoding, is_first)]


def _text(data: bytes, encoding: str, is_first: bool) -> str:
    text = data.decode(encoding, errors="replace")
    return text.removeprefix(_MARK) if is_first else text
