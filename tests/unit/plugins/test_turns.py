"""Runs take turns: one has the lease, the others wait, a lost lease runs out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.module_loading import import_string

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.lease import Lease
from retail_lake.operators.turns import GiveTurnOperator, TakeTurnOperator
from tests.unit.plugins.conftest import complete, first_event

HOUR = timedelta(hours=1)


@pytest.fixture
def lease(bucket: str) -> Lease:
    return Lease(DocumentsHook(), f"s3://{bucket}/ops/turn.json")


def take(lease: Lease, lasts: timedelta = HOUR) -> TakeTurnOperator:
    return TakeTurnOperator(task_id="take", lease=lease.uri, lasts=lasts, poll_interval=0.05)


def test_one_has_the_turn_until_it_is_given_back(lease: Lease, context: Any) -> None:
    assert complete(take(lease), context) == {"holder": "daily/manual__1"}
    held = lease.held()
    assert held is not None
    assert held.holder == "daily/manual__1"
    assert HOUR - timedelta(minutes=1) < held.until - datetime.now(UTC) <= HOUR
    assert lease.take("another", HOUR) == held

    assert complete(take(lease), context) == {"holder": "daily/manual__1"}  # cleared: still its own
    GiveTurnOperator(task_id="give", lease=lease.uri).execute(context)
    assert lease.held() is None
    assert lease.take("another", HOUR) is None


def test_waits_deferred_until_the_other_is_done(lease: Lease, context: Any) -> None:
    assert lease.take("another", HOUR) is None
    with pytest.raises(TaskDeferred) as caught:
        take(lease).execute(context)
    classpath, arguments = caught.value.trigger.serialize()
    trigger = import_string(classpath)(**arguments)

    async def wait() -> Any:
        waiting = asyncio.create_task(first_event(trigger))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert await asyncio.to_thread(lease.give_back, "another")
        return await asyncio.wait_for(waiting, 20)

    event = asyncio.run(wait())
    taken = take(lease).execute_complete(context, event.payload)
    assert taken == {"holder": "daily/manual__1"}


def test_a_turn_that_nobody_gave_back_runs_out(lease: Lease, context: Any) -> None:
    assert lease.take("crashed", timedelta(seconds=1)) is None
    assert complete(take(lease), context) == {"holder": "daily/manual__1"}
    # The one that comes back late gives nothing away that is not its own.
    assert not lease.give_back("crashed")
    held = lease.held()
    assert held is not None
    assert held.holder == "daily/manual__1"


def test_of_many_at_once_one_takes_it(lease: Lease) -> None:
    async def all_at_once() -> list[Any]:
        tries = [asyncio.to_thread(lease.take, f"run {n}", HOUR) for n in range(12)]
        return await asyncio.gather(*tries)

    lease.hook.client  # noqa: B018 - made before the threads share it
    outcomes = asyncio.run(all_at_once())
    assert outcomes.count(None) == 1
    held = lease.held()
    assert held is not None
    assert outcomes[int(held.holder.removeprefix("run "))] is None
