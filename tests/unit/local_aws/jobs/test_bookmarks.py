"""Bookmarks of jobs. The scripts list what a source would read and start no Spark, so quick."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.local_aws.jobs.whole_front import WholeFront, whole_front

SCRIPT = """
import json, sys
from awsglue import bookmarks, listing
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
args = getResolvedOptions(sys.argv, ["JOB_NAME", "SOURCE", "COMMIT", "CONTEXTS"])
job = Job(None)
job.init(args["JOB_NAME"], args)
found = listing.files(args["SOURCE"], {}, True)
for context in args["CONTEXTS"].split(","):
    fresh = bookmarks.current.unread(context, found)
    print(f"read {context}:", json.dumps([item.path.rsplit("/", 1)[1] for item in fresh]))
if args["COMMIT"] == "again":
    bookmarks.current.version -= 1
if args["COMMIT"] != "no":
    job.commit()
"""
ENABLE, PAUSE, DISABLE = (f"job-bookmark-{option}" for option in ("enable", "pause", "disable"))


@pytest.fixture(scope="module")
def lake(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeFront]:
    with whole_front(ministack, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture
def job(lake: WholeFront, unique: str) -> str:
    """A job whose source has two files."""
    for name in ("a", "b"):
        lake.put(f"{unique}/{name}.json", "{}")
    source = f"s3://{lake.bucket}/{unique}/"
    arguments = {"--SOURCE": source, "--COMMIT": "yes", "--CONTEXTS": "orders"}
    return lake.job(unique, SCRIPT, DefaultArguments=arguments)


def read(
    lake: WholeFront, job: str, option: str | None, context: str = "orders", **more: str
) -> list[str]:
    """What a run with these arguments reads."""
    arguments = {f"--{name}": value for name, value in more.items()}
    run = lake.run(job, arguments | ({"--job-bookmark-option": option} if option else {}))
    assert run["JobRunState"] == "SUCCEEDED", run["log"]
    start = f"read {context}: "
    (line,) = (line for line in run["log"].splitlines() if line.startswith(start))
    found: list[str] = json.loads(line.removeprefix(start))
    return found


def entry(lake: WholeFront, job: str) -> dict[str, Any]:
    found: dict[str, Any] = lake.glue.get_job_bookmark(JobName=job)["JobBookmarkEntry"]
    return found


def test_a_file_is_read_once_until_the_bookmark_is_reset(lake: WholeFront, job: str) -> None:
    assert read(lake, job, None) == ["a.json", "b.json"]  # off unless asked for
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        entry(lake, job)
    assert read(lake, job, ENABLE, COMMIT="no") == ["a.json", "b.json"]
    assert read(lake, job, ENABLE) == ["a.json", "b.json"]  # nothing was committed
    first = entry(lake, job)
    assert (first["Version"], first["Run"]) == (1, 1)
    assert read(lake, job, ENABLE) == []
    lake.put(f"{job}/c.json", "{}")
    assert read(lake, job, PAUSE) == ["c.json"]
    assert read(lake, job, DISABLE) == ["a.json", "b.json", "c.json"]
    lake.put(f"{job}/a.json", '{"again": 1}')  # a rewritten file is a new one
    assert read(lake, job, ENABLE) == ["a.json", "c.json"]
    last = entry(lake, job)
    assert last["Version"] == 3
    assert last["PreviousRunId"] != last["RunId"]
    reset = lake.glue.reset_job_bookmark(JobName=job)["JobBookmarkEntry"]
    assert (reset["Version"], reset["JobBookmark"]) == (4, "{}")
    assert read(lake, job, ENABLE) == ["a.json", "b.json", "c.json"]


def test_each_context_has_its_own(lake: WholeFront, job: str) -> None:
    assert read(lake, job, ENABLE, CONTEXTS="orders") == ["a.json", "b.json"]
    assert read(lake, job, ENABLE, "people", CONTEXTS="people") == ["a.json", "b.json"]
    assert read(lake, job, ENABLE, "orders", CONTEXTS="people,orders") == []


def test_a_commit_over_another_one_is_refused(lake: WholeFront, job: str) -> None:
    read(lake, job, ENABLE)
    arguments = {"--job-bookmark-option": ENABLE, "--COMMIT": "again"}
    run = lake.run(job, arguments)
    assert run["JobRunState"] == "FAILED"
    assert "ConcurrentModificationException: VERSION_MISMATCH" in run["ErrorMessage"]
    assert entry(lake, job)["Version"] == 1


def test_a_job_takes_its_bookmark_along(lake: WholeFront, job: str) -> None:
    read(lake, job, ENABLE)
    lake.glue.delete_job(JobName=job)
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        entry(lake, job)
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        lake.glue.reset_job_bookmark(JobName=job)


def test_a_pythonshell_job(lake: WholeFront, unique: str) -> None:
    script = """
