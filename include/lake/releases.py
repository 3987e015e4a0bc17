"""Releases and the pointer that says which release readers see of which partition.

A run writes only under its own release id. Publishing moves one pointer, ``retail_ops.published``:
a row per published partition of every table. This module decides, without touching AWS, what the
pointer becomes and when a publication must be refused because another one came in between.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from include.lake import layout, values
from include.lake.window import Window

_FIELDS = ("table_name", "ingest_date", "sale_date", "release")


class PointerError(ValueError):
    """A pointer or manifest that is damaged or contradicts itself."""


class SupersededError(RuntimeError):
    """Another run published what this one replaces or was built from; run it again."""


def release_id(dag_id: str, run_id: str, try_number: int, window: Window) -> str:
    """The id of what one attempt of ``open_release`` opens."""
    first, last = window.from_date, window.to_date
    text = f"{dag_id}|{run_id}|{try_number}|{first.isoformat()}|{last.isoformat()}"
    return values.release(f"r{first:%Y%m%d}_{hashlib.sha256(text.encode()).hexdigest()[:12]}")


def run_token(release: str, task_id: str, try_number: int, *more: str) -> str:
    """The idempotency key of one attempt of one task of a release: 16 hex digits."""
    text = "|".join((values.release(release), task_id, str(try_number), *more))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PointerRow:
    """One published partition. Tables keyed by arrival only have no sale_date, and vice versa."""

    table: str
    ingest_date: date | None
    sale_date: date | None
    release: str

    def __post_init__(self) -> None:
        """Refuses names that could not be a table or release."""
        values.identifier(self.table)
        values.release(self.release)
        if self.ingest_date is None and self.sale_date is None:
            raise PointerError(f"pointer row of {self.table} names no partition; give a date")

    @property
    def key(self) -> tuple[str, ...]:
        """What at most one release can be published for; sorts the pointer file."""
        own = self.release if self.table in layout.HISTORIES else ""
        return (self.table, _text(self.ingest_date), _text(self.sale_date), own)

    @property
    def partition_values(self) -> tuple[str, ...]:
        """The partition's values in the catalog."""
        return tuple(str(getattr(self, key)) for key in layout.partition_keys(self.table))

    @property
    def is_clean(self) -> bool:
        """Whether it holds rows of an arrival day that are sales, of this or an earlier day."""
        return self.ingest_date is not None and self.sale_date is not None

    @property
    def source_of(self) -> date | None:
        """The business day whose ``sales`` have its clean rows, or are enriched by its snapshot."""
        if self.is_clean:
            return self.sale_date
        return self.ingest_date if self.table in layout.SNAPSHOTS else None


@dataclass(frozen=True)
class Pointer:
    """The published state: one release per partition, sorted by key."""

    rows: tuple[PointerRow, ...] = ()

    def __post_init__(self) -> None:
        """Sorts the rows and refuses two releases for one partition."""
        rows = sorted(self.rows, key=lambda row: row.key)
        for before, after in pairwise(rows):
            if before.key == after.key:
                raise PointerError(
                    f"pointer names {before.release} and {after.release} for {after.key}; "
                    f"a partition has one release"
                )
        object.__setattr__(self, "rows", tuple(rows))

    def __iter__(self) -> Iterator[PointerRow]:
        """The rows by key."""
        return iter(self.rows)

    def text(self) -> str:
        """The pointer file: JSON Lines, all values text or null; same state, same bytes."""
        rows = (
            (row.table, _text(row.ingest_date) or None, _text(row.sale_date) or None, row.release)
            for row in self.rows
        )
        return "".join(
            json.dumps(dict(zip(_FIELDS, row, strict=True)), separators=(",", ":")) + "\n"
            for row in rows
        )

    def digest(self) -> str:
        """8 hex digits of the content, for its location."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:8]


def parse_pointer(text: str) -> Pointer:
    """The state that a pointer file holds.

    Raises:
        PointerError: a line is not a row of ours, or a partition has two releases.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or set(row) != set(_FIELDS):
                raise PointerError(f"must have exactly {', '.join(_FIELDS)}")
            rows.append(
                PointerRow(
                    table=row["table_name"],
                    ingest_date=_date(row["ingest_date"]),
                    sale_date=_date(row["sale_date"]),
                    release=row["release"],
                )
            )
        except (ValueError, TypeError) as error:
            raise PointerError(
                f"line {number} of the pointer is damaged ({error}); roll back by one version"
            ) from error
    return Pointer(tuple(rows))


