"""Runs of plain Python scripts: states, stopping, limits, crashes, logs. No Spark, so quick."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from include.local_aws.jobs.api import CRASHED, JobRunApi

ROOT = Path(__file__).parents[4]
SLEEPS = """
    import subprocess, sys, os, time
    child = subprocess.Popen([sys.executable, "-c",
        "import os, signal, time; os.setpgid(0, 0); signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('child', os.getpid(), flush=True); time.sleep(600)"])
    print("script", os.getpid(), flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def family(jobs: Any, run_id: str) -> list[int]:
    return [int(jobs.wait_for_line(run_id, who)) for who in ("script ", "child ")]


def test_a_script_gets_its_arguments_files_and_nothing_else(
    jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_FRONT", "x")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("shipped/__init__.py", "NAME = 'from the zip'")
    jobs.s3.put_object(Bucket=jobs.bucket, Key="lib/code.zip", Body=archive.getvalue())
    jobs.s3.put_object(Bucket=jobs.bucket, Key="lib/one.py", Body=b"NAME = 'from the file'")
    jobs.s3.put_object(Bucket=jobs.bucket, Key="conf/a b.txt", Body=b"read")
    jobs.create(
        """
        import importlib.util, json, os, sys
        import boto3, one, shipped
        print("found", json.dumps({
            "argv": sys.argv[1:], "names": [shipped.NAME, one.NAME],
            "file": open("a b.txt").read(), "repository": bool(importlib.util.find_spec("include")),
            "secret": "SECRET_OF_THE_FRONT" in os.environ, "zone": os.environ["TZ"],
            "buckets": len(boto3.client("s3").list_buckets()["Buckets"]) > 0,
            "glue": boto3.client("glue").meta.endpoint_url, "mine": os.environ["CUSTOMER_A"]}))
        print("to stderr", file=sys.stderr)
        """,
        DefaultArguments={
            "--extra-py-files": f"s3://{jobs.bucket}/lib/code.zip,s3://{jobs.bucket}/lib/one.py",
            "--extra-files": f"s3://{jobs.bucket}/conf/a b.txt",
            "--customer-driver-env-vars": "CUSTOMER_A=1",
            "--day": "2024-11-01",
        },
    )
    run_id = jobs.start(Arguments={"--day": "2024-11-02 ü", "--empty": ""})
    run = jobs.wait(run_id)
    assert run["JobRunState"] == "SUCCEEDED", jobs.log(run_id)
    found = json.loads(jobs.wait_for_line(run_id, "found "))
    words = found.pop("argv")
    arguments = dict(zip(words[::2], words[1::2], strict=True))
    assert arguments["--day"] == "2024-11-02 ü"
    assert arguments["--empty"] == ""
    assert (arguments["--JOB_NAME"], arguments["--JOB_RUN_ID"]) == (jobs.name, run_id)
    assert found == {
        "names": ["from the zip", "from the file"],
        "file": "read",
        "repository": False,
        "secret": False,
        "zone": "UTC",
        "buckets": True,
        "glue": jobs.context.front_url,
        "mine": "1",
    }
    assert run["Arguments"] == {"--day": "2024-11-02 ü", "--empty": ""}
    assert "ErrorMessage" not in run
    assert run["ExecutionTime"] >= 1
    assert run["DPUSeconds"] == run["ExecutionTime"] * 2
    assert run["StartedOn"] <= run["CompletedOn"]
    assert not (jobs.context.state / "jobs" / run_id).exists()
    logs = jobs.context.client("logs")
    events = {
        kind: logs.get_log_events(logGroupName=f"/aws-glue/jobs/{kind}", logStreamName=run_id)
        for kind in ("output", "error")
    }
    assert [event["message"] for event in events["error"]["events"]] == ["to stderr"]
    assert events["output"]["events"][0]["message"].startswith("found ")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("raise ValueError('no such day: 2024-02-30')", "ValueError: no such day: 2024-02-30"),
        ("import sys; sys.exit('nothing to do')", "exit code 1: nothing to do"),
        ("import os; os.kill(os.getpid(), 9)", "the script was ended by SIGKILL"),
        ("def (", "SyntaxError: invalid syntax"),
    ],
)
def test_a_failing_script_says_why(jobs: Any, script: str, message: str) -> None:
    jobs.create(script)
    run = jobs.wait(jobs.start())
    assert run["JobRunState"] == "FAILED"
    assert message in run["ErrorMessage"]


