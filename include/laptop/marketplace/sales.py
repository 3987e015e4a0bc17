"""The marketplace's sales: JSON Lines in a folder, found by when they were sold."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


class SalesError(Exception):
    """A file that cannot be served; the message names it and the line."""


@dataclass(frozen=True, order=True)
class Sale:
    """One record: its order, and its JSON exactly as the file has it."""

    sold_at: datetime
    sale_id: str
    text: str


class Sales:
    """All sales of the folder; files that come or change are read when they are asked for.

    Args:
        folder: holds `<day>.jsonl`; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[tuple[int, int], list[Sale]]] = {}

    def between(self, start: datetime, end: datetime) -> list[Sale]:
        """The sales of a half-open interval, ordered by (sold_at, sale_id).

        Raises:
            SalesError: a line is not a sale.
        """
        found: list[Sale] = []
        for path in sorted(self.folder.glob("*.jsonl")):
            found += [sale for sale in self._of(path) if start <= sale.sold_at < end]
        return sorted(found)

    def _of(self, path: Path) -> list[Sale]:
        now = path.stat()
        version = (now.st_mtime_ns, now.st_size)
        if path not in self._read or self._read[path][0] != version:
            lines = path.read_text(encoding="utf-8").split("\n")
            sales = [_sale(path, number, text) for number, text in enumerate(lines, 1) if text]
            self._read[path] = (version, sales)
        return self._read[path][1]


def instant(text: str) -> datetime:
    """An ISO instant with an offset, in UTC.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return moment.astimezone(UTC)


def _sale(path: Path, number: int, text: str) -> Sale:
    try:
        record = json.loads(text)
        return Sale(instant(record["sold_at"]), str(record["sale_id"]), text)
    except (ValueError, KeyError, TypeError) as error:
        raise SalesError(f"{path.name}, line {number}: {error!r}") from error
