"""The versions of the pointer: what readers saw when, and which of them are kept.

Glue keeps a version of ``retail_ops.published`` for each time it was moved. Moving it back to the
location of an earlier version shows exactly that state again, as long as the version is kept.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from include.lake.releases import Pointer

#: Versions that are described; each costs reading its pointer file.
SHOWN = 30


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
        run: the run that built the release; empty if it is not known.
        rows: rows of sales in the release, as text; empty if it is not known.
    """

    number: int
    location: str
    since: datetime
    release: str = ""
    run: str = ""
    rows: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """What the pointer table says of the release, beside its location."""
        return {"release": self.release, "run": self.run, "rows": self.rows}


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
    return {table: _change(found) for table, found in sorted(days.items())}


def described(
    versions: Sequence[Version], state_of: Callable[[str], Pointer | None]
) -> list[dict[str, Any]]:
    """The last versions and what each changed against the one before it, newest first.

    Args:
        versions: all there are, oldest first.
        state_of: location → the state that its file holds, None if the file is gone.

    Returns:
        Dicts of `version` (text), `since` (ISO), `release`, `run`, `rows`, `location`, `current`,
        and either `changed` (days by table, in words) and `days` (of all tables), or `gone`.
    """
    listed = []
    before = state_of(versions[-SHOWN - 1].location) if len(versions) > SHOWN else Pointer()
    for version in versions[-SHOWN:]:
        one: dict[str, Any] = {
            "version": str(version.number),
            "since": version.since.isoformat(),
            **version.parameters,
            "location": version.location,
            "current": version is versions[-1],
        }
        state = state_of(version.location)
        if state is None:
            one["gone"] = True
        elif before is not None:
            differing = set(before) ^ set(state)
            days = {row.sale_date or row.ingest_date for row in differing} - {None}
            one["changed"] = {name: str(each) for name, each in changes(before, state).items()}
            one["days"] = str(_change({day for day in days if day})) if days else ""
        listed.append(one)
        before = state
    return listed[::-1]


def previous(listed: Sequence[Mapping[str, Any]]) -> str:
    """Of ``described``, the last state before the current one; empty if there is none."""
    current = listed[0]["location"]
    return next((str(one["version"]) for one in listed if one["location"] != current), "")


def line(one: Mapping[str, Any]) -> str:
    """One of ``described`` for a log or a terminal."""
    changed = ", ".join(f"{table} {days}" for table, days in one.get("changed", {}).items())
    what = "its file is gone" if one.get("gone") else f"changed {changed or 'nothing'}"
    mark = " (current)" if one["current"] else ""
    told = [one["release"] or "nothing published", one["run"] and f"by {one['run']}"]
    told += [one["rows"] and f"{int(one['rows']):,} rows of sales", what]
    return f"version {one['version']}{mark} since {one['since']}: {', '.join(filter(None, told))}"


def option(one: Mapping[str, Any]) -> str:
    """One of ``described`` as a choice; ``chosen`` reads it."""
    since = datetime.fromisoformat(one["since"]).astimezone(UTC)
    return f"{one['version']}: as of {since:%Y-%m-%d %H:%M} UTC"


def chosen(text: str) -> str:
    """The version that an ``option`` names."""
    return text.partition(":")[0]


def offered(listed: Sequence[Mapping[str, Any]]) -> str:
    """The versions as a table in Markdown."""
    lines = [
        ("version", "readers saw it since", "days changed", "tables", "rows of sales", "run"),
        ("---:", "---", "---", "---:", "---:", "---"),
    ]
    for one in listed:
        since = datetime.fromisoformat(one["since"]).astimezone(UTC)
        days = "its file is gone" if one.get("gone") else one.get("days", "") or "none"
        lines.append(
            (
                f"**{one['version']}, shown now**" if one["current"] else one["version"],
                f"{since:%Y-%m-%d %H:%M:%S} UTC",
                days,
                str(len(one.get("changed", ()))),
                f"{int(one['rows']):,}" if one["rows"] else "",
                one["run"],
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def partitions(state: Pointer) -> dict[str, list[tuple[str, ...]]]:
    """The partitions that a state names, by table."""
    named: dict[str, list[tuple[str, ...]]] = {}
    for row in state:
        named.setdefault(row.table, []).append(row.partition_values)
    return named


def _change(days: Collection[date]) -> Change:
    return Change(len(days), min(days), max(days))
