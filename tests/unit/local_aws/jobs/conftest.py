"""A front with only the jobs service, a gateway, and scripts as jobs in a bucket."""

import dataclasses
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from include.local_aws.front.context import Context
from include.local_aws.front.server import FrontServer
from include.local_aws.gateway.filesystem import FileSystem
from include.local_aws.gateway.server import GatewayServer
from include.local_aws.gateway.staging import Staging
from include.local_aws.gateway.storage import ObjectStore, s3_client
from include.local_aws.jobs.api import JobRunApi

# Seconds in a minute of a run's timeout.
MINUTE = 1.0
FINAL = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"}


@dataclass
class Jobs:
    """Makes jobs out of scripts and runs them through boto3.

    `glue` is a client of the front, `s3` of MiniStack; `name` is the default name of a job.
    """

    glue: Any
    s3: Any
    context: Context
    api: JobRunApi
    bucket: str
    name: str

    def create(self, script: str, name: str | None = None, **definition: Any) -> str:
        """Upload a script and define a job that runs it; the job's name."""
        job = name or self.name
        key = f"jobs/{job}.py"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=textwrap.dedent(script).encode())
        location = f"s3://{self.bucket}/{key}"
        defaults = {"Role": "role", "Command": {"Name": "glueetl", "ScriptLocation": location}}
        self.glue.create_job(Name=job, **defaults | definition)
        return job

    def start(self, name: str | None = None, **request: Any) -> str:
        """StartJobRun; the run's id."""
        return str(self.glue.start_job_run(JobName=name or self.name, **request)["JobRunId"])

    def get(self, run_id: str, name: str | None = None) -> dict[str, Any]:
        """GetJobRun."""
        run: dict[str, Any] = self.glue.get_job_run(JobName=name or self.name, RunId=run_id)
        return dict(run["JobRun"])

    def wait(self, run_id: str, states: set[str] = FINAL, seconds: float = 120) -> dict[str, Any]:
        """The run when it has reached one of these states."""
        deadline = time.monotonic() + seconds
        while (run := self.get(run_id))["JobRunState"] not in states:
            assert time.monotonic() < deadline, (run, self.log(run_id))
            assert run["JobRunState"] not in FINAL, (run, self.log(run_id))
            time.sleep(0.05)
        return run

    def log(self, run_id: str) -> str:
        """The run's log file."""
        file = self.log_file(run_id)
        return file.read_text() if file.exists() else ""

    def log_file(self, run_id: str) -> Path:
        """Where the run's log file has to be."""
        return self.context.state / "logs" / "jobs" / f"{run_id}.log"

    def wait_for_line(self, run_id: str, start: str) -> str:
        """What follows `start` on a line that the run prints."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for line in self.log(run_id).splitlines():
                if line.startswith(start):
                    return line.removeprefix(start).strip()
            time.sleep(0.05)
        raise AssertionError(f"no line {start!r} in {self.log(run_id)!r}")

    def keys(self, prefix: str = "") -> list[str]:
        """Keys in the bucket."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]


@pytest.fixture
def gateway(ministack: str, tmp_path: Path) -> Iterator[int]:
    store = ObjectStore(s3_client(ministack, "us-east-1"))
    with GatewayServer(0, FileSystem(store, Staging(tmp_path / "gateway"))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def jobs(context: Context, gateway: int, bucket: str, unique: str) -> Iterator[Jobs]:
    surroundings = dataclasses.replace(context, gateway_port=gateway)
    api = JobRunApi(surroundings, minute=MINUTE)
    with FrontServer(0, surroundings.endpoint, api.handlers()) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        glue = boto3.client(
            "glue",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield Jobs(glue, surroundings.client("s3"), surroundings, api, bucket, f"job-{unique}")
        server.shutdown()
    api.close()