def test_what_is_missing_fails_the_run_and_is_named(jobs: Any) -> None:
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{jobs.bucket}/none.py"}
    there = jobs.create("print()", name=f"{jobs.name}-there")
    location = f"s3://{jobs.bucket}/jobs/{there}.py"
    cases = [
        ({"Command": command}, {}, f"s3://{jobs.bucket}/none.py does not exist"),
        (
            {"Command": {"Name": "glueetl", "ScriptLocation": "s3://no-such-bucket-x/a.py"}},
            {},
            "s3://no-such-bucket-x/a.py does not exist",
        ),
        (
            {"Command": {"Name": "glueetl", "ScriptLocation": "a.py"}},
            {},
            "'a.py' is not an address",
        ),
        ({"Command": {"Name": "gluestreaming", "ScriptLocation": location}}, {}, "gluestreaming"),
        (
            {"Command": {"Name": "glueetl", "ScriptLocation": location}},
            {"--extra-py-files": f"s3://{jobs.bucket}/none.zip"},
            "none.zip does not exist",
        ),
        (
            {"Command": {"Name": "glueetl", "ScriptLocation": location}},
            {"--job-language": "scala"},
            "only python jobs",
        ),
    ]
    for number, (definition, arguments, message) in enumerate(cases):
        jobs.glue.create_job(Name=f"{jobs.name}{number}", Role="role", **definition)
        run_id = jobs.start(f"{jobs.name}{number}", Arguments=arguments)
        jobs.name, name = f"{jobs.name}{number}", jobs.name
        run = jobs.wait(run_id)
        jobs.name = name
        assert run["JobRunState"] == "FAILED"
        assert message in run["ErrorMessage"]
        assert run["ExecutionTime"] == 0


def test_stopping_ends_every_process(jobs: Any) -> None:
    jobs.create(SLEEPS)
    run_id = jobs.start()
    pids = family(jobs, run_id)
    assert jobs.get(run_id)["JobRunState"] == "RUNNING"
    answer = jobs.glue.batch_stop_job_run(JobName=jobs.name, JobRunIds=[run_id, "jr_none"])
    assert [item["JobRunId"] for item in answer["SuccessfulSubmissions"]] == [run_id]
    assert [item["ErrorDetail"]["ErrorCode"] for item in answer["Errors"]] == [
        "EntityNotFoundException"
    ]
    assert jobs.get(run_id)["JobRunState"] == "STOPPING"
    assert jobs.wait(run_id)["JobRunState"] == "STOPPED"
    assert not any(alive(pid) for pid in pids)
    again = jobs.glue.batch_stop_job_run(JobName=jobs.name, JobRunIds=[run_id])
    assert again["SuccessfulSubmissions"] == []
    assert jobs.get(run_id)["JobRunState"] == "STOPPED"


def test_children_that_outlive_a_script_are_ended(jobs: Any) -> None:
    jobs.create(SLEEPS.replace("time.sleep(600)\n", "time.sleep(1)\n"))
    run_id = jobs.start()
    pids = family(jobs, run_id)
    assert jobs.wait(run_id)["JobRunState"] == "SUCCEEDED"
    assert not any(alive(pid) for pid in pids)


def test_a_daemon_does_not_keep_a_run_running(jobs: Any) -> None:
    jobs.create(
        """
        import subprocess, sys
        daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"],
            start_new_session=True)
        print("daemon", daemon.pid, flush=True)
        sys.exit("on purpose")
        """
    )
    run_id = jobs.start()
    daemon = int(jobs.wait_for_line(run_id, "daemon "))
    run = jobs.wait(run_id)
    assert alive(daemon)
    os.kill(daemon, signal.SIGKILL)
    assert run["JobRunState"] == "FAILED"
    assert "on purpose" in run["ErrorMessage"]


def test_a_run_that_takes_too_long_is_ended(jobs: Any) -> None:
    jobs.create(SLEEPS)
    run_id = jobs.start(Timeout=3)
    pids = family(jobs, run_id)
    run = jobs.wait(run_id)
    assert run["JobRunState"] == "TIMEOUT"
    assert run["Timeout"] == 3
    assert "3 min" in run["ErrorMessage"]
    assert not any(alive(pid) for pid in pids)