import sys
from awsglue.utils import getResolvedOptions
print("day", getResolvedOptions(sys.argv, ["DAY"])["DAY"])
"""
    name = lake.job(unique, script, kind="pythonshell", DefaultArguments={"--DAY": "Monday"})
    run = lake.run(name, {"--DAY": "Tuesday"})
    assert (run["JobRunState"], run["MaxCapacity"]) == ("SUCCEEDED", 0.0625)
    assert run["DPUSeconds"] == run["ExecutionTime"] * 0.0625
    assert run["LogGroupName"] == "/aws-glue/python-jobs"
    events = lake.context.client("logs").get_log_events(
        logGroupName="/aws-glue/python-jobs/output", logStreamName=run["Id"]
    )["events"]
    assert [event["message"] for event in events] == ["day Tuesday"]
    for wrong in ({"WorkerType": "G.1X", "NumberOfWorkers": 2}, {"MaxCapacity": 2.0}):
        with pytest.raises(lake.glue.exceptions.InvalidInputException):
            lake.glue.start_job_run(JobName=name, **wrong)


@pytest.mark.parametrize(
    ("argv", "options", "error"),
    [
        ([], ["DAY"], "GlueArgumentError: the following arguments are required: --DAY"),
        (["--DAY"], ["DAY"], "GlueArgumentError: argument --DAY: expected one argument"),
        (["--DAY", "1"], ["JOB_ID"], "RuntimeError: Using reserved arguments --JOB_ID"),
        (
            ["--job-bookmark-option", "on"],
            [],
            "GlueArgumentError: argument --job-bookmark-option: invalid choice: 'on'",
        ),
        (
            ["--job-bookmark-option", PAUSE, "--job-bookmark-from", "x"],
            [],
            "RuntimeError: Missing option or value for --job-bookmark-to",
        ),
    ],
)
def test_arguments_that_are_refused(
    resolved: Any, argv: list[str], options: list[str], error: str
) -> None:
    name, _, message = error.partition(": ")
    with pytest.raises(Exception, match=re.escape(message)) as raised:
        resolved(["script.py", *argv], options)
    assert type(raised.value).__name__ == name


def test_arguments_are_picked(resolved: Any) -> None:
    argv = ["x.py", "--my-day", "1", "--other", "2", "--TempDir", "s3://t", "--JOB_RUN_ID", "jr_1"]
    found = resolved(argv, ["my-day", "TempDir"])
    assert found == {
        "my_day": "1",
        "TempDir": "s3://t",
        "RedshiftTempDir": "s3://t",
        "JOB_ID": None,
        "JOB_RUN_ID": "jr_1",
        "SECURITY_CONFIGURATION": None,
        "encryption_type": None,
        "job_bookmark_option": DISABLE,
        "job_bookmark_from": None,
        "job_bookmark_to": None,
    }
    old = resolved(["x.py", "--continuation-option", "continuation-enabled"], [])
    assert old["job_bookmark_option"] == ENABLE


@pytest.fixture(scope="module")
def resolved() -> Any:
    """`getResolvedOptions`, from its file: the library is on the path of jobs only."""
    from importlib.util import module_from_spec, spec_from_file_location

    from include.local_aws.jobs.workspace import LIBRARY

    spec = spec_from_file_location("resolved_options", LIBRARY / "awsglue" / "utils.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.getResolvedOptions
