"""What housekeeping may collect: what no kept version of the pointer names, once it is old enough.

The unit is a folder: a partition's files, a run's documents, a state of the pointer. An abandoned
extract is a unit of its own. Bronze is never among what is looked at.

Books of what happened are kept for good, whatever became of the release: what it cost and what its
checks saw (the tables keyed by release alone), and what it restated (which every later state of the
pointer names). ``run_ledger`` and ``quarantine`` tell of a state, and go with it.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.lake import layout, values
from include.lake.releases import Pointer

#: Folders of the lake, besides the tables' own, whose content somebody may leave behind.
OTHER_FOLDERS = ("ops/releases/", "ops/published/", "staging/extracts/")
_STAGED = re.compile(rf"{values.IDENTIFIER}__{values.RELEASE}_[1-9][0-9]*")


@dataclass(frozen=True)
class Partition:
    """A registered partition: values in the order of the table's keys, location as a key."""

    table: str
    values: tuple[str, ...]
    folder: str
    created: datetime


@dataclass(frozen=True)
class Folder:
    """Objects side by side: how many, their bytes, and the time of the newest."""

    path: str
    objects: int
    size: int
    newest: datetime


@dataclass(frozen=True)
class Orphans:
    """What nobody needs.

    Attributes:
        partitions: to take out of the catalog, before their files.
        folders: to delete, with nothing but what was seen in them.
        missing: partitions that a kept version names and the catalog lacks, as table/days/release;
            their files are left alone.
    """

    partitions: tuple[Partition, ...]
    folders: tuple[Folder, ...]
    missing: tuple[str, ...]


def unit(key: str) -> str:
    """The unit that an object belongs to: its folder, or an extract by itself."""
    return key if key.startswith("staging/") else key.rpartition("/")[0] + "/"


def is_staged(table: str) -> bool:
    """Whether a table's name is that of a mart that was built and not published."""
    return _STAGED.fullmatch(table) is not None


def orphans(
    tables: Mapping[str, str],
    partitions: Iterable[Partition],
    folders: Iterable[Folder],
    pointers: Mapping[str, Pointer],
    cutoff: datetime,
) -> Orphans:
    """What no kept version names and is older than the cutoff.

    Args:
        tables: table → its folder, of all tables of ours; others are none of our business.
        partitions: all partitions of those tables.
        folders: all units below the tables' folders and ``OTHER_FOLDERS``.
        pointers: folder → content, of every kept version.
        cutoff: what is younger may belong to a run that has not published yet.
    """
    rows = {row for pointer in pointers.values() for row in pointer}
    releases = {row.release for row in rows}
    named = {(row.table, row.partition_values) for row in rows if row.table in tables}
    registered: set[tuple[str, tuple[str, ...]]] = set()
    needed = {layout.EMPTY_POINTER_PREFIX, *pointers}
    needed |= {f"ops/releases/{release}/" for release in releases}
    needed |= {tables[table] for table in tables if layout.partition_keys(table) == ("release",)}
    dropped = []
    for partition in partitions:
        key = (partition.table, partition.values)
        registered.add(key)
        if key in named or partition.created >= cutoff:
            needed.add(partition.folder)
        else:
            dropped.append(partition)
    missing = sorted(named - registered)
    # Where it lies is not known, so whatever its release wrote to the table stays.
    needed |= {f"{tables[table]}release={key[-1]}/" for table, key in missing}
    above = {parent for path in needed for parent in _parents(path)}
    return Orphans(
        partitions=tuple(one for one in dropped if not _within(one.folder, needed)),
        folders=tuple(
            folder
            for folder in sorted(folders, key=lambda each: each.path)
            if folder.newest < cutoff
            and folder.path not in above
            and not _within(folder.path, needed)
            and _is_ours(folder.path, tables.values())
        ),
        missing=tuple("/".join((table, *key)) for table, key in missing),
    )


def bounded(found: Orphans, limit: int) -> Orphans:
    """As much of it as one run may delete: at most ``limit`` objects, but one folder at least.

    A partition whose folder is left for the next run stays registered.
    """
    taken: list[Folder] = []
    total = 0
    for folder in found.folders:
        total += folder.objects
        if taken and total > limit:
            break
        taken.append(folder)
    left = {folder.path for folder in found.folders[len(taken) :]}
    partitions = tuple(one for one in found.partitions if one.folder not in left)
    return Orphans(partitions, tuple(taken), found.missing)


def column_drift(declared: Mapping[str, str], found: Mapping[str, str]) -> tuple[str, ...]:
    """How a physical table differs from what the contracts say, in words; empty if it does not.

    Args:
        declared: column → type.
        found: the same, in the catalog.
    """
    return tuple(
        f"{name} is {found.get(name, 'missing')}, declared {declared.get(name, 'nowhere')}"
        for name in sorted(declared.keys() | found.keys())
        if declared.get(name) != found.get(name)
    )


def _is_ours(path: str, tables: Collection[str]) -> bool:
    """Whether it lies where releases, pointers and extracts lie, and nowhere else."""
    if any(path.startswith(folder) and path != folder for folder in OTHER_FOLDERS):
        return True
    return any(re.match(rf"{re.escape(each)}release={values.RELEASE}/", path) for each in tables)


def _parents(path: str) -> Sequence[str]:
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:count]) + "/" for count in range(1, len(parts))]


def _within(path: str, needed: Collection[str]) -> bool:
    return path in needed or any(parent in needed for parent in _parents(path))
