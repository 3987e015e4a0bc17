"""Splits the lines of CSV files into records without ever losing a line.

Spark's reader gives neither the text nor the line of a record, and an unclosed quote makes it
swallow good rows. Here each record keeps its text as delivered and the number of its first line,
and damage stays where it is: a line whose quotes do not work out is refused alone, and reading
goes on at the next line.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Longest record in characters; a quote that is still open after so much text is damage.
MAX_RECORD = 1 << 20
#: Most lines of one record, for the same reason.
MAX_LINES = 500
#: What Spark puts for bytes that are not UTF-8.
UNDECODABLE = "\ufffd"
#: In no text that a person or program meant; what reads it next may take it for the end.
NUL = "\0"

Record = tuple[str, int, str, list[str] | None]


class SourceError(ValueError):
    """A delivered file cannot be read as its contract says."""


@dataclass(frozen=True)
class CsvFormat:
    """How a dataset's CSV files are written, and which columns are wanted of them.

    Attributes:
        columns: names in the header, in the order in which the fields are wanted.
        separator: between fields.
        quote: around fields that hold separators, line ends or (doubled) quotes.
    """

    columns: tuple[str, ...]
    separator: str = ","
    quote: str = '"'

    def records(self, lines: Iterable[tuple[str, str]]) -> Iterator[Record]:
        """The records of one or more files.

        Args:
            lines: (file, line without its line feed), each file's lines together and in order.

        Yields:
            (file, number from 1 of the record's first line, its text, its wanted fields or None if
            it cannot be read). The header and blank lines are not records.

        Raises:
            SourceError: a header lacks a column or has one twice; names file and columns.
        """
        csv.field_size_limit(MAX_RECORD * 2)
        file, pending = "", _Lines(self, "")
        for name, line in lines:
            if name != file:
                yield from pending.end()
                file, pending = name, _Lines(self, name)
                line = line.removeprefix("\ufeff")
            yield from pending.add(line)
        yield from pending.end()

    def split(self, text: str) -> list[str]:
        """The fields of one record.

        Raises:
            csv.Error: its quotes do not work out.
        """
        if self.quote not in text:
            return text.split(self.separator)
        return next(csv.reader([text], delimiter=self.separator, quotechar=self.quote, strict=True))

    def positions(self, file: str, header: list[str]) -> list[int]:
        """Where the wanted columns stand in a file."""
        names = [name.strip() for name in header]
        if any(mark < " " or mark == UNDECODABLE for name in names for mark in name):
            raise SourceError(
                f"{file} is no text in UTF-8 (UTF-16, or compressed without a name that says so?); "
                f"ask for it again, plain or as .gz"
            )
        missing = [name for name in self.columns if name not in names]
        if missing:
            raise SourceError(
                f"{file}: the header lacks {', '.join(missing)} (it has {', '.join(names)[:500]}); "
                f"ask for the file again, or change the contract if the source has changed"
            )
        twice = [name for name in self.columns if names.count(name) > 1]
        if twice:
            raise SourceError(f"{file}: the header has {', '.join(twice)} twice; which one counts?")
        return [names.index(name) for name in self.columns]


class _Lines:
    """The state within one file: header, line number, and the lines of a record still open."""

    def __init__(self, style: CsvFormat, file: str) -> None:
        self._style = style
        self._file = file
        self._positions: list[int] | None = None
        self._width = 0
        self._first = 1  # number of the first line in _open
        self._open: list[str] = []

    def add(self, line: str) -> Iterator[Record]:
        """Takes the next line; gives the records that it completes."""
        if self._open and self._style.quote not in line and not self._overlong(line):
            self._open.append(line)
            return
        yield from self._take(deque([line]))

    def end(self) -> Iterator[Record]:
        """Takes the end of the file: what is open now is damage."""
        while self._open:
            yield self._refused()
            waiting = deque(self._open)
            self._open = []
            yield from self._take(waiting)

    def _take(self, waiting: deque[str]) -> Iterator[Record]:
        while waiting:
            self._open.append(waiting.popleft())
            try:
                fields = self._style.split("\n".join(self._open).removesuffix("\r"))
            except csv.Error as error:
                still_open = "unexpected end of data" in str(error)
                if not still_open or self._overlong(""):
                    yield self._refused()
                    waiting.extendleft(reversed(self._open))
                    self._open = []
                continue
            yield from self._completed(fields)

    def _completed(self, fields: list[str]) -> Iterator[Record]:
        text, number = "\n".join(self._open).removesuffix("\r"), self._first
        self._first += len(self._open)
        self._open = []
        if not text.strip():
            return
        if self._positions is None:
            self._positions = self._style.positions(self._file, fields)
            self._width = len(fields)
        elif len(fields) != self._width or self._illegible(text):
            yield self._file, number, text[:MAX_RECORD], None
        else:
            yield self._file, number, text, [fields[position] for position in self._positions]

    def _refused(self) -> Record:
        """Gives up on the first open line alone; the others are to be read again."""
        if self._positions is None:
            raise SourceError(f"{self._file}: line {self._first}: the header's quotes do not close")
        number, text = self._first, self._open.pop(0).removesuffix("\r")
        self._first += 1
        return self._file, number, text[:MAX_RECORD], None

    @staticmethod
    def _illegible(text: str) -> bool:
        return UNDECODABLE in text or NUL in text or len(text) > MAX_RECORD

    def _overlong(self, line: str) -> bool:
        size = sum(map(len, self._open)) + len(line)
        return size > MAX_RECORD or len(self._open) >= MAX_LINES
