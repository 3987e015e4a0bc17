"""One whole laptop stack for the session: embedded AWS, deployed data plane, real Airflow."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import date
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
    """Let the files run in the order of their numbers: all share one lake, and 10 is after 9."""
    places = [n for n, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ours = sorted((items[n] for n in places), key=lambda item: int(item.path.stem.split("_")[1]))
    for place, item in zip(places, ours, strict=True):
        items[place] = item


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
        """Rows of an analyst's query."""
        return queries.run(sql, self.outputs["AnalystsWorkgroup"], "sales_analytics")[1]

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
            [*command, "up"], capture_output=True, text=True, cwd=ROOT, check=False
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


@pytest.fixture
def alert_queue(lake: Lake) -> Iterator[str]:
    """A queue that gets every alert."""
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName=f"alerts-{time.time_ns()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    subscription = boto3.client("sns").subscribe(
        TopicArn=lake.outputs["AlertTopicArn"],
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )
    yield queue
    boto3.client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=queue)