def test_only_as_many_runs_as_the_job_allows(jobs: Any) -> None:
    jobs.create("import time; time.sleep(600)", ExecutionProperty={"MaxConcurrentRuns": 2})
    assert jobs.glue.get_job(JobName=jobs.name)["Job"]["ExecutionProperty"] == {
        "MaxConcurrentRuns": 2
    }
    runs = [jobs.start(), jobs.start()]
    with pytest.raises(jobs.glue.exceptions.ConcurrentRunsExceededException, match=jobs.name):
        jobs.start()
    jobs.glue.batch_stop_job_run(JobName=jobs.name, JobRunIds=runs[:1])
    jobs.wait(runs[0])
    runs.append(jobs.start())
    # a job that says nothing may run once at a time
    one = jobs.create("import time; time.sleep(600)", name=f"{jobs.name}-one")
    jobs.start(one)
    with pytest.raises(jobs.glue.exceptions.ConcurrentRunsExceededException):
        jobs.start(one)


def test_newest_first_in_pages(jobs: Any) -> None:
    jobs.create("", ExecutionProperty={"MaxConcurrentRuns": 9})
    runs = [jobs.start(Arguments={"--n": str(number)}) for number in range(5)]
    pages = jobs.glue.get_paginator("get_job_runs").paginate(
        JobName=jobs.name, PaginationConfig={"PageSize": 2}
    )
    found = [[run["Id"] for run in page["JobRuns"]] for page in pages]
    assert found == [[runs[4], runs[3]], [runs[2], runs[1]], [runs[0]]]
    assert jobs.glue.get_job_runs(JobName=jobs.name)["JobRuns"][1]["Arguments"] == {"--n": "3"}
    with pytest.raises(jobs.glue.exceptions.InvalidInputException):
        jobs.glue.get_job_runs(JobName=jobs.name, NextToken="nonsense")
    with pytest.raises(jobs.glue.exceptions.EntityNotFoundException):
        jobs.glue.get_job_runs(JobName=f"{jobs.name}-none")
    with pytest.raises(jobs.glue.exceptions.EntityNotFoundException):
        jobs.get("jr_none")


def test_what_cannot_be_started_is_refused(jobs: Any) -> None:
    with pytest.raises(jobs.glue.exceptions.EntityNotFoundException):
        jobs.start()
    jobs.create("")
    for request in (
        {"WorkerType": "G.1X", "NumberOfWorkers": 2, "MaxCapacity": 2.0},
        {"WorkerType": "Z.9X", "NumberOfWorkers": 2},
    ):
        with pytest.raises(jobs.glue.exceptions.InvalidInputException):
            jobs.start(**request)
    assert jobs.glue.get_job_runs(JobName=jobs.name)["JobRuns"] == []


def test_a_job_has_workers_or_a_capacity(jobs: Any) -> None:
    command = {"Name": "glueetl", "ScriptLocation": "s3://x/y.py"}
    both = {"WorkerType": "G.1X", "NumberOfWorkers": 2, "MaxCapacity": 2.0}
    refusal = jobs.glue.exceptions.InvalidInputException
    with pytest.raises(refusal, match="do not set Max Capacity if using Worker Type"):
        jobs.glue.create_job(Name=f"{jobs.name}b", Role="role", Command=command, **both)
    jobs.glue.create_job(Name=f"{jobs.name}b", Role="role", Command=command, MaxCapacity=2.0)
    update = {"Role": "role", "Command": command, **both}
    with pytest.raises(refusal, match="do not set Max Capacity if using Worker Type"):
        jobs.glue.update_job(JobName=f"{jobs.name}b", JobUpdate=update)


def test_retries_are_attempts_of_their_own(jobs: Any) -> None:
    jobs.create("import sys; sys.exit('again' if '1' in sys.argv else 'first')", MaxRetries=2)
    first = jobs.start()
    last = f"{first}_attempt_2"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        runs = jobs.glue.get_job_runs(JobName=jobs.name)["JobRuns"]
        if runs[0]["Id"] == last and runs[0]["JobRunState"] == "FAILED":
            break
        time.sleep(0.1)
    assert [(run["Id"], run["Attempt"], run.get("PreviousRunId")) for run in runs] == [
        (last, 2, f"{first}_attempt_1"),
        (f"{first}_attempt_1", 1, first),
        (first, 0, None),
    ]
    # and a run may be retried by hand, once
    again = jobs.start(JobRunId=last)
    assert again == f"{first}_attempt_3"
    jobs.wait(again)
    with pytest.raises(jobs.glue.exceptions.InvalidInputException, match="retried already"):
        jobs.start(JobRunId=last)


