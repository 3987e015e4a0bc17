"""Glue runs that really run: one result per chain of attempts, and no false success."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from retail_lake.operators.glue_job import ReleaseGlueJobOperator
from retail_lake.operators.own_glue_run import OwnGlueRunOperator
from tests.unit.plugins.conftest import complete

RELEASE = "r20250301_0123456789ab"
# Writes one partition below its run token and, last, the manifest; --mode makes it misbehave.
SCRIPT = """
import json, os, resource, signal, sys, time
import boto3

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
mode, token = given["--mode"], given["--run_token"]
if mode == "fail":
    raise SystemExit("no column CustomerID in orders.csv")
if mode == "sleep":
    time.sleep(120)
bucket, release = given["--bucket"], given["--release"]
s3 = boto3.client("s3")
if mode in ("kill", "fill the disk", "use all memory"):  # the first time only
    try:
        s3.put_object(Bucket=bucket, Key="broken", IfNoneMatch="*")
    except s3.exceptions.ClientError:
        mode = "write"
if mode == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "fill the disk":
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    with open("spilled", "wb") as file:
        file.write(bytes(1_000_000))
if mode == "use all memory":
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    bytearray(2**31)
location = f"s3://{bucket}/silver/release={release}/run={token}/sale_date=2025-03-01/"
table = {
    "database": given["--database"],
    "table": "sales",
    "partitions": [{"values": ["2025-03-01", release], "location": location, "rows": 1}],
}
document = {"release": release, "run_token": token, "tables": [table]}
if mode != "silent":
    s3.put_object(Bucket=bucket, Key=f"ops/{release}/{token}.json", Body=json.dumps(document))
"""


class Layout:
    """Keys like the lake's."""

    def silver_manifest_key(self, release: str, run_token: str) -> str:
        return f"ops/{release}/{run_token}.json"


@dataclass
class Job:
    """A job, where it writes, and how to make an operator for it."""

    name: str
    bucket: str
    database: str
    glue: Any

    def operator(self, mode: str) -> ReleaseGlueJobOperator:
        return ReleaseGlueJobOperator(
            task_id="load",
            job_name=self.name,
            release=RELEASE,
            script_args={
                "--mode": mode,
                "--bucket": self.bucket,
                "--database": self.database,
                "--release": RELEASE,
            },
            bucket=self.bucket,
            layout=Layout(),
            waiter_delay=1,
        )

    def runs(self) -> list[dict[str, Any]]:
        return list(self.glue.get_job_runs(JobName=self.name)["JobRuns"])

    def partitions(self) -> list[list[str]]:
        found = self.glue.get_partitions(DatabaseName=self.database, TableName="sales")
        return [item["Values"] for item in found["Partitions"]]


@pytest.fixture
def job(database: str, bucket: str, client: Callable[[str], Any]) -> Job:
    """A fresh job that runs SCRIPT, and the table it fills."""
    client("s3").put_object(Bucket=bucket, Key="jobs/script.py", Body=SCRIPT.encode())
    name = f"job-{uuid.uuid4().hex[:8]}"
    client("glue").create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/job",
        GlueVersion="5.1",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        ExecutionProperty={"MaxConcurrentRuns": 1},
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/jobs/script.py"},
    )
    client("glue").create_table(
        DatabaseName=database,
        TableInput={
            "Name": "sales",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [
                {"Name": "sale_date", "Type": "date"},
                {"Name": "release", "Type": "string"},
            ],
            "StorageDescriptor": {
                "Columns": [{"Name": "revenue", "Type": "bigint"}],
                "Location": f"s3://{bucket}/silver/",
                "SerdeInfo": {"SerializationLibrary": "parquet"},
            },
        },
    )
    return Job(name, bucket, database, client("glue"))


def start(operator: OwnGlueRunOperator, context: dict[str, Any]) -> str:
    """Execute until it waits; return the run it waits for. The worker is then lost."""
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    return str(deferred.value.trigger.run_id)


