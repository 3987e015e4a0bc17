"""The whole embedded AWS, stopped in order and killed at once, finds again what it was told."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.local_aws import stack, supervisor
from include.local_aws.processes import born

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
SLEEPER = "import subprocess; subprocess.run(['sleep', '{mark}'])"


class Lake:
    """One stack, and what is written to it and read from it."""

    def __init__(self, folder: Path, client: Callable[[str, str], Any]) -> None:
        self.folder = folder
        self._client = client
        self.seconds = 0.0

    def run(self, *words: str) -> str:
        command = [sys.executable, "-m", "include.local_aws", *words, "--state", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self) -> None:
        began = time.monotonic()
        self.run("up")
        self.seconds = time.monotonic() - began
        local = stack.at(self.folder)
        self.s3, self.iam = (self._client(name, local.endpoint_url) for name in ("s3", "iam"))
        self.glue, self.athena = (
            self._client(name, local.front_url) for name in ("glue", "athena")
        )

    def services(self) -> dict[str, int]:
        now = supervisor.status(self.folder)
        assert isinstance(now["services"], dict)
        found = {name: int(one["pid"]) for name, one in now["services"].items()}
        return {**found, "supervisor": int(str(now["pid"]))}

    def kill(self, *names: str) -> None:
        for pid in [pid for name, pid in self.services().items() if name in names]:
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 10
            while born(pid) is not None:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def query(self, sql: str) -> str:
        identity = self.athena.start_query_execution(
            QueryString=sql,
            ResultConfiguration={"OutputLocation": "s3://lake-kept/results/"},
        )["QueryExecutionId"]
        while self.state(identity) in ("QUEUED", "RUNNING"):
            time.sleep(0.05)
        assert self.state(identity) == "SUCCEEDED"
        return str(identity)

    def state(self, identity: str) -> str:
        found = self.athena.get_query_execution(QueryExecutionId=identity)
        return str(found["QueryExecution"]["Status"]["State"])

    def crawled(self) -> list[str]:
        answer = self.glue.list_crawls(CrawlerName="kept")
        return [crawl["State"] for crawl in answer["Crawls"]]


@pytest.fixture
def lake(tmp_path: Path, client: Callable[[str, str], Any]) -> Iterator[Lake]:
    made = Lake(tmp_path / "aws", client)
    try:
        made.up()
        yield made
    finally:
        supervisor.stop(made.folder)
        home = made.folder / "database" / "moved-to"
        if home.exists():
            subprocess.run(["rm", "-rf", home.read_text().strip()], check=True)


def test_what_was_answered_survives_sigkill_and_sigterm(lake: Lake) -> None:
    lake.s3.create_bucket(Bucket="lake-kept")
    lake.s3.put_object(Bucket="lake-kept", Key="sales/day=1/a.json", Body=b'{"id": 1}\n{"id": 2}\n')
    role = lake.iam.create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    lake.glue.create_database(DatabaseInput={"Name": "kept"})
    targets = {"S3Targets": [{"Path": "s3://lake-kept/sales/"}]}
    lake.glue.create_crawler(Name="kept", Role=role, DatabaseName="kept", Targets=targets)
    lake.glue.start_crawler(Name="kept")
    while lake.crawled() != ["COMPLETED"]:
        time.sleep(0.05)
    identity = lake.query("SELECT count(*) AS n FROM kept.sales")
    mark = str(100_000 + uuid.uuid4().int % 100_000)
    lake.s3.put_object(Bucket="lake-kept", Key="job.py", Body=SLEEPER.format(mark=mark).encode())
    command = {"Name": "pythonshell", "ScriptLocation": "s3://lake-kept/job.py"}
    lake.glue.create_job(Name="kept", Role=role, Command=command)
    run = lake.glue.start_job_run(JobName="kept")["JobRunId"]
    while not sleepers(mark):
        time.sleep(0.05)

    lake.kill("supervisor", "ministack", "database", "gateway", "front")
    lake.up()
    print(f"healthy again {lake.seconds:.1f} s after a kill of everything")

    assert not sleepers(mark), "the run in flight left a process behind"
    ended = lake.glue.get_job_run(JobName="kept", RunId=run)["JobRun"]
    assert (ended["JobRunState"], ended["ErrorMessage"][:19]) == ("FAILED", "the local AWS ended")
    for _ in range(2):
        assert lake.iam.get_role(RoleName="kept")["Role"]["Arn"] == role
        partitions = lake.glue.get_partitions(DatabaseName="kept", TableName="sales")["Partitions"]
        assert [partition["Values"] for partition in partitions] == [["1"]]
        assert lake.crawled() == ["COMPLETED"]
        rows = lake.athena.get_query_results(QueryExecutionId=identity)["ResultSet"]["Rows"]
        assert rows[1]["Data"][0]["VarCharValue"] == "2"
        assert lake.state(lake.query("SELECT id FROM kept.sales")) == "SUCCEEDED"
        runs = lake.glue.get_job_runs(JobName="kept")["JobRuns"]
        assert [one["JobRunState"] for one in runs] == ["FAILED"]
        assert lake.run("down") == "stopped\n"
        lake.up()
        print(f"healthy {lake.seconds:.1f} s after a stop in order")


def sleepers(mark: str) -> list[str]:
    """Processes of the job."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
