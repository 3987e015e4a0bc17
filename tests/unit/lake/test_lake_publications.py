"""Any number of publishers, interleaved anyhow: nothing is lost, and who lost is told.

A model lake: two datasets, six days, lateness of two days. A run reads the pointer and bronze when
it opens, and publishes any time later. ``Built`` remembers what each release was built from, which
the real pointer cannot know; the invariants compare against it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from include.lake.releases import (
    Pointer,
    PointerRow,
    Publication,
    SupersededError,
    next_pointer,
)
from include.lake.window import Window

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=offset) for offset in range(6)]
LATENESS = 2
CLEAN = ("clean_a", "clean_b")
MART = "daily_sales"

#: One arrival of a dataset: its version and the business days it has rows of.
Arrival = tuple[int, frozenset[date]]
Bronze = dict[tuple[str, date], Arrival]
#: What sales of a business day is made of: (table, ingest_date, version of the arrival).
Content = frozenset[tuple[str, date, int]]


@dataclass
class Built:
    """A run between open_release and publish."""

    base: Pointer
    publication: Publication
    sales: dict[date, Content]
    arrivals: dict[tuple[str, date], Arrival]


@dataclass
class ModelLake:
    """Bronze, the pointer, and what every release ever built was built from."""

    bronze: Bronze
    pointer: Pointer
    built: dict[str, Built]

    @classmethod
    def empty(cls) -> "ModelLake":
        return cls({}, Pointer(), {})

    def deliver(self, table: str, day: date, lags: frozenset[int]) -> None:
        version = self.bronze.get((table, day), (0, frozenset()))[0] + 1
        self.bronze[table, day] = (version, frozenset(day - timedelta(days=lag) for lag in lags))

    def open(self, window: Window) -> Built:
        """Does what the DAG and the Glue job do, on the state of this moment."""
        base = self.pointer
        release = f"r{window.from_date:%Y%m%d}_{len(self.built):012x}"
        nothing: Arrival = (0, frozenset())
        arrivals = {
            (table, day): self.bronze.get((table, day), nothing)
            for table in CLEAN
            for day in window
        }
        replaced = {row.sale_date for row in base if row.is_clean and row.ingest_date in window}
        own_days = {sale for _, sales in arrivals.values() for sale in sales}
        affected = frozenset(day for day in {*window, *own_days, *replaced} if day is not None)
        upstream = [row for row in base if row.is_clean and row.ingest_date not in window]
        sales: dict[date, Content] = {}
        for sale in affected:
            own = {
                (table, day, version)
                for (table, day), (version, days) in arrivals.items()
                if sale in days
            }
            others = {
                (row.table, row.ingest_date, self.version(row))
                for row in upstream
                if row.sale_date == sale and row.ingest_date is not None
            }
            sales[sale] = frozenset(own | others)
        rows = [
            PointerRow(table, day, sale, release)
            for (table, day), (_, days) in arrivals.items()
            for sale in days
        ]
        rows += [PointerRow("sales", None, sale, release) for sale in affected]
        rows += [PointerRow(MART, None, sale, release) for sale in affected if sales[sale]]
        rows += [PointerRow("run_ledger", day, None, release) for day in window]
        publication = Publication(
            release=release,
            window=window,
            affected_days=affected,
            tables=frozenset({*CLEAN, "sales", MART, "run_ledger"}),
            rows=tuple(rows),
        )
        run = Built(base, publication, sales, arrivals)
        self.built[release] = run
        return run

    def publish(self, run: Built) -> None:
        self.pointer = next_pointer(run.base, self.pointer, run.publication)

    def version(self, row: PointerRow) -> int:
        assert row.ingest_date is not None
        return self.built[row.release].arrivals[row.table, row.ingest_date][0]

    def sales(self) -> dict[date, Content]:
        """What readers see of sales, by business day."""
        return {
            row.sale_date: self.built[row.release].sales[row.sale_date]
            for row in self.pointer
            if row.table == "sales" and row.sale_date is not None
        }


class Publishers(RuleBasedStateMachine):
    """Deliveries, openings, publications, repeats and rollbacks in any order."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.lake = ModelLake.empty()
        self.history: list[Pointer] = [Pointer()]

    @rule(
        table=st.sampled_from(CLEAN),
        day=st.sampled_from(DAYS),
        lags=st.frozensets(st.integers(0, LATENESS)),
    )
    def deliver(self, table: str, day: date, lags: frozenset[int]) -> None:
        self.lake.deliver(table, day, lags)

    @rule(target=runs, day=st.sampled_from(DAYS), length=st.integers(1, 3))
    def open(self, day: date, length: int) -> Built:
        return self.lake.open(Window(day, min(day + timedelta(days=length - 1), DAYS[-1])))

    @rule(run=consumes(runs), again=st.booleans())
    def publish(self, run: Built, again: bool) -> None:
        before = self.lake.pointer
        told = ""
        try:
            self.lake.publish(run)
        except SupersededError as error:
            told = str(error)
        after = self.lake.pointer
        if told:  # and told why; nothing changed
            assert run.publication.release in told
            assert after is before
            assert before.rows != run.base.rows
            return
        self.history.append(after)
        # All of it is there, and nobody else's partitions were touched.
        assert set(run.publication.rows) <= set(after.rows)
        for row in set(before.rows) ^ set(after.rows):
            assert run.publication.replaces(row)
        if again:
            self.lake.publish(run)
            assert self.lake.pointer is after

    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        self.lake.pointer = data.draw(st.sampled_from(self.history))

    @invariant()
    def sales_are_built_from_exactly_what_is_published(self) -> None:
        clean: dict[date, set[tuple[str, date, int]]] = {}
        for row in self.lake.pointer:
            if row.is_clean and row.sale_date is not None and row.ingest_date is not None:
                entry = (row.table, row.ingest_date, self.lake.version(row))
                clean.setdefault(row.sale_date, set()).add(entry)
        sales = self.lake.sales()
        assert set(clean) <= set(sales)
        for day, content in sales.items():
            assert content == clean.get(day, set())

    @invariant()
    def an_arrival_is_published_whole_and_from_one_release(self) -> None:
        for table in CLEAN:
            for day in DAYS:
                ledger = [
                    row.release
                    for row in self.lake.pointer
                    if (row.table, row.ingest_date) == ("run_ledger", day)
                ]
                rows = [
                    row for row in self.lake.pointer if (row.table, row.ingest_date) == (table, day)
                ]
                if not ledger:
                    assert rows == []
                    continue
                expected = self.lake.built[ledger[0]].arrivals[table, day][1]
                assert {row.sale_date for row in rows} == expected
                assert {row.release for row in rows} <= set(ledger)

    @invariant()
    def a_mart_is_of_the_release_of_its_sales(self) -> None:
        releases = {row.sale_date: row.release for row in self.lake.pointer if row.table == "sales"}
        for row in self.lake.pointer:
            if row.table == MART:
                assert row.release == releases[row.sale_date]