def until(job: Any, run_id: str, *states: str) -> None:
    """Wait until the run is in one of the states."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run = job.glue.get_job_run(JobName=job.name, RunId=run_id)["JobRun"]
        if run["JobRunState"] in states:
            return
        time.sleep(0.2)
    raise AssertionError(f"{run_id} is {run['JobRunState']}: {run.get('ErrorMessage')}")


def test_success_is_the_manifest_and_its_partitions(job: Job, context: Any) -> None:
    result = complete(job.operator("write"), context)
    assert job.partitions() == [["2025-03-01", RELEASE]]
    assert result["partitions"] == 1
    assert result["manifest"] == f"s3://{job.bucket}/ops/{RELEASE}/{result['run_token']}.json"
    (run,) = job.runs()
    assert run["Arguments"]["--run_token"] == result["run_token"]
    assert run["Id"] == result["job_run_id"]


def test_success_without_a_manifest_is_a_failure(job: Job, context: Any) -> None:
    with pytest.raises(AirflowException, match="says SUCCEEDED but did not write its manifest"):
        complete(job.operator("silent"), context)
    assert job.partitions() == []


def test_failure_has_the_words_of_the_job(job: Job, context: Any) -> None:
    with pytest.raises(AirflowException, match=r"ended FAILED: .*no column CustomerID"):
        complete(job.operator("fail"), context)


def test_a_stopped_run_is_a_failure(job: Job, context: Any) -> None:
    operator = job.operator("sleep")
    run_id = start(operator, context)
    until(job, run_id, "RUNNING")
    job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[run_id])
    until(job, run_id, "STOPPED")
    with pytest.raises(AirflowException, match=f"run {run_id} ended STOPPED"):
        operator.execute_complete(context, {"status": "success", "run_id": run_id})


def test_a_retry_takes_over_the_run_of_a_lost_worker(job: Job, context: Any) -> None:
    run_id = start(job.operator("sleep"), context)
    context["ti"].try_number = 2
    try:
        assert start(job.operator("sleep"), context) == run_id
        assert len(job.runs()) == 1
    finally:
        job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[run_id])


def test_a_retry_takes_over_a_run_that_has_succeeded_meanwhile(job: Job, context: Any) -> None:
    run_id = start(job.operator("write"), context)
    until(job, run_id, "SUCCEEDED")
    context["ti"].try_number = 2
    assert complete(job.operator("write"), context)["job_run_id"] == run_id
    assert len(job.runs()) == 1
    assert job.partitions() == [["2025-03-01", RELEASE]]


def test_a_retry_after_a_failure_is_a_run_of_its_own(job: Job, context: Any) -> None:
    with pytest.raises(AirflowException):
        complete(job.operator("fail"), context)
    context["ti"].try_number = 2
    with pytest.raises(AirflowException):
        complete(job.operator("fail"), context)
    tokens = {run["Arguments"]["--run_token"] for run in job.runs()}
    assert len(tokens) == 2


@pytest.mark.parametrize(
    ("mode", "cause"),
    [
        ("kill", "SIGKILL"),
        ("fill the disk", r"OSError.*File too large"),
        ("use all memory", "MemoryError"),
    ],
)
def test_a_job_that_is_killed_or_has_no_room_fails_and_the_retry_gives_one_result(
    job: Job, context: Any, mode: str, cause: str
) -> None:
    with pytest.raises(AirflowException, match=f"ended FAILED: .*{cause}"):
        complete(job.operator(mode), context)
    assert job.partitions() == []
    context["ti"].try_number = 2
    result = complete(job.operator(mode), context)
    assert [run["JobRunState"] for run in job.runs()] == ["SUCCEEDED", "FAILED"]
    assert job.runs()[0]["Arguments"]["--run_token"] == result["run_token"]
    assert job.partitions() == [["2025-03-01", RELEASE]]


def test_clear_really_runs_again(job: Job, context: Any) -> None:
    first = complete(job.operator("write"), context)
    context["ti"].try_number, context["ti"].max_tries = 2, 3  # as Airflow sets them on a clear
    second = start(job.operator("write"), context)
    assert second != first["job_run_id"]
    until(job, second, "SUCCEEDED")


def test_clear_stops_a_run_that_is_still_active(job: Job, context: Any) -> None:
    first = start(job.operator("sleep"), context)
    until(job, first, "RUNNING")
    context["ti"].try_number, context["ti"].max_tries = 2, 3
    second = start(job.operator("sleep"), context)
    try:
        assert second != first
        until(job, first, "STOPPED")
    finally:
        job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[second])


def test_another_runs_job_is_not_taken_over(job: Job, context: Any) -> None:
    first = start(job.operator("sleep"), context)
    context["ti"].run_id = "manual__2"
    try:
        with pytest.raises(AirflowException, match="already running for somebody else"):
            job.operator("sleep").execute(context)
    finally:
        job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[first])


def test_a_job_that_is_not_there_is_not_created(front: str, context: Any) -> None:
    missing = Job("no-such-job", "b", "d", None)
    with pytest.raises(Exception, match="EntityNotFound"):
        missing.operator("write").execute(context)


def test_the_wait_is_longer_than_75_minutes(job: Job, context: Any) -> None:
    operator = job.operator("write")
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    trigger = deferred.value.trigger
    assert trigger.waiter_delay * trigger.attempts > 75 * 60
    assert deferred.value.timeout.total_seconds() > trigger.waiter_delay * trigger.attempts
    assert json.dumps(trigger.serialize()[1])
