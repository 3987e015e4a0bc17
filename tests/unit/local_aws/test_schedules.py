"""Cron expressions of Glue."""

from datetime import UTC, datetime, timedelta

import pytest

from include.local_aws.front.context import AwsError
from include.local_aws.schedules import parse


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("cron(0 2 * * ? *)", "2026-11-21 02:00"),
        ("cron(15 12 * * ? *)", "2026-11-20 12:15"),
        ("cron(0/15 * * * ? *)", "2026-11-20 10:45"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-20 18:00"),
        ("cron(0 18 ? * SUN *)", "2026-11-22 18:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01 08:00"),
        ("cron(30 10,22 ? * 7 *)", "2026-11-21 10:30"),
        ("cron(5 0 25-31 DEC ? 2026-2027)", "2026-12-25 00:05"),
    ],
)
def test_when_a_schedule_is_due_next(text: str, first: str) -> None:
    schedule, moment = parse(text), datetime(2026, 11, 20, 10, 31, tzinfo=UTC)  # a Friday
    while not schedule.due(moment):
        moment += timedelta(minutes=1)
    assert moment.strftime("%Y-%m-%d %H:%M") == first


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 2 * * ? *",
        "cron(0 2 * * ?)",
        "cron(0 2 * * * *)",
        "cron(0 2 ? * ? *)",
        "cron(60 2 * * ? *)",
        "cron(0 2 L * ? *)",
        "cron(0 2 ? * 2#1 *)",
        "cron(0/0 2 * * ? *)",
        "cron(x 2 * * ? *)",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(AwsError, match="InvalidInputException: the schedule"):
        parse(text)
