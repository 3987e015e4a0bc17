"""A triggerer that is restarted runs its triggers anew: whoever waited gets the one answer."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.module_loading import import_string

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.lease import Lease
from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.operators.crawler import ReleaseCrawlerOperator
from retail_lake.operators.turns import TakeTurnOperator
from retail_lake.sensors.delivery import DeliverySensor
from tests.unit.plugins.conftest import first_event

LONGEST = timedelta(minutes=75)  # the provider gives up then, whatever goes on in AWS


def deferral(operator: Any, context: Any) -> TaskDeferred:
    """Execute until it waits."""
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


def restarted(deferred: TaskDeferred, meanwhile: Callable[[], Any]) -> Any:
    """Run the trigger, lose it with its triggerer, run it anew from the database; its event."""
    stored = json.loads(json.dumps(deferred.trigger.serialize()))

    def trigger() -> Any:
        classpath, arguments = stored
        return import_string(classpath)(**arguments)

    async def begin_and_be_lost() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first_event(trigger()), 1)

    asyncio.run(begin_and_be_lost())
    meanwhile()
    return asyncio.run(first_event(trigger())).payload


def test_a_delivery_that_comes_after_the_restart_is_seen(
    bucket: str, client: Callable[[str], Any], context: Any
) -> None:
    sensor = DeliverySensor(
        task_id="wait", bucket_key=[f"s3://{bucket}/bronze/_SUCCESS"], poke_interval=0.1
    )
    deferred = deferral(sensor, context)
    assert deferred.timeout is not None
    assert deferred.timeout > LONGEST
    event = restarted(
        deferred, lambda: client("s3").put_object(Bucket=bucket, Key="bronze/_SUCCESS")
    )
    assert event["status"] == "success"
    getattr(sensor, deferred.method_name)(context, event=event)


def test_a_turn_is_taken_after_the_restart(bucket: str, context: Any) -> None:
    lease = Lease(DocumentsHook(), f"s3://{bucket}/ops/turn.json")
    lease.take("another", timedelta(hours=1))
    operator = TakeTurnOperator(task_id="take", lease=lease.uri, poll_interval=0.05)
    deferred = deferral(operator, context)
    assert deferred.timeout is not None
    assert deferred.timeout > LONGEST
    event = restarted(deferred, lambda: lease.give_back("another"))
    assert operator.execute_complete(context, event) == {"holder": "daily/manual__1"}
    held = lease.held()
    assert held is not None
    assert held.holder == "daily/manual__1"


def test_a_turn_that_never_comes_has_an_end(bucket: str) -> None:
    operator = TakeTurnOperator(task_id="take", lease=f"s3://{bucket}/turn.json")
    assert LONGEST < operator.longest_wait < timedelta(hours=20)  # the run's own limit


def test_a_crawl_that_ends_while_nobody_looks_is_believed(
    database: str, bucket: str, client: Callable[[str], Any], context: Any
) -> None:
    glue = client("glue")
    glue.create_crawler(
        Name=database,
        Role="arn:aws:iam::000000000000:role/crawler",
        DatabaseName=database,
        Targets={"S3Targets": [{"Path": f"s3://{bucket}/bronze/"}]},
    )
    operator = ReleaseCrawlerOperator(
        task_id="crawl", crawler=database, poll_interval=1, patience=timedelta(0)
    )
    deferred = deferral(operator, context)
    assert deferred.timeout is not None
    assert deferred.timeout > operator.crawl_timeout
    classpath, arguments = json.loads(json.dumps(deferred.trigger.serialize()))
    while glue.get_crawler(Name=database)["Crawler"]["State"] != "READY":
        pass  # the triggerer is away
    event = asyncio.run(first_event(import_string(classpath)(**arguments))).payload
    assert event["status"] == "SUCCEEDED"
    result = operator.execute_complete(context, event, **(deferred.kwargs or {}))
    assert result["status"] == "SUCCEEDED"


def test_a_query_that_is_waited_for_twice_is_one_execution(
    workgroup: str, database: str, client: Callable[[str], Any], context: Any
) -> None:
    operator = ReleaseAthenaOperator(
        task_id="build",
        query="SELECT count(*) FROM (VALUES 1, 2) AS t (n)",
        database=database,
        workgroup=workgroup,
        patience=timedelta(0),
    )
    operator.sleep_time = 1
    deferred = None
    try:
        operator.execute(context)
    except TaskDeferred as caught:  # else the query was faster than the first look
        deferred = caught
    if deferred is not None:
        assert deferred.timeout is not None
        assert deferred.timeout > operator.query_timeout
        classpath, arguments = json.loads(json.dumps(deferred.trigger.serialize()))
        for _ in range(2):
            event = asyncio.run(first_event(import_string(classpath)(**arguments))).payload
        operator.execute_complete(context, event, **(deferred.kwargs or {}))
    listed = client("athena").list_query_executions(WorkGroup=workgroup)["QueryExecutionIds"]
    assert listed == [operator.query_execution_id]