def test_runs_of_a_crashed_front_are_failed_and_gone(jobs: Any) -> None:
    jobs.create(SLEEPS)
    state = jobs.context.state.parent / "crashed"
    state.mkdir()
    crash = f"""
import os, signal, time
from pathlib import Path
from include.local_aws.front.context import Context
from include.local_aws.jobs.api import JobRunApi
context = Context({jobs.context.endpoint!r}, Path({str(state)!r}), "us-east-1", "0", 1, "http://x")
run_id = JobRunApi(context).start({{"JobName": {jobs.name!r}}})["JobRunId"]
log = context.state / "logs" / "jobs" / f"{{run_id}}.log"
while not log.exists() or log.read_text().count("\\n") < 2:
    time.sleep(0.05)
print(run_id, *log.read_text().split(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run(
        [sys.executable, "-c", crash], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == -9, process.stderr
    run_id, *words = process.stdout.split()
    pids = [int(word) for word in words if word.isdecimal()]
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    api = JobRunApi(dataclasses.replace(jobs.context, state=state))
    try:
        run = api.get({"JobName": jobs.name, "RunId": run_id})["JobRun"]
        assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", CRASHED)
        assert not any(alive(pid) for pid in pids)
        assert not (state / "jobs" / run_id).exists()
        # and the job can run again
        second = api.start({"JobName": jobs.name})["JobRunId"]
    finally:
        api.close()
    reopened = JobRunApi(dataclasses.replace(jobs.context, state=state))
    last = reopened.get({"JobName": jobs.name, "RunId": second})["JobRun"]
    assert (last["JobRunState"], last["ErrorMessage"]) == ("FAILED", CRASHED)
    reopened.close()


def test_a_log_that_nobody_takes_does_not_fail_the_run(
    jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "Throttling"}}, "PutLogEvents")

    monkeypatch.setattr(jobs.context.client("logs"), "put_log_events", broken)
    jobs.create("for n in range(20000): print('line', n, 'x' * 50)")
    run_id = jobs.start()
    assert jobs.wait(run_id)["JobRunState"] == "SUCCEEDED"
    assert len(jobs.log(run_id).splitlines()) == 20000


def test_jobs_can_be_listed(jobs: Any) -> None:
    names = [jobs.create("", name=f"{jobs.name}-{number}") for number in range(2)]
    found: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = jobs.glue.list_jobs(MaxResults=1, **token)
        found += page["JobNames"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert set(names) <= set(found)
    several = jobs.glue.batch_get_jobs(JobNames=[*names, f"{jobs.name}-none"])
    assert [job["Name"] for job in several["Jobs"]] == names
    assert several["JobsNotFound"] == [f"{jobs.name}-none"]
    assert os.sep not in jobs.glue.delete_job(JobName=names[0])["JobName"]


def test_a_job_of_a_template_runs_with_its_numbers(jobs: Any) -> None:
    jobs.s3.put_object(Bucket=jobs.bucket, Key="jobs/x.py", Body=b"import time; time.sleep(600)")
    template = {
        "Parameters": {"Number": {"Type": "Number", "Default": 5}},
        "Resources": {
            "Job": {
                "Type": "AWS::Glue::Job",
                "Properties": {
                    "Name": jobs.name,
                    "Role": "role",
                    "WorkerType": "G.2X",
                    "NumberOfWorkers": {"Ref": "Number"},
                    "Timeout": {"Ref": "Number"},
                    "ExecutionProperty": {"MaxConcurrentRuns": 1},
                    "Command": {
                        "Name": "glueetl",
                        "ScriptLocation": f"s3://{jobs.bucket}/jobs/x.py",
                    },
                },
            }
        },
    }
    stacks = jobs.context.client("cloudformation")
    stacks.create_stack(StackName=jobs.name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(
        StackName=jobs.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    run = jobs.wait(jobs.start(), {"RUNNING"})
    assert (run["NumberOfWorkers"], run["Timeout"], run["MaxCapacity"]) == (5, 5, 10.0)
    with pytest.raises(jobs.glue.exceptions.ConcurrentRunsExceededException):
        jobs.start()
