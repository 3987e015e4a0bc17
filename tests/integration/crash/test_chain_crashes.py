"""Every task that writes is killed at its calls to AWS, once at each, and then does its work.

One day of sample data goes through the tasks of the daily DAG, with real extracts, crawl, Spark job
and queries. What comes out is what was planted, and byte for byte what an undisturbed run makes.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import boto3
import pytest

from include.lake import deployment, layout
from include.laptop import demo, tills
from include.laptop.published import Published, objects
from include.laptop.stack import Laptop
from retail_lake.hooks.documents import DocumentsHook
from tests.integration.crash.tasks import ROOT, WRITES, Run, Worker

pytestmark = pytest.mark.slow  # minutes each: `make test-crash`
DAY = date(2024, 8, 6)
DAILY = "retail_sales_daily"
PARAMS = {"from_date": str(DAY), "to_date": str(DAY)}


class Day:
    """The sample day, delivered but not yet extracted.

    Attributes:
        truth: what was planted.
    """

    def __init__(self, laptop: Laptop, worker: Worker, folder: Path) -> None:
        self.worker = worker
        self.deployed = deployment.load(laptop.deployment)
        command = [sys.executable, "-m", "include.sample_data", "--out", str(folder)]
        command += ["--from", str(DAY), "--to", str(DAY), "--scale", "0.1"]
        subprocess.run(command, check=True, cwd=ROOT)
        self.truth = json.loads((folder / "truth.json").read_text())
        tills.open_day(laptop, folder, DAY)
        demo.deliver(self.deployed.lake_bucket, folder, DAY)

    def kill(self, task: str, sides: Sequence[str], only: str, run: Run) -> int:
        """Kill a task of a run at its calls; return how often."""
        if task.startswith("ingest."):
            return run.kill(task, sides, only, self.check_manifests)
        return run.kill(task, sides, only)

    def check_manifests(self) -> None:
        """A manifest that is visible names an extract that is there, whole."""
        stored = dict(objects(f"s3://{self.deployed.lake_bucket}/bronze/"))
        for key in stored:
            if found := re.search(layout.EXTRACT_MANIFEST, key):
                folder, digest = key.rpartition("/")[0], found[1]
                (body,) = (
                    stored[f"{folder}/{digest}.{suffix}"]
                    for suffix in layout.EXTRACT_SUFFIXES
                    if f"{folder}/{digest}.{suffix}" in stored
                )
                assert hashlib.sha256(body).hexdigest().startswith(digest)

    def check_result(self, run: Run) -> None:
        """The books close, and all numbers are the planted ones."""
        manifest = DocumentsHook().read_document(run.returned("bronze_to_silver")["manifest"])
        planted = next(one["files"] for one in self.truth["runs"] if one["from"] == str(DAY))
        assert demo.compare_ledger(manifest["ledger"], planted, exact=True) == []
        assert demo.totals(self.deployed.analysts_workgroup, self.truth) == []

    def job_runs(self) -> list[str]:
        """The runs of the job, newest first."""
        runs = boto3.client("glue").get_job_runs(JobName=self.deployed.job_name)["JobRuns"]
        return [run["Id"] for run in runs]


@pytest.fixture(scope="module")
def day(laptop: Laptop, worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(laptop, worker, tmp_path_factory.mktemp("sample"))


@pytest.fixture(params=["writes", pytest.param("every call", marks=pytest.mark.slow)])
def kills(request: pytest.FixtureRequest, day: Day) -> Mapping[str, Callable[[Run], int]]:
    """By task what kills it at its calls and returns how often.

    `make test` kills one task of each operator, after calls that change something; for `publish`
    see `test_publish_crashes.py`. `make test-crash` kills all, before and after every call.
    """
    operators = day.worker.tasks[DAILY]
    if request.param == "every call":
        return {task: partial(day.kill, task, ["before", "after"], "") for task in operators}
    firsts = {operator: task for task, operator in reversed(operators.items())}
    del firsts["PublishOperator"]
    return {task: partial(day.kill, task, ["after"], WRITES) for task in firsts.values()}


@pytest.mark.timeout(4 * 3600)
def test_a_day_whose_tasks_are_all_killed_is_the_undisturbed_day(
    day: Day, kills: Mapping[str, Callable[[Run], int]], request: pytest.FixtureRequest
) -> None:
    before, jobs = Published.now(), day.job_runs()
    run = Run(day.worker, DAILY, f"killed {request.node.name}", PARAMS)
    killed = {}
    for task in day.worker.tasks[DAILY]:
        if task == "publish":
            assert Published.now() == before, "readers have seen nothing of the run"
        if task in kills:
            killed[task] = kills[task](run)
        else:
            run.complete(task)
    assert len(day.job_runs()) == len(jobs) + 1, "the job was taken over, not started again"
    day.check_result(run)
    state = Published.now()
    assert state != before

    again = Run(day.worker, DAILY, f"undisturbed {request.node.name}", PARAMS)
    for task in day.worker.tasks[DAILY]:
        if task == "restatements":  # there is something to compare with only now
            killed[task] += kills[task](again)
        else:
            again.complete(task)
    print(f"{sum(killed.values())} kills: {killed}")
    day.check_result(again)
    assert Published.now().location != state.location
    assert Published.now().digests() == state.digests()
