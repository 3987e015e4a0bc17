"""What AWS throttles, drops or answers into the void is done once: no second job, query or move."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import HTTPClientError

from retail_lake.hooks.catalog import CatalogHook, SupersededError
from retail_lake.operators.athena import ReleaseAthenaOperator
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.databases.proxies import Fault, FaultyS3
from tests.unit.plugins.test_glue_job import RELEASE, Job, job, until
from tests.unit.plugins.world import DAY, World, release

__all__ = ["job"]  # a fixture

SOMEBODY_ELSE = {"--mode": "sleep", "--run_token": "somebody else's"}


@pytest.fixture
def lossy(front: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """What the operators reach Glue through; it may lose answers."""
    with FaultyS3(front).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", proxy.url)
        yield proxy


def lose_next(lossy: FaultyS3, caller: Any, method: str) -> None:
    """Let the answer to the method's first call be lost, not those before it."""
    original = getattr(caller, method)

    def then_lose(*arguments: Any) -> Any:
        lossy.faults = lossy.faults or [Fault("^POST", "lost", 1)]
        return original(*arguments)

    setattr(caller, method, then_lose)


@pytest.mark.parametrize("kind", ["throttle", "drop"])
def test_a_publication_waits_and_is_one(
    world: World, fault: Callable[..., None], kind: str
) -> None:
    operator = world.publisher(release(1), world.location())
    before = int(CatalogHook().table(*world.pointer)["VersionId"])
    for action in ("GetTable", "BatchCreatePartition", "UpdateTable"):
        fault(kind=kind, service="glue", action=action, times=2)
    assert operator.execute(world.context)["changed"]
    assert int(CatalogHook().table(*world.pointer)["VersionId"]) == before + 1
    assert world.published()["daily_sales", DAY] == release(1)


@pytest.mark.parametrize("kind", ["throttle", "drop"])
def test_a_job_is_started_once(
    job: Job, context: Any, fault: Callable[..., None], kind: str
) -> None:
    for action in ("GetJobRuns", "StartJobRun", "GetJobRun", "BatchCreatePartition"):
        fault(kind=kind, service="glue", action=action, times=2)
    complete(job.operator("write"), context)
    assert [run["JobRunState"] for run in job.runs()] == ["SUCCEEDED"]
    assert job.partitions() == [["2025-03-01", RELEASE]]


@pytest.mark.parametrize("kind", ["throttle", "drop"])
def test_a_query_is_started_once(
    workgroup: str,
    database: str,
    context: Any,
    client: Callable[[str], Any],
    fault: Callable[..., None],
    kind: str,
) -> None:
    for action in ("StartQueryExecution", "GetQueryExecution"):
        fault(kind=kind, service="athena", action=action, times=2)
    operator = ReleaseAthenaOperator(
        task_id="build", query="SELECT 1", database=database, workgroup=workgroup
    )
    result = complete(operator, context)
    listed = client("athena").list_query_executions(WorkGroup=workgroup)["QueryExecutionIds"]
    assert listed == [result["query_execution_id"]]


@pytest.mark.parametrize("ended", [False, True], ids=["runs", "has_ended"])
def test_a_start_whose_answer_is_lost_is_the_run_that_is_waited_for(
    job: Job, context: Any, lossy: FaultyS3, ended: bool
) -> None:
    """It is known by its token, and not started again, also where it was done before we looked."""
    operator = job.operator("write")
    lose_next(lossy, operator, "_start_once")
    if ended:
        look = operator._recent_runs

        def look_late() -> Any:
            for run in job.runs():
                until(job, run["Id"], "SUCCEEDED")
            return look()

        operator._recent_runs = look_late  # type: ignore[method-assign]
    result = complete(operator, context)
    assert [fault.done for fault in lossy.faults] == [1]
    (run,) = job.runs()
    assert run["Id"] == result["job_run_id"]
    assert job.partitions() == [["2025-03-01", RELEASE]]


def test_a_job_that_runs_for_somebody_else_is_started_after_that_and_once(
    job: Job, context: Any
) -> None:
    """ConcurrentRunsExceeded is waited for by the task's retries, whose pauses grow."""
    other = job.glue.start_job_run(JobName=job.name, Arguments=SOMEBODY_ELSE)["JobRunId"]
    with pytest.raises(AirflowException, match="already running for somebody else"):
        job.operator("write").execute(context)
    job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[other])
    until(job, other, "STOPPED")
    context["ti"].try_number = 2
    complete(job.operator("write"), context)
    assert [run["JobRunState"] for run in job.runs()] == ["SUCCEEDED", "STOPPED"]


def test_a_publication_whose_answer_is_lost_is_one_and_is_told(
    world: World, lossy: FaultyS3
) -> None:
    """The client repeats the call and is refused; the pointer says that it was us."""
    operator = world.publisher(release(1), world.location())
    before = int(CatalogHook().table(*world.pointer)["VersionId"])
    lose_next(lossy, operator.hook, "move")
    assert operator.execute(world.context)["changed"]
    assert [fault.done for fault in lossy.faults] == [1]
    assert int(CatalogHook().table(*world.pointer)["VersionId"]) == before + 1
    assert world.published()["daily_sales", DAY] == release(1)


@pytest.mark.parametrize(("kind", "moved"), [("lost", True), ("reset", False)])
def test_a_client_that_gives_up_on_a_move_looks_what_became_of_it(
    world: World, lossy: FaultyS3, kind: str, moved: bool
) -> None:
    hook = CatalogHook(config={"retries": {"total_max_attempts": 1}})
    table = hook.table(*world.pointer)
    lossy.faults = [Fault("^POST", kind, 1)]
    with nullcontext() if moved else pytest.raises(HTTPClientError):
        hook.move(table, f"s3://{world.bucket}/elsewhere/")
    after = hook.table(*world.pointer)
    assert (after["VersionId"] != table["VersionId"]) == moved
    assert (world.location() == f"s3://{world.bucket}/elsewhere/") == moved


def test_a_move_that_somebody_else_made_is_theirs(world: World, lossy: FaultyS3) -> None:
    """Superseded stays superseded, even where the other one went to the same place."""
    hook = CatalogHook()
    table = hook.table(*world.pointer)
    elsewhere = f"s3://{world.bucket}/elsewhere/"
    hook.move(table, elsewhere, {"release": release(2)})
    with pytest.raises(SupersededError):
        hook.move(table, elsewhere, {"release": release(1)})
