"""A crawl is believed only if it is our own."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from retail_lake.operators.crawler import ReleaseCrawlerOperator
from retail_lake.triggers.crawler import is_finished
from tests.unit.plugins.conftest import complete


@pytest.fixture
def crawler(database: str, bucket: str, client: Callable[[str], Any]) -> str:
    """A crawler of bronze/ in the fresh bucket."""
    client("glue").create_crawler(
        Name=database,
        Role="arn:aws:iam::000000000000:role/crawler",
        DatabaseName=database,
        Targets={"S3Targets": [{"Path": f"s3://{bucket}/bronze/"}]},
        Configuration='{"Version": 1.0, "Grouping": {"TableLevelConfiguration": 3}}',
    )
    return database


def put(client: Callable[[str], Any], bucket: str, day: str) -> None:
    """Deliver a day of orders."""
    client("s3").put_object(
        Bucket=bucket,
        Key=f"bronze/orders/ingest_date={day}/orders.jsonl",
        Body=b'{"id": 1, "amount": 2.5}\n',
    )


def operator(crawler: str, patience: int = 10) -> ReleaseCrawlerOperator:
    """Make the operator."""
    return ReleaseCrawlerOperator(
        task_id="crawl", crawler=crawler, poll_interval=1, patience=timedelta(seconds=patience)
    )


@pytest.mark.parametrize("patience", [0, 30])
def test_finds_what_was_there_before_it_began(
    crawler: str, bucket: str, client: Callable[[str], Any], context: Any, patience: int
) -> None:
    for day in ("2025-01-01", "2025-01-02"):
        put(client, bucket, day)
        result = complete(operator(crawler, patience), context)
        assert result["status"] == "SUCCEEDED"
        found = client("glue").get_partitions(DatabaseName=crawler, TableName="orders")
        assert day in {item["Values"][0] for item in found["Partitions"]}


def test_waits_for_a_running_crawl_and_then_makes_its_own(
    crawler: str, bucket: str, client: Callable[[str], Any], context: Any
) -> None:
    put(client, bucket, "2025-01-01")
    client("glue").start_crawler(Name=crawler)
    result = complete(operator(crawler), context)
    crawls = client("glue").get_crawler(Name=crawler)["Crawler"]
    assert result["status"] == "SUCCEEDED"
    assert crawls["LastCrawl"]["StartTime"].isoformat() == result["started"]


def test_creates_and_changes_no_crawler(front: str, context: Any) -> None:
    with pytest.raises(Exception, match="EntityNotFound"):
        operator("no-such-crawler").execute(context)


@pytest.mark.parametrize("patience", [0, 30])
def test_a_failed_crawl_fails_with_its_message_and_the_retry_crawls_again(
    crawler: str, bucket: str, client: Callable[[str], Any], context: Any, patience: int
) -> None:
    put(client, bucket, "2025-01-01")
    target = {"Path": f"s3://{bucket}-that-is-not-there/bronze/"}
    client("glue").update_crawler(Name=crawler, Targets={"S3Targets": [target]})
    with pytest.raises(AirflowException, match=r"ended FAILED: .*NoSuchBucket"):
        complete(operator(crawler, patience), context)
    target = {"Path": f"s3://{bucket}/bronze/"}
    client("glue").update_crawler(Name=crawler, Targets={"S3Targets": [target]})
    assert complete(operator(crawler, patience), context)["status"] == "SUCCEEDED"
    found = client("glue").get_partitions(DatabaseName=crawler, TableName="orders")
    assert [item["Values"] for item in found["Partitions"]] == [["2025-01-01"]]


@pytest.mark.parametrize(
    ("state", "started", "after", "finished"),
    [
        ("READY", "2", "1", True),
        ("READY", "1", "1", False),  # the result of an earlier crawl
        ("READY", "", "", False),  # never crawled
        ("READY", "1", "", True),
        ("RUNNING", "2", "1", False),
        ("STOPPING", "2", "1", False),
        ("READY", "1", None, True),
    ],
)
def test_an_old_result_is_no_result(
    state: str, started: str, after: str | None, finished: bool
) -> None:
    crawl = {"state": state, "started": started, "status": "SUCCEEDED", "error": ""}
    assert is_finished(crawl, after) is finished


def test_time_is_bounded(crawler: str) -> None:
    begun = time.monotonic()
    with pytest.raises(AirflowException, match="has not finished our crawl"):
        operator(crawler).execute_complete({}, {"event": "timeout", "state": "RUNNING"})
    assert time.monotonic() - begun < 5