Publishers.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestPublishers = Publishers.TestCase


@st.composite
def two_windows(draw: st.DrawFn) -> tuple[Window, Window]:
    def window() -> Window:
        first = draw(st.integers(0, 5))
        return Window(DAYS[first], DAYS[draw(st.integers(first, 5))])

    return window(), window()


@settings(deadline=None)
@given(two_windows(), st.data())
def test_of_two_at_once_either_both_fit_or_the_second_is_told(
    windows: tuple[Window, Window], data: st.DataObject
) -> None:
    lake = ModelLake.empty()
    for table in CLEAN:
        for day in DAYS:
            lake.deliver(table, day, data.draw(st.frozensets(st.integers(0, LATENESS))))
    one, two = (lake.open(window) for window in windows)
    lake.publish(one)
    published = lake.pointer
    shared = one.publication.affected_days & two.publication.affected_days
    if shared:
        with pytest.raises(SupersededError, match="Clear the run from open_release"):
            lake.publish(two)
        assert lake.pointer is published
        lake.publish(lake.open(windows[1]))  # run again, it fits
    else:
        lake.publish(two)
    assert set(lake.sales()) >= {*windows[0], *windows[1]}


def test_days_in_any_order_give_the_same_sales() -> None:
    arrivals = {DAYS[0]: {0}, DAYS[1]: {0, 1}, DAYS[2]: {0, 1, 2}, DAYS[3]: {0, 2}}
    seen = []
    for order in permutations(arrivals):
        lake = ModelLake.empty()
        for day, lags in arrivals.items():
            lake.deliver("clean_a", day, frozenset(lags))
        for day in order:
            lake.publish(lake.open(Window(day, day)))
        seen.append(lake.sales())
    assert all(sales == seen[0] for sales in seen)
    assert seen[0][DAYS[1]] == {
        ("clean_a", DAYS[1], 1),
        ("clean_a", DAYS[2], 1),
        ("clean_a", DAYS[3], 1),
    }


def test_a_corrected_file_withdraws_the_business_days_it_no_longer_has() -> None:
    lake = ModelLake.empty()
    lake.deliver("clean_a", DAYS[2], frozenset({0, 2}))
    lake.publish(lake.open(Window(DAYS[2], DAYS[2])))
    lake.deliver("clean_a", DAYS[2], frozenset({0}))
    lake.publish(lake.open(Window(DAYS[2], DAYS[2])))
    assert lake.sales() == {DAYS[2]: {("clean_a", DAYS[2], 2)}, DAYS[0]: frozenset()}
    assert not [row for row in lake.pointer if row.table == MART and row.sale_date == DAYS[0]]
