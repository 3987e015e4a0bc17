"""One whole laptop stack for the session: embedded AWS, deployed data plane, real Airflow.

Policies are enforced: the DAGs, the crawler, the job and the analysts act in the data plane's
roles, and a test during which any of them is denied anything fails.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from include.lake.contracts import load_lake
from include.laptop import queries, stack
from include.laptop.published import Published
from include.laptop.runs import Runs

ROOT = Path(__file__).parents[2]
GLUE_PYTHON = ROOT / ".venv-glue" / "bin" / "python"
RUN_SECONDS = 900
WHOLESALE_HEADER = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files run in the order of their numbers: all share one lake, and 10 is after 9.

    A test may take as long as two runs may.
    """
    places = [n for n, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ours = sorted((items[n] for n in places), key=lambda item: int(item.path.stem.split("_")[1]))
    for place, item in zip(places, ours, strict=True):
        items[place] = item
        if item.get_closest_marker("timeout") is None:  # on a busy machine a day takes minutes
            item.add_marker(pytest.mark.timeout(2 * RUN_SECONDS))


class Lake:
    """The lake under test, as its senders, operators and analysts meet it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.laptop = stack.at(folder)
        self.outputs = self.laptop.outputs()
        self.runs = Runs(self.laptop.airflow)
        self.s3 = boto3.client("s3")
        # the day that the schedule's own run is for; it starts now and waits for its files
        start = self.runs.scheduled_instant()
        self.scheduled_day = start.astimezone(ZoneInfo(load_lake().time_zone)).date()
        self.runs.unpause()

    def deliver(self, day: date, files: Mapping[str, Mapping[str, bytes]]) -> None:
        """Delivers a day: content by file name by dataset; datasets not named get an empty file."""
        drops = [each for each in load_lake().contracts if each.source.kind == "s3_drop"]
        empty = {each.dataset: {f"none.{each.source.format}": b""} for each in drops}
        for dataset, contents in {**empty, **files}.items():
            prefix = f"bronze/{dataset}/ingest_date={day}/"
            for name, content in contents.items():
                self.s3.put_object(
                    Bucket=self.outputs["LakeBucket"], Key=prefix + name, Body=content
                )
            self.s3.put_object(Bucket=self.outputs["LakeBucket"], Key=f"{prefix}_SUCCESS", Body=b"")

    def run(self, first: date, last: date | None = None) -> dict[str, Any]:
        """Runs the DAG for days by REST with a null logical date; returns its report."""
        run = self.runs.trigger(first, last)
        self.runs.succeed(run, RUN_SECONDS)
        report: dict[str, Any] = self.runs.returned(run, "report")
        return report

    def query(self, sql: str) -> list[list[str | None]]:
        """Rows of an analyst's query, in the analysts' role."""
        analyst = queries.in_role(self.outputs["AnalystRoleArn"])
        workgroup = self.outputs["AnalystsWorkgroup"]
        return queries.run(sql, workgroup, "sales_analytics", analyst)[1]

    def books(self, sql: str) -> list[list[str | None]]:
        """Rows of an operator's query: what is refused is not for analysts."""
        return queries.run(sql, self.outputs["PipelineWorkgroup"], "sales_analytics")[1]

    def denied(self, since: datetime) -> list[dict[str, Any]]:
        """The calls since then that policies did not allow."""
        lines = (
            line
            for file in (self.folder / "aws" / "calls").iterdir()
            for line in file.read_text().splitlines()
        )
        return [
            call
            for call in map(json.loads, lines)
            if datetime.fromisoformat(call["time"]) >= since
            and (call["status"] == 403 or call["error"].startswith("AccessDenied"))
        ]

    def published(self) -> Published:
        """What readers see now."""
        return Published.now()

    def laptop_command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one of the make targets' commands."""
        command = [str(GLUE_PYTHON), "-m", "include.laptop", "--state", str(self.folder)]
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
        )

    def alerts(self, queue: str, seconds: float = 60) -> list[dict[str, Any]]:
        """The alerts in a queue, waited for until there is at least one."""
        sqs = boto3.client("sqs")
        deadline = time.monotonic() + seconds
        found: list[dict[str, Any]] = []
        while not found and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            found = [json.loads(one["Body"]) for one in answer.get("Messages", [])]
        return found


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("lake")
    command = [str(GLUE_PYTHON), "-m", "include.laptop", "--state", str(folder)]
    before = dict(os.environ)
    try:
        done = subprocess.run(
            [*command, "up", "--enforce-iam"], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.returncode == 0, done.stderr
        os.environ.update(stack.at(folder).aws.exports())
        yield Lake(folder)
    finally:
        subprocess.run([*command, "down"], check=True, cwd=ROOT)
        moved = folder / "aws" / "database" / "moved-to"  # root's PostgreSQL lives elsewhere
        if moved.exists():
            shutil.rmtree(moved.read_text().strip())
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def everybody_may_do_what_they_do(lake: Lake) -> Iterator[None]:
    """No policy lacks a permission."""
    began = datetime.now(UTC)
    yield
    assert lake.denied(since=began) == []


@pytest.fixture
def alert_queue(lake: Lake) -> Iterator[str]:
    """A queue that gets every alert."""
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName=f"alerts-{time.time_ns()}")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn, topic = attributes["Attributes"]["QueueArn"], lake.outputs["AlertTopicArn"]
    topic_sends = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [topic_sends]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    subscription = boto3.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )
    yield queue
    boto3.client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)
