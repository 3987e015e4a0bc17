"""A table extracted by the Glue engine: the worker's keys and bytes, and none where it fails."""

import json
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from include.infrastructure import bundle
from include.lake import layout
from include.lake.contracts import Contract, load_lake
from retail_lake.operators.extract import DatabaseToS3ParquetOperator
from retail_lake.operators.glue_extract import GlueExtractOperator
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.databases.tills import Tills, keys, read
from tests.unit.plugins.test_glue_job import start, until

DAYS = ["2025-03-31", "2025-03-29", "2025-03-30"]
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'public.tills'::regclass"
SHIPPED = bundle.ROOT / "include" / "contracts"


@dataclass
class Engines:
    """The two that can extract the table of tills into a bucket."""

    name: str
    bucket: str
    contract: Contract
    glue: Any
    s3: Any

    def worker(self, tills: Tills, days: list[str]) -> DatabaseToS3ParquetOperator:
        """The operator that reads the table by itself."""
        return DatabaseToS3ParquetOperator(
            task_id="extract_tills",
            secret_id=tills.secret_id,
            contract=self.contract,
            days=days,
            time_zone="Europe/London",
            bucket=self.bucket,
            layout=layout,
        )

    def job(self, tills: Tills, days: list[str]) -> GlueExtractOperator:
        """The operator that lets the job read it."""
        return GlueExtractOperator(
            task_id="extract_tills",
            job_name=self.name,
            secret_id=tills.secret_id,
            contract=self.contract,
            days=days,
            bucket=self.bucket,
            layout=layout,
            waiter_delay=1,
        )

    def runs(self) -> list[dict[str, Any]]:
        """The job's runs, the last one first."""
        return list(self.glue.get_job_runs(JobName=self.name)["JobRuns"])

    def bronze(self) -> dict[str, bytes]:
        """What lies in bronze; manifests without when and in which snapshot they were made."""
        found = {}
        for key in keys(self.s3, self.bucket):
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            if "_manifest-" in key:
                manifest = json.loads(body)
                assert manifest.pop("snapshot")
                assert datetime.fromisoformat(manifest.pop("extracted_at")).tzinfo
                body = json.dumps(manifest).encode()
            if key.startswith("bronze/"):
                found[key] = body
        return found

    def empty(self) -> None:
        """Delete everything but the job's files."""
        for key in keys(self.s3, self.bucket):
            if not key.startswith("jobs/"):
                self.s3.delete_object(Bucket=self.bucket, Key=key)


@pytest.fixture
def engines(front: str, bucket: str, client: Callable[[str], Any], tmp_path: Path) -> Engines:
    """The shipped job, with the contract of the tills as the only one among its files."""
    root = tmp_path / "project"
    contracts = root / "include" / "contracts"
    contracts.mkdir(parents=True)
    shutil.copy(SHIPPED / "lake.yaml", contracts)
    shutil.copy(Path(__file__).with_name("tills.yaml"), contracts)
    for folder in ("glue_jobs", "plugins", "include/lake"):
        (root / folder).symlink_to(bundle.ROOT / folder)
    for key, body in bundle.glue_files(root).items():
        client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    name = f"extract-{uuid.uuid4().hex[:8]}"
    client("glue").create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/job",
        GlueVersion="5.1",
        WorkerType="G.1X",
        NumberOfWorkers=2,
        Command={"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/jobs/extract_table.py"},
        DefaultArguments={"--extra-py-files": f"s3://{bucket}/jobs/retail_lake.zip"},
    )
    contract = load_lake(contracts).contract("tills")
    return Engines(name, bucket, contract, client("glue"), client("s3"))


def test_both_engines_give_the_same_keys_and_bytes(
    tills: Tills, engines: Engines, context: Any
) -> None:
    """A range with a day of 23 hours and one without rows."""
    first, last = datetime(2025, 3, 30, tzinfo=UTC), datetime(2025, 3, 30, 22, 59, 59, 999999, UTC)
    text = 'say "hi",\nthen\r\n\\N \\. ünïcode \N{GRINNING FACE} NULL'
    most = Decimal("9999999999999999.99")
    tills.insert(
        ("ÿ", first, text, most, -5, date(9999, 12, 31), True),
        ("Z", last, "", Decimal("-0.01"), 7, first, False),
        ("b", first, None, None, None, None, None),
        ("after", datetime(2025, 3, 30, 23, tzinfo=UTC), "x", Decimal(1), 1, last, False),
    )
    worker, job = engines.worker(tills, DAYS), engines.job(tills, DAYS)
    expected = worker.execute(context)
    written = engines.bronze()
    assert [(each["day"], each["rows"]) for each in expected] == [
        *((DAYS[0], 1), (DAYS[1], 0), (DAYS[2], 3))
    ]
    assert len(written) == 6
    engines.empty()

    assert complete(job, context) == expected
    assert engines.bronze() == written
    told = [each.get_openlineage_facets_on_complete(None) for each in (worker, job)]
    assert told[0] == told[1]
    assert told[1].inputs[0].name.endswith("tills")
    # the summary is all that is left beside bronze
    (run,) = engines.runs()
    summary = layout.extract_summary_key(run["Arguments"]["--run_token"])
    others = {key for key in keys(engines.s3, engines.bucket) if not key.startswith("jobs/")}
    assert others - set(written) == {summary}
    assert "password" not in json.dumps(run, default=str)