@dataclass(frozen=True)
class Publication:
    """What a release publishes.

    Attributes:
        release: its id; every row carries it.
        window: arrival days it rebuilt. It owns every arrival-keyed partition of them.
        affected_days: business days it rebuilt. It owns every other partition of them.
        tables: the tables it wrote; partitions of other tables are none of its business.
        rows: the partitions it wrote.
    """

    release: str
    window: Window
    affected_days: frozenset[date]
    tables: frozenset[str]
    rows: tuple[PointerRow, ...]

    def __post_init__(self) -> None:
        """Refuses rows that are not the release's to publish."""
        for row in self.rows:
            if row.release != self.release:
                raise PointerError(f"{row} is not of release {self.release}; build the list anew")
            if not self.replaces(row):
                raise PointerError(
                    f"{row} lies outside window and affected days of {self.release}; "
                    f"the job must list every day it writes in affected_days"
                )
            if row.is_clean and row.sale_date not in self.affected_days:
                raise PointerError(f"{row}: its business day is not rebuilt; add it to the days")

    def replaces(self, row: PointerRow) -> bool:
        """Whether this release decides what readers see of that partition."""
        if row.table not in self.tables or row.table in layout.HISTORIES:
            return row.table in layout.HISTORIES and row.release == self.release
        if row.ingest_date is not None:
            return row.ingest_date in self.window
        return row.sale_date in self.affected_days

    def depends_on(self, row: PointerRow) -> bool:
        """Whether that partition decides what this release's rows should be."""
        return self.replaces(row) or row.source_of in self.affected_days


def merge(pointer: Pointer, publication: Publication) -> Pointer:
    """The pointer after a publication: its partitions in, what it replaces out, the rest as is."""
    kept = tuple(row for row in pointer if not publication.replaces(row))
    return Pointer(kept + publication.rows)


def conflicts(base: Pointer, now: Pointer, publication: Publication) -> tuple[str, ...]:
    """Why a release built on ``base`` must not be published over ``now``; empty if it may.

    A partition that the release replaces, or that its business days are built from, must be the
    same in both: else publishing would undo another run's work or mix two states.

    Args:
        base: the pointer that the release's inputs were chosen by.
        now: the pointer as it is.
        publication: what the release would publish.

    Raises:
        PointerError: the release does not rebuild the business days of rows it withdraws.
    """
    for row in base:
        withdrawn = row.is_clean and publication.replaces(row)
        if withdrawn and row.sale_date not in publication.affected_days:
            raise PointerError(
                f"{publication.release} withdraws {row} but does not rebuild its business day; "
                f"affected_days must hold the sale dates of all replaced partitions"
            )
    before = {row.key: row.release for row in base if publication.depends_on(row)}
    after = {row.key: row.release for row in now if publication.depends_on(row)}
    return tuple(
        f"{'/'.join(part for part in key if part)}: "
        f"built on {before.get(key, 'nothing')}, published is {after.get(key, 'nothing')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def next_pointer(base: Pointer, now: Pointer, publication: Publication) -> Pointer:
    """The pointer to publish; ``now`` itself if the release is published already.

    Raises:
        SupersededError: another run came in between; the message names the partitions.
    """
    if {row for row in now if publication.replaces(row)} == set(publication.rows):
        return now
    found = conflicts(base, now, publication)
    if found:
        shown = "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
        raise SupersededError(
            f"superseded: {publication.release} was built before another run published "
            f"({shown}). Clear the run from open_release so that it is built on the new state"
        )
    return merge(now, publication)


def facts(silver_manifest: Mapping[str, Any]) -> dict[str, str]:
    """What a version of the pointer says of its release: its id, and its rows of sales."""
    sales = [table for table in silver_manifest["tables"] if table["table"] == "sales"]
    rows = sum(partition.get("rows", 0) for table in sales for partition in table["partitions"])
    return {"release": silver_manifest["release"], "rows": str(rows)}


def plan(
    inputs: Mapping[str, Any],
    silver_manifest: Mapping[str, Any],
    gold: Mapping[str, Iterable[date]],
) -> Publication:
    """The publication of a finished release.

    Args:
        inputs: its inputs.json.
        silver_manifest: what its Glue job wrote last.
        gold: mart → business days its staged table has partitions for.

    Raises:
        PointerError: the documents are of different releases or contradict each other.
    """
    release = values.release(inputs["release"])
    if silver_manifest["release"] != release:
        raise PointerError(
            f"the job's manifest is of {silver_manifest['release']}, not of {release}; "
            f"re-run the job"
        )
    rows = []
    for table in silver_manifest["tables"]:
        keys = layout.partition_keys(table["table"])
        for partition in table["partitions"]:
            found = dict(zip(keys, partition["values"], strict=True))
            days = [_date(found.get(key)) for key in ("ingest_date", "sale_date")]
            rows.append(PointerRow(table["table"], days[0], days[1], found["release"]))
    # The job's manifest names every table of silver, also one without a row this time: that must
    # still withdraw what it had.
    tables = {*gold, *(table["table"] for table in silver_manifest["tables"])}
    rows += [PointerRow(mart, None, day, release) for mart, days in gold.items() for day in days]
    window = inputs["window"]
    return Publication(
        release=release,
        window=Window(values.iso_date(window["from"]), values.iso_date(window["to"])),
        affected_days=frozenset(map(values.iso_date, silver_manifest["affected_days"])),
        tables=frozenset(tables),
        rows=tuple(rows),
    )


def _text(day: date | None) -> str:
    return day.isoformat() if day else ""


def _date(text: str | None) -> date | None:
    return None if text is None else values.iso_date(text)
