"""Which days a run is for: parameters, schedule, null logical date, clock changes."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lake.window import Window, WindowError, resolve

ZONE = "Europe/London"
NOW = datetime(2026, 7, 10, 3, 0, tzinfo=UTC)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_parameters_win_over_the_schedule() -> None:
    window = resolve("2026-07-01", "2026-07-03", at(2026, 7, 8), NOW, ZONE)
    assert list(window) == [date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 3)]
    assert date(2026, 7, 2) in window
    assert date(2026, 7, 4) not in window


def test_from_date_alone_is_one_day() -> None:
    assert resolve("2026-07-01", None, None, NOW, ZONE) == Window(
        date(2026, 7, 1), date(2026, 7, 1)
    )


def test_null_logical_date_means_yesterday_in_the_zone() -> None:
    # 23:30 UTC is already the 10th in London's summer, so yesterday is the 9th.
    window = resolve(None, None, None, at(2026, 7, 9, 23, 30), ZONE)
    assert list(window) == [date(2026, 7, 9)]


@pytest.mark.parametrize(
    ("start", "day"),
    [
        (at(2026, 3, 28), date(2026, 3, 28)),
        (at(2026, 3, 29), date(2026, 3, 29)),  # a day of 23 hours begins in winter time
        (at(2026, 3, 29, 23), date(2026, 3, 30)),  # and the next in summer time
        (at(2026, 10, 24, 23), date(2026, 10, 25)),  # a day of 25 hours
        (at(2026, 10, 26), date(2026, 10, 26)),
    ],
)
def test_interval_start_is_a_day_of_the_zone_around_clock_changes(
    start: datetime, day: date
) -> None:
    assert list(resolve(None, None, start, at(2026, 12, 1), ZONE)) == [day]


@given(st.integers(min_value=0, max_value=37 * 365 * 24 * 60))
def test_any_moment_is_one_day_however_its_offset_is_written(minutes: int) -> None:
    moment = at(2000, 1, 1) + timedelta(minutes=minutes)
    (day,) = resolve(None, None, moment, moment + timedelta(days=2), ZONE)
    (same,) = resolve(
        None, None, moment.astimezone(timezone(timedelta(hours=9))), at(2040, 1, 1), ZONE
    )
    assert day == same
    assert abs((datetime.combine(day, datetime.min.time(), UTC) - moment).total_seconds()) < 90000


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-07-03", "2026-07-01", "swap"),
        ("2025-07-01", "2026-07-02", "at most 366"),
        ("2026-07-11", None, "has not come yet"),
        ("2026-07-01", "2026-07-11", "has not come yet"),
        (None, "2026-07-01", "from_date too"),
        ("20260701", None, "from_date: '20260701' is not a date; write YYYY-MM-DD"),
        ("2026-02-30", None, "not a day of the calendar"),
        ("2026-07-01T00:00:00", None, "not a date"),
        ("", None, "not a date"),
        ("2026-07-01'; DROP TABLE x; --", None, "not a date"),
        ("\u0662026-07-01", None, "not a date"),
    ],
)
def test_impossible_parameters_are_refused(first: str | None, last: str | None, words: str) -> None:
    with pytest.raises(WindowError, match=words):
        resolve(first, last, None, NOW, ZONE)


def test_longest_window_and_today_are_allowed() -> None:
    assert len(list(resolve("2025-07-10", "2026-07-10", None, NOW, ZONE))) == 366


def test_naive_moment_is_refused() -> None:
    with pytest.raises(WindowError, match="no time zone"):
        resolve(None, None, datetime(2026, 7, 1), NOW, ZONE)  # noqa: DTZ001 - the point of the test
