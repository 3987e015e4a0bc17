"""What housekeeping may collect: nothing that a kept version names, all else that is old."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from include.lake import layout
from include.lake.releases import Pointer, PointerRow
from include.lake.retention import (
    Folder,
    Orphans,
    Partition,
    bounded,
    column_drift,
    is_staged,
    orphans,
    unit,
)

CUTOFF = datetime(2026, 7, 1, tzinfo=UTC)
OLD, YOUNG = CUTOFF - timedelta(seconds=1), CUTOFF
TABLES = {
    "clean_orders": "silver/clean_orders/",
    "sales": "silver/sales/",
    "daily_sales": "gold/daily_sales/",
    "run_ledger": "ops/run_ledger/",
    "quality_results": "ops/quality_results/",
    "run_costs": "ops/run_costs/",
}
BOOKS = ("quality_results", "run_costs")
RELEASES = [f"r20260701_{number:012x}" for number in range(4)]
DAYS = [date(2026, 6, day) for day in range(1, 4)]


class Written(NamedTuple):
    """A partition that some release wrote, in one of its tries."""

    table: str
    day: date
    release: str
    attempt: int

    @property
    def row(self) -> PointerRow:
        keys = layout.partition_keys(self.table)
        arrival = self.day if "ingest_date" in keys else None
        return PointerRow(
            self.table, arrival, self.day if "sale_date" in keys else None, self.release
        )

    @property
    def folder(self) -> str:
        run = f"{TABLES[self.table]}release={self.release}/try={self.attempt}/"
        return f"{run}{layout.partition_keys(self.table)[0]}={self.day}/"

    def files(self, newest: datetime = OLD) -> Folder:
        return Folder(self.folder, 2, 10, newest)

    def partition(self, created: datetime = OLD) -> Partition:
        return Partition(self.table, self.row.partition_values, self.folder, created)


written = st.builds(
    Written,
    st.sampled_from([table for table in TABLES if table not in BOOKS]),
    st.sampled_from(DAYS),
    st.sampled_from(RELEASES),
    st.integers(1, 2),
)
ages = st.sampled_from([OLD, YOUNG])


@st.composite
def lakes(draw: st.DrawFn) -> tuple[dict[Written, datetime], set[Written], dict[str, Pointer]]:
    """Files with their age, those of them that are registered, pointers over those."""
    files = draw(st.dictionaries(written, ages, max_size=12))
    registered: dict[PointerRow, Written] = {}
    for one in draw(st.lists(st.sampled_from(sorted(files)), max_size=12)) if files else []:
        registered.setdefault(one.row, one)
    pointers = {}
    for number in range(draw(st.integers(0, 3))):
        rows = draw(st.lists(st.sampled_from(list(registered)), unique=True)) if registered else []
        unique = {row.key: row for row in rows}
        pointers[f"ops/published/{RELEASES[number]}-0000000{number}/"] = Pointer(
            tuple(unique.values())
        )
    return files, set(registered.values()), pointers


@given(lakes())
def test_never_what_a_kept_version_names_and_always_the_rest_that_is_old(
    lake: tuple[dict[Written, datetime], set[Written], dict[str, Pointer]],
) -> None:
    files, registered, pointers = lake
    found = orphans(
        TABLES,
        [one.partition() for one in registered],
        [one.files(newest) for one, newest in files.items()],
        pointers,
        CUTOFF,
    )
    named = {row for pointer in pointers.values() for row in pointer}
    live = {one for one in registered if one.row in named}
    assert {folder.path for folder in found.folders} == {
        one.folder for one, newest in files.items() if newest < CUTOFF and one not in live
    }
    assert {(one.table, one.values) for one in found.partitions} == {
        (one.table, one.row.partition_values) for one in registered - live
    }
    assert found.missing == ()


@given(lakes())
def test_the_files_of_what_is_named_but_not_registered_stay(
    lake: tuple[dict[Written, datetime], set[Written], dict[str, Pointer]],
) -> None:
    files, _, pointers = lake
    found = orphans(TABLES, [], [one.files() for one in files], pointers, CUTOFF)
    named = {row for pointer in pointers.values() for row in pointer}
    of_release = {(row.table, row.release) for row in named}
    assert {folder.path for folder in found.folders} == {
        one.folder for one in files if (one.table, one.release) not in of_release
    }
    assert len(found.missing) == len(named)


def test_a_young_partition_protects_its_old_files() -> None:
    one = Written("sales", DAYS[0], RELEASES[0], 1)
    found = orphans(TABLES, [one.partition(YOUNG)], [one.files()], {}, CUTOFF)
    assert found == Orphans((), (), ())


def test_documents_and_pointers_follow_their_release_and_books_stay() -> None:
    kept, gone = RELEASES[:2]
    live = Written("daily_sales", DAYS[0], kept, 2)
    pointers = {f"ops/published/{kept}-00000000/": Pointer((live.row,))}

    def old(path: str) -> Folder:
        return Folder(path, 1, 1, OLD)

    books = [
        Partition(table, (each,), f"ops/{table}/release={each}/", OLD)
        for table in BOOKS
        for each in (kept, gone)
    ]
    stays = [
        f"ops/published/{kept}-00000000/",
        "ops/published/empty/",
        f"ops/releases/{kept}/",
        *(each.folder for each in books),
        live.folder,
        f"gold/daily_sales/release={kept}/try=2/",  # a marker beside the partitions
        "gold/daily_sales/",
        "gold/retired_mart/release=r20260701_00000000000f/try=1/",
        "ops/releases/",
        "bronze/orders/ingest_date=2026-06-01/",
    ]
    goes = [
        f"ops/published/{gone}-00000001/",
        f"ops/releases/{gone}/",
        f"gold/daily_sales/release={kept}/try=1/sale_date=2026-06-01/",
        f"silver/sales/release={kept}/run=0123456789abcdef/_temporary/",
        "staging/extracts/0123456789abcdef.parquet",
    ]
    found = orphans(TABLES, [live.partition(), *books], map(old, [*stays, *goes]), pointers, CUTOFF)
    assert [folder.path for folder in found.folders] == sorted(goes)
    assert found.partitions == ()


@given(st.lists(st.integers(1, 50), max_size=10), st.integers(1, 100))
@example([50, 1], 10)
def test_a_run_deletes_a_bounded_number_and_always_gets_on(counts: list[int], limit: int) -> None:
    days = [date(2026, 6, 1) + timedelta(days=number) for number in range(len(counts))]
    ones = [Written("sales", day, RELEASES[0], 1) for day in days]
    folders = tuple(
        Folder(one.folder, count, 1, OLD) for one, count in zip(ones, counts, strict=True)
    )
    empty = Partition("sales", ("2026-07-01", RELEASES[0]), "silver/sales/empty/", OLD)
    found = Orphans((*(one.partition() for one in ones), empty), folders, ("x",))
    taken = bounded(found, limit)
    assert taken.folders == folders[: len(taken.folders)]
    assert bool(taken.folders) == bool(folders)
    total = sum(folder.objects for folder in taken.folders)
    assert total <= limit or len(taken.folders) == 1
    if len(taken.folders) < len(folders):
        assert total + folders[len(taken.folders)].objects > limit
    assert {one.folder for one in taken.partitions} == {
        *(folder.path for folder in taken.folders),
        empty.folder,
    }


def test_units() -> None:
    assert unit("gold/x/release=r/try=1/sale_date=d/a.parquet") == (
        "gold/x/release=r/try=1/sale_date=d/"
    )
    key = layout.extract_staging_key("0123456789abcdef")
    assert unit(key) == key


def test_staged_tables_are_known_by_their_names() -> None:
    name = layout.staged_table("retail_gold", "daily_sales", RELEASES[0], 12)
    assert is_staged(name.removeprefix("retail_gold."))
    assert not is_staged("daily_sales")
    assert not is_staged("daily_sales__mine_1")


def test_column_drift_in_words() -> None:
    declared = {"revenue": "decimal(18,2)", "units": "bigint", "sale_date": "date"}
    assert column_drift(declared, declared) == ()
    assert column_drift(declared, {"revenue": "double", "sale_date": "date", "x": "int"}) == (
        "revenue is double, declared decimal(18,2)",
        "units is missing, declared bigint",
        "x is int, declared nowhere",
    )
