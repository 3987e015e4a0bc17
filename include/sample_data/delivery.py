"""What a delivery consists of: rows with their intended outcome, woven into files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from struct import pack
from typing import ClassVar, TypeVar
from zlib import crc32

Made = TypeVar("Made")

BLOCK = 0xFFFF  # most bytes in one stored block of a gzip file
UNKNOWN = "Unknown"  # what gold says for a region or category that nobody knows


@dataclass(frozen=True, slots=True)
class Sale:
    """The business content a row has once it is understood. Money in pence."""

    channel: str
    day: date
    quantity: int
    total: int
    calculated: int
    is_return: bool
    customer: str | None
    region: str
    category: str


@dataclass(frozen=True, slots=True)
class Row:
    """One delivered line and what must become of it: one of sale, reason and entry is set.

    Attributes:
        text: The line as delivered, without its end.
        sale: What it adds to the sales.
        reason: Why it must end in quarantine.
        key: Names the transaction (or entry), set where the same may be delivered again.
        entry: Whether it is kept in a snapshot.
        stays: Whether it is also among the rows of all later days.
    """

    text: str
    sale: Sale | None = None
    reason: str | None = None
    key: str | None = None
    entry: bool = False
    stays: bool = False


@dataclass(frozen=True)
class DeliveredFile:
    """A file of one dataset and arrival day; its rows are made when they are read.

    Attributes:
        header: What stands before the rows, without its line end.
        footer: What stands behind them, likewise.
        extracted: Whether it is what the source holds; the pipeline makes files of its own of it.
    """

    dataset: str
    ingest_date: date
    name: str
    rows: Callable[[], Iterator[Row]] = field(repr=False)
    header: str | None = None
    footer: str | None = None
    extracted: bool = False

    @property
    def first_row(self) -> int:
        """Number of the first row: its line, or 1 where the pipeline writes the file."""
        return 1 if self.header is None or self.extracted else self.header.count("\n") + 2

    def chunks(self, rows: Iterator[Row] | None = None) -> Iterator[bytes]:
        """Yield the file's bytes in pieces; ``rows`` stands in when they are watched."""
        text = self._text(self.rows() if rows is None else rows)
        return gzipped(text) if self.name.endswith(".gz") else text

    @property
    def content(self) -> bytes:
        """All bytes of the file."""
        return b"".join(self.chunks())

    def _text(self, rows: Iterator[Row]) -> Iterator[bytes]:
        lines = [] if self.header is None else [self.header]
        size = 0
        for row in rows:
            lines.append(row.text)
            size += len(row.text)
            if size > BLOCK:
                yield ("\n".join(lines) + "\n").encode()
                lines, size = [], 0
        lines += [] if self.footer is None else [self.footer]
        if lines:
            yield ("\n".join(lines) + "\n").encode()


def gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Wrap bytes as a gzip file of stored blocks.

    Nothing is compressed: compressed bytes differ between builds of zlib, these never do.
    """
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    checksum = size = 0
    for chunk in chunks:
        checksum, size = crc32(chunk, checksum), size + len(chunk)
        for start in range(0, len(chunk), BLOCK):
            piece = chunk[start : start + BLOCK]
            yield pack("<BHH", 0, len(piece), len(piece) ^ BLOCK) + piece
    yield pack("<BHH", 1, 0, BLOCK) + pack("<LL", checksum, size & 0xFFFFFFFF)


@dataclass(frozen=True)
class Weave:
    """Places of a day's rows: ``ordinary`` rows in order over the files, planted ones in between.

    Each planted row of a file owns a stretch of at least ``COPIES`` ordinary rows of that file. A
    planted copy repeats one of them, so that no two plants ever touch the same transaction.
    """

    ordinary: int
    planted: int
    files: int
    COPIES: ClassVar[int] = 4

    @classmethod
    def sized(cls, ordinary: int, planted: int, files: int) -> "Weave":
        """Return a weave with enough ordinary rows for its planted ones; none on a closed day."""
        if not ordinary:
            return cls(0, 0, files)
        return cls(max(ordinary, (planted + files) * cls.COPIES), planted, files)

    def bounds(self, file: int) -> tuple[int, int]:
        """First ordinary row of a file, and the one after its last."""
        return self.ordinary * file // self.files, self.ordinary * (file + 1) // self.files

    def file_of(self, number: int) -> int:
        """Return the file in which ordinary row ``number`` stands."""
        return next(file for file in range(self.files) if number < self.bounds(file)[1])

    def planted_in(self, file: int) -> int:
        """How many planted rows a file has: they are dealt to the files in turn."""
        return (self.planted - file + self.files - 1) // self.files

    def target(self, file: int, turn: int, copy: int) -> int:
        """Return the ordinary row of a file that its planted row ``turn`` may copy."""
        low, high = self.bounds(file)
        count = self.planted_in(file)
        return low + (turn % count) * (high - low) // count + copy

    def may_be_copied(self, number: int) -> bool:
        """Say whether ordinary row ``number`` is the target of any copy, here or tomorrow."""
        file = self.file_of(number)
        low, high = self.bounds(file)
        turn = ((number - low + 1) * self.planted_in(file) - 1) // (high - low)
        return number - self.target(file, turn, 0) < self.COPIES

    def rows(
        self,
        file: int,
        ordinary: Callable[[int], Made],
        planted: Callable[[int, int], Made],
    ) -> Iterator[Made]:
        """Yield a file's rows: ``ordinary(number)`` with ``planted(file, turn)`` spread between."""
        low, high = self.bounds(file)
        count = self.planted_in(file)
        total = high - low + count
        turn = 0
        for place in range(total):
            if (place + 1) * count // total > turn:
                yield planted(file, turn)
                turn += 1
            else:
                yield ordinary(low + place - turn)
