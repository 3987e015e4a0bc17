from datetime import UTC, datetime

import pytest

from include.lake.datetime_patterns import ISO_DATE, ISO_TIMESTAMP, datetime_pattern

DAY = datetime.fromisoformat("2026-07-01")
MORNING = datetime.fromisoformat("2026-07-01T09:05:07")


@pytest.mark.parametrize(
    ("pattern", "text", "moment"),
    [
        (ISO_DATE, "2026-07-01", DAY),
        (ISO_TIMESTAMP, "2026-07-01T09:05:07", MORNING),
        (ISO_TIMESTAMP, "2026-07-01 09:05:07.5", MORNING.replace(microsecond=500_000)),
        (ISO_TIMESTAMP, "2026-07-01T09:05:07Z", MORNING.replace(tzinfo=UTC)),
        (ISO_TIMESTAMP, "2026-07-01T14:35:07+05:30", MORNING.replace(tzinfo=UTC)),
        ("dd/MM/yyyy HH:mm", "01/07/2026 09:05", MORNING.replace(second=0)),
        ("d.M.yy", "1.7.26", DAY),
        ("yyyyMMddHHmmss", "20260701090507", MORNING),
        ("d MMM yyyy", "1 Jul 2026", DAY),
        ("MMMM d, yyyy h:mm:ss a", "July 1, 2026 9:05:07 AM", MORNING),
        ("yyyy-MM-dd hh:mm a", "2026-07-01 12:00 AM", DAY),
        ("yyyy-MM-dd hh:mm a", "2026-07-01 12:30 PM", DAY.replace(hour=12, minute=30)),
        ("yyyy-MM-dd HH:mmx", "2026-07-01 11:05+02", datetime(2026, 7, 1, 9, 5, tzinfo=UTC)),
        ("yyyy-MM-dd HH:mmXX", "2026-07-01 07:05-0200", datetime(2026, 7, 1, 9, 5, tzinfo=UTC)),
        ("yyyy 'o''clock' MM.dd", "2026 o'clock 07.01", DAY),
        ("yyyy-MM-dd''HH", "2026-07-01'09", DAY.replace(hour=9)),
    ],
)
def test_a_text_is_read_as_the_pattern_says(pattern: str, text: str, moment: datetime) -> None:
    assert datetime_pattern(pattern).moment(text) == moment


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (ISO_DATE, "2026-02-30"),
        (ISO_DATE, "2026-13-01"),
        (ISO_DATE, "0000-01-01"),
        (ISO_DATE, "12026-01-01"),
        (ISO_DATE, "2026-7-1"),
        (ISO_DATE, " 2026-07-01"),
        (ISO_DATE, "2026-07-01\n"),
        (ISO_DATE, "\u0662026-07-01"),
        (ISO_TIMESTAMP, "2026-07-01T24:00:00"),
        (ISO_TIMESTAMP, "2026-07-01T09:05:60"),
        (ISO_TIMESTAMP, "2026-07-01T09:05:07.1234567"),
        (ISO_TIMESTAMP, "2026-07-01T09:05:07+25:00"),
        (ISO_TIMESTAMP, "2026-07-01T09:05:07+05:75"),
        (ISO_TIMESTAMP, "0001-01-01T00:00:00+14:00"),
        ("dd/MM/yyyy HH:mm", "07/13/2026 09:05"),
        ("yyyy-MM-dd hh:mm a", "2026-07-01 13:00 PM"),
        ("yyyy-MM-dd hh:mm a", "2026-07-01 00:00 AM"),
        ("d MMM yyyy", "1 Juli 2026"),
    ],
)
def test_what_is_not_written_so_or_no_date_is_none(pattern: str, text: str) -> None:
    assert datetime_pattern(pattern).moment(text) is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("yyyy-MM-dd z", "has z, which is not read here"),
        ("yyyyy-MM-dd", "has yyyyy"),
        ("EEE yyyy-MM-dd", "has EEE"),
        ("yyyy-MM-ddTHH", "has T"),
        ("yyyy-MM", "lacks day"),
        ("HH:mm", "lacks day, month, year"),
        ("yyyy-MM-dd hh:mm", "has h without a"),
        ("yyyy-MM-dd HH a", "has h without a, or a without h"),
        ("yyyy-MM-dd dd", "has a part twice"),
        ("yyyy-MM-dd[ HH", "brackets that do not close"),
        ("yyyy-MM-dd] HH", "brackets that do not close"),
    ],
)
def test_a_pattern_that_nobody_could_read_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        datetime_pattern(pattern)
