"""Versions of the pointer: which are kept, which one is meant, what differs between two."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lake.history import UnknownVersionError, Version, changes, choose, kept
from include.lake.releases import Pointer, PointerRow

NOW = datetime(2026, 7, 31, 12, tzinfo=UTC)
RELEASES = [f"r20260701_{number:012x}" for number in range(3)]


def version(number: int, days_ago: float, state: int | None = None) -> Version:
    return Version(number, f"s3://b/{state or number}/", NOW - timedelta(days=days_ago), "r")


@st.composite
def histories(draw: st.DrawFn) -> list[Version]:
    """Versions as they come about: numbers and times grow, states may come back."""
    gaps = draw(st.lists(st.floats(0, 20), min_size=1, max_size=20))
    age = sum(gaps)
    found = []
    for number, gap in enumerate(gaps):
        found.append(version(number, age, draw(st.integers(1, 8))))
        age -= gap
    return found


@given(histories(), st.integers(2, 60), st.integers(1, 12))
def test_what_was_shown_lately_and_the_last_states_are_kept(
    found: list[Version], days: int, count: int
) -> None:
    result = kept(found, NOW, days, count)
    assert found[-1] in result
    assert list(result) == [each for each in found if each in result], "oldest first"
    locations = {each.location for each in result}
    assert len(locations) >= min(count, len({each.location for each in found}))
    for each, after in pairwise(found):
        if after.since >= NOW - timedelta(days=days):
            assert each in result, "a reader may have begun with it"
        elif each not in result:
            assert len(locations) >= count, "given up although too few would be left"


def test_an_old_state_that_was_superseded_lately_is_kept() -> None:
    found = [version(1, 90), version(2, 60), version(3, 2), version(4, 1)]
    assert [each.number for each in kept(found, NOW, 30, 1)] == [2, 3, 4]


def test_touching_the_pointer_does_not_use_up_the_states_to_keep() -> None:
    found = [version(1, 90), version(2, 80), *(version(n, 70 - n, 3) for n in range(3, 9))]
    assert [each.number for each in kept(found, NOW, 30, 2)] == [2, 3, 4, 5, 6, 7, 8]


def test_choosing() -> None:
    found = [version(0, 9), version(1, 8), version(2, 7, 9), version(3, 6, 9)]
    assert choose(found, "").number == 1, "the touched state is the current one, not the last"
    assert choose(found, " 0 ").number == 0
    assert choose(found, "3").number == 3
    with pytest.raises(UnknownVersionError, match=r"no version '7'.* 0 \(r\), 1 \(r\), 2 \(r\)"):
        choose(found, "7")
    with pytest.raises(UnknownVersionError, match=r"no state before the current one.* 0 \(noth"):
        choose([Version(0, "s3://b/empty/", NOW)], "")


def test_back_and_forth() -> None:
    """After 2 → 1 (as version 3) the state before the current one is version 2's."""
    found = [version(1, 9, 1), version(2, 8, 2), version(3, 7, 1)]
    assert choose(found, "").number == 2


def test_changes_by_table() -> None:
    def row(table: str, day: int, release: int) -> PointerRow:
        return PointerRow(table, None, date(2026, 7, day), RELEASES[release])

    ledger = PointerRow("run_ledger", date(2026, 7, 3), None, RELEASES[1])
    before = Pointer((row("sales", 1, 0), row("sales", 2, 0), row("daily_sales", 1, 0)))
    after = Pointer((row("sales", 1, 1), row("sales", 3, 1), row("daily_sales", 1, 0), ledger))
    found = changes(before, after)
    assert {table: str(change) for table, change in found.items()} == {
        "run_ledger": "1 day 2026-07-03",
        "sales": "3 days 2026-07-01..2026-07-03",
    }
    assert changes(after, before) == found
    assert changes(after, after) == {}