def test_a_refused_password_fails_once_and_stays_secret(
    postgres_tills: Tills, engines: Engines, context: Any, client: Callable[[str], Any]
) -> None:
    wrong = {**postgres_tills.secret, "password": "no-longer-valid-81c2"}
    client("secretsmanager").put_secret_value(
        SecretId=postgres_tills.secret_id, SecretString=json.dumps(wrong)
    )
    with pytest.raises(AirflowFailException, match=r"RefusedError: the database refuses"):
        complete(engines.job(postgres_tills, DAYS), context)
    (run,) = engines.runs()
    assert run["JobRunState"] == "FAILED"
    with pytest.raises(AirflowFailException) as by_worker:
        engines.worker(postgres_tills, DAYS).execute(context)
    assert run["ErrorMessage"].endswith(f"RefusedError: {by_worker.value}")
    assert engines.bronze() == {}
    logged = [
        event["message"]
        for stream in ("output", "error")
        for event in client("logs").get_log_events(
            logGroupName=f"{run['LogGroupName']}/{stream}", logStreamName=run["Id"]
        )["events"]
    ]
    assert any("the database refuses the credentials" in line for line in logged)
    for said in (json.dumps(run, default=str), *logged):
        assert wrong["password"] not in said


def test_a_drifted_table_is_refused_in_the_workers_words(
    postgres_tills: Tills, engines: Engines, context: Any
) -> None:
    postgres_tills.execute("ALTER TABLE public.tills ALTER COLUMN quantity TYPE text")
    with pytest.raises(AirflowException) as by_worker:
        engines.worker(postgres_tills, DAYS).execute(context)
    assert "quantity is text, declared integer" in str(by_worker.value)
    with pytest.raises(AirflowException) as by_job:
        complete(engines.job(postgres_tills, DAYS), context)
    assert not isinstance(by_job.value, AirflowFailException)
    assert str(by_job.value).endswith(f"ExtractError: {by_worker.value}")
    assert engines.bronze() == {}


def test_attempts_that_fail_or_are_stopped_leave_nothing_and_the_next_is_whole(
    postgres_tills: Tills, engines: Engines, context: Any
) -> None:
    """A value that no column has room for, then a run that is stopped in the middle."""
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    postgres_tills.execute("ALTER TABLE public.tills ALTER COLUMN amount TYPE numeric")
    postgres_tills.insert(("a", noon, None, Decimal("77.123"), 1, None, None))
    with pytest.raises(AirflowException) as raised:
        complete(engines.job(postgres_tills, DAYS[2:]), context)
    error = "ExtractError: column amount: a value does not fit its declared type decimal(18,2)"
    assert str(raised.value).endswith(error)
    assert engines.bronze() == {}

    postgres_tills.execute("UPDATE public.tills SET amount = 77.12")
    postgres_tills.execute("BEGIN")
    postgres_tills.execute("LOCK TABLE public.tills IN ACCESS EXCLUSIVE MODE")
    context["ti"].try_number = 2
    stopped = start(engines.job(postgres_tills, DAYS[2:]), context)
    deadline = time.monotonic() + 60
    while not postgres_tills.rows(WAITING):
        assert time.monotonic() < deadline, engines.runs()
        time.sleep(0.1)
    engines.glue.batch_stop_job_run(JobName=engines.name, JobRunIds=[stopped])
    until(engines, stopped, "STOPPED")
    postgres_tills.execute("ROLLBACK")
    assert engines.bronze() == {}

    context["ti"].try_number = 3
    (facts,) = complete(engines.job(postgres_tills, DAYS[2:]), context)
    assert [run["JobRunState"] for run in engines.runs()] == ["SUCCEEDED", "STOPPED", "FAILED"]
    assert len({run["Arguments"]["--run_token"] for run in engines.runs()}) == 3
    assert len(engines.bronze()) == 2
    assert read(engines.s3, engines.bucket, facts["file"])["id"].to_pylist() == ["a"]
