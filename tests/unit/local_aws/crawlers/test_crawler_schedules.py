"""Crawlers start by themselves when their schedule says so; the clock is set by the test."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.local_aws import schedules
from include.local_aws.crawlers import scheduling

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, datetime]:
    """What time it is: to be set."""
    now = {"at": NOON - timedelta(hours=1)}
    fake = type("Clock", (datetime,), {"now": classmethod(lambda _, zone: now["at"])})
    monkeypatch.setattr(schedules, "datetime", fake)
    monkeypatch.setattr(scheduling, "TICK_SECONDS", 0.02)
    return now


@pytest.fixture
def crawler(clock: dict[str, datetime], glue: Any, s3: Any, bucket: str, unique: str) -> str:
    """A crawler of one file, due every day at noon; its name."""
    s3.put_object(Bucket=bucket, Key="in/a.json", Body=b'{"id": 1}')
    glue.create_database(DatabaseInput={"Name": unique})
    glue.create_crawler(
        Name=unique,
        Role="role",
        DatabaseName=unique,
        Targets={"S3Targets": [{"Path": f"s3://{bucket}/in/"}]},
        Schedule="cron(0 12 * * ? *)",
    )
    return unique


def crawls(glue: Any, crawler: str, count: int) -> None:
    """Wait until the crawler has crawled so often; then it has not crawled once more."""
    deadline = time.monotonic() + 60

    def ended() -> list[Any]:
        found = glue.list_crawls(CrawlerName=crawler)["Crawls"]
        return [crawl for crawl in found if crawl["State"] == "COMPLETED"]

    while len(ended()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    assert len(glue.list_crawls(CrawlerName=crawler)["Crawls"]) == count


def test_a_crawler_starts_at_its_minute_and_not_when_its_schedule_is_stopped(
    glue: Any, crawler: str, clock: dict[str, datetime]
) -> None:
    shown = glue.get_crawler(Name=crawler)["Crawler"]["Schedule"]
    assert shown == {"ScheduleExpression": "cron(0 12 * * ? *)", "State": "SCHEDULED"}
    crawls(glue, crawler, 0)
    clock["at"] = NOON + timedelta(seconds=59)
    crawls(glue, crawler, 1)
    clock["at"] = NOON + timedelta(minutes=1)
    crawls(glue, crawler, 1)
    glue.stop_crawler_schedule(CrawlerName=crawler)
    with pytest.raises(glue.exceptions.SchedulerNotRunningException):
        glue.stop_crawler_schedule(CrawlerName=crawler)
    assert glue.get_crawler(Name=crawler)["Crawler"]["Schedule"]["State"] == "NOT_SCHEDULED"
    clock["at"] = NOON + timedelta(days=1)
    crawls(glue, crawler, 1)
    glue.start_crawler_schedule(CrawlerName=crawler)
    with pytest.raises(glue.exceptions.SchedulerRunningException):
        glue.start_crawler_schedule(CrawlerName=crawler)
    glue.update_crawler_schedule(CrawlerName=crawler, Schedule="cron(30 12 * * ? *)")
    clock["at"] = NOON + timedelta(days=1, minutes=30)
    crawls(glue, crawler, 2)


def test_schedules_that_are_none(glue: Any, crawler: str, unique: str) -> None:
    invalid = glue.exceptions.InvalidInputException
    with pytest.raises(invalid):
        glue.update_crawler_schedule(CrawlerName=crawler, Schedule="noon")
    with pytest.raises(invalid):
        glue.update_crawler(Name=crawler, Schedule="cron(0 25 * * ? *)")
    glue.update_crawler_schedule(CrawlerName=crawler, Schedule="")
    assert "ScheduleExpression" not in glue.get_crawler(Name=crawler)["Crawler"].get("Schedule", {})
    with pytest.raises(glue.exceptions.NoScheduleException):
        glue.start_crawler_schedule(CrawlerName=crawler)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.start_crawler_schedule(CrawlerName=f"{unique}-none")
