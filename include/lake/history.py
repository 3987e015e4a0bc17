"""The versions of the pointer: what readers saw when, and which of them are kept.

Glue keeps a version of ``retail_ops.published`` for each time it was moved. Moving it back to the
location of an earlier version shows exactly that state again, as long as the version is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from include.lake.releases import Pointer


class UnknownVersionError(ValueError):
    """There is no such version to go to; the message names those there are."""


@dataclass(frozen=True)
class Version:
    """One version of the pointer table.

    Attributes:
        number: Glue's VersionId.
        location: folder of the pointer file, with a slash at its end.
        since: when readers began to see it.
        release: the release that was published by it; empty for the state before the first.
    """

    number: int
    location: str
    since: datetime
    release: str = ""


@dataclass(frozen=True)
class Change:
    """Business or arrival days of a table that differ between two states."""

    days: int
    first: date
    last: date

    def __str__(self) -> str:
        """For the log, e.g. ``2 days 2026-07-01..2026-07-02``."""
        if self.days == 1:
            return f"1 day {self.first}"
        return f"{self.days} days {self.first}..{self.last}"


def kept(versions: Iterable[Version], now: datetime, days: int, count: int) -> tuple[Version, ...]:
    """The versions that can be gone back to, oldest first.

    These are all that readers saw at some time in the last ``days``, the last ``count`` states at
    least, and always the current one.

    Args:
        versions: all there are.
        now: an aware time.
        days: a query that began in this time may still read what it began with.
        count: how many states to keep however old; versions at one location are one state.
    """
    ordered = sorted(versions, key=lambda version: version.number)
    found: list[Version] = []
    until = now
    for version in reversed(ordered):
        states = {each.location for each in found}
        young = until >= now - timedelta(days=days)
        if not found or young or version.location in states or len(states) < count:
            found.append(version)
        until = version.since
    return tuple(reversed(found))


def choose(versions: Sequence[Version], wanted: str) -> Version:
    """The version to go to.

    Args:
        versions: those there are; the one with the highest number is current.
        wanted: a version's number; empty for the last state before the current one.

    Raises:
        UnknownVersionError: there is none such.
    """
    ordered = sorted(versions, key=lambda version: version.number)
    current, text = ordered[-1], wanted.strip()
    for version in reversed(ordered):
        if text == str(version.number) or (not text and version.location != current.location):
            return version
    there = ", ".join(f"{each.number} ({each.release or 'nothing published'})" for each in ordered)
    what = f"no version {text!r}" if text else "no state before the current one"
    raise UnknownVersionError(f"there is {what}; versions of the pointer are: {there}")


def changes(before: Pointer, after: Pointer) -> Mapping[str, Change]:
    """What differs between two states: the days by table, of tables that differ."""
    days: dict[str, set[date]] = {}
    for row in set(before) ^ set(after):
        day = row.sale_date or row.ingest_date
        if day is not None:
            days.setdefault(row.table, set()).add(day)
    return {
        table: Change(len(found), min(found), max(found)) for table, found in sorted(days.items())
    }
