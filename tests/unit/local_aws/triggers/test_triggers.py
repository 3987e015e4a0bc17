"""Triggers and workflows start real runs. The scripts start no Spark, so quick."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.local_aws import schedules
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Context
from include.local_aws.triggers import chains
from include.local_aws.triggers.workflows import WorkflowRuns
from tests.unit.local_aws.jobs.whole_front import WholeFront

PRINTS = "import sys; print('argv', *sys.argv[1:])"


def until(found: Callable[[], Any], seconds: float = 120) -> Any:
    """What `found` gives, as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


def runs(lake: WholeFront, job: str) -> list[dict[str, Any]]:
    """The runs of a job that have ended."""
    found = lake.glue.get_job_runs(JobName=job)["JobRuns"]
    return [run for run in found if run["JobRunState"] in ("SUCCEEDED", "FAILED", "STOPPED")]


def succeeded(job: str) -> dict[str, str]:
    return {"LogicalOperator": "EQUALS", "JobName": job, "State": "SUCCEEDED"}


@pytest.fixture
def jobs(lake: WholeFront, unique: str) -> list[str]:
    """Three jobs, the second of which fails unless it is retried."""
    fails = "import sys; sys.exit('attempt' not in ' '.join(sys.argv))"
    scripts = (PRINTS, fails, PRINTS)
    return [
        lake.job(
            f"{unique}-{n}",
            script,
            kind="pythonshell",
            MaxRetries=int(n == 1),
            ExecutionProperty={"MaxConcurrentRuns": 3},
        )
        for n, script in enumerate(scripts)
    ]


def test_a_trigger_on_demand_starts_its_jobs_and_what_depends_on_them(
    lake: WholeFront, jobs: list[str]
) -> None:
    one, two, three = jobs
    actions = [{"JobName": one, "Arguments": {"--day": "Monday"}}, {"JobName": two}]
    lake.glue.create_trigger(Name=f"{one}-first", Type="ON_DEMAND", Actions=actions)
    for name, logical in (("any", "ANY"), ("all", "AND")):
        predicate = {"Logical": logical, "Conditions": [succeeded(one), succeeded(two)]}
        lake.glue.create_trigger(
            Name=f"{one}-{name}",
            Type="CONDITIONAL",
            Predicate=predicate,
            Actions=[{"JobName": three, "Arguments": {"--why": name}}],
            StartOnCreation=True,
        )
    # a run that somebody starts by hand triggers nothing
    assert lake.run(one)["JobRunState"] == "SUCCEEDED"
    lake.glue.start_trigger(Name=f"{one}-first")
    ended = until(lambda: len(runs(lake, two)) == 2 and runs(lake, two))
    assert [run["JobRunState"] for run in ended] == ["SUCCEEDED", "FAILED"]  # newest first
    until(lambda: len(runs(lake, three)) == 2)
    found = lake.glue.get_job_runs(JobName=three)["JobRuns"]
    assert {run["TriggerName"]: run["Arguments"]["--why"] for run in found} == {
        f"{one}-any": "any",
        f"{one}-all": "all",
    }
    started = lake.glue.get_job_runs(JobName=one)["JobRuns"][0]
    assert (started["TriggerName"], started["Arguments"]) == (f"{one}-first", {"--day": "Monday"})
    assert "--day Monday" in lake.log(started["Id"])
    # all of it happens once per start
    time.sleep(2)
    assert len(lake.glue.get_job_runs(JobName=three)["JobRuns"]) == 2


def test_a_scheduled_trigger_fires_at_its_minute(
    lake: WholeFront, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"at": datetime.now(UTC)}
    clock = type("Clock", (datetime,), {"now": classmethod(lambda _, zone: now["at"])})
    due = now["at"] + timedelta(hours=5)
    schedule = f"cron({due.minute} {due.hour} * * ? *)"
    name = f"{jobs[0]}-nightly"
    lake.glue.create_trigger(
        Name=name, Type="SCHEDULED", Schedule=schedule, Actions=[{"JobName": jobs[0]}]
    )
    monkeypatch.setattr(schedules, "datetime", clock)
    now["at"] = due - timedelta(days=1)  # not activated: nothing happens
    time.sleep(1.5)
    lake.glue.start_trigger(Name=name)
    assert lake.glue.get_trigger(Name=name)["Trigger"]["State"] == "ACTIVATED"
    now["at"] = due - timedelta(minutes=1)
    time.sleep(1.5)
    assert runs(lake, jobs[0]) == []
    now["at"] = due
    until(lambda: runs(lake, jobs[0]))
    time.sleep(1.5)
    assert len(lake.glue.get_job_runs(JobName=jobs[0])["JobRuns"]) == 1
    lake.glue.stop_trigger(Name=name)
    now["at"] = due + timedelta(days=1)
    time.sleep(1.5)
    assert len(lake.glue.get_job_runs(JobName=jobs[0])["JobRuns"]) == 1


def test_a_workflow_runs(lake: WholeFront, jobs: list[str]) -> None:
    one, two, three = jobs
    glue, name = lake.glue, f"{one}-flow"
    lake.put(f"{one}/x.json", '{"id": 1}')
    targets = {"S3Targets": [{"Path": f"s3://{lake.bucket}/{one}/"}]}
    glue.create_crawler(Name=one, Role="role", DatabaseName=lake.database, Targets=targets)
    glue.create_workflow(Name=name, DefaultRunProperties={"a": "1"}, MaxConcurrentRuns=1)
    with pytest.raises(glue.exceptions.InvalidInputException, match="0 start triggers"):
        glue.start_workflow_run(Name=name)
    flow: dict[str, Any] = {"WorkflowName": name}
    glue.create_trigger(Name=f"{name}-1", Type="ON_DEMAND", Actions=[{"CrawlerName": one}], **flow)
    crawled = {"LogicalOperator": "EQUALS", "CrawlerName": one, "CrawlState": "SUCCEEDED"}
    for number, condition, job in ((2, crawled, one), (3, succeeded(one), three)):
        glue.create_trigger(
            Name=f"{name}-{number}",
            Type="CONDITIONAL",
            Predicate={"Conditions": [condition]},
            Actions=[{"JobName": job}],
            StartOnCreation=True,
            **flow,
        )
    run_id = glue.start_workflow_run(Name=name, RunProperties={"b": "2"})["RunId"]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_workflow_run(Name=name)
    glue.put_workflow_run_properties(Name=name, RunId=run_id, RunProperties={"c": "3"})

    def over() -> Any:
        run = glue.get_workflow_run(Name=name, RunId=run_id)["Run"]
        return run if run["Status"] != "RUNNING" else None

    run = until(over)
    assert run["Status"] == "COMPLETED"
    assert run["WorkflowRunProperties"] == {"a": "1", "b": "2", "c": "3"}
    assert (run["Statistics"]["TotalActions"], run["Statistics"]["SucceededActions"]) == (3, 3)
    (last,) = glue.get_job_runs(JobName=three)["JobRuns"]
    assert last["Arguments"] == {"--WORKFLOW_NAME": name, "--WORKFLOW_RUN_ID": run_id}
    assert glue.get_job_runs(JobName=two)["JobRuns"] == []
    assert [item["WorkflowRunId"] for item in glue.get_workflow_runs(Name=name)["Runs"]] == [run_id]
    glue.delete_workflow(Name=name)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_trigger(Name=f"{name}-1")


def test_a_workflow_run_can_be_stopped(lake: WholeFront, unique: str) -> None:
    glue = lake.glue
    slow = lake.job(unique, "import time; time.sleep(600)", kind="pythonshell")
    after = lake.job(f"{unique}-after", PRINTS, kind="pythonshell")
    glue.create_workflow(Name=unique)
    glue.create_trigger(
        Name=unique, Type="ON_DEMAND", Actions=[{"JobName": slow}], WorkflowName=unique
    )
    stopped = {"LogicalOperator": "EQUALS", "JobName": slow, "State": "STOPPED"}
    glue.create_trigger(
        Name=f"{unique}-after",
        Type="CONDITIONAL",
        Predicate={"Conditions": [stopped]},
        Actions=[{"JobName": after}],
        WorkflowName=unique,
        StartOnCreation=True,
    )
    run_id = glue.start_workflow_run(Name=unique)["RunId"]
    glue.stop_workflow_run(Name=unique, RunId=run_id)

    def over() -> Any:
        run = glue.get_workflow_run(Name=unique, RunId=run_id)["Run"]
        return run if run["Status"] != "RUNNING" else None

    run = until(over)
    assert run["Status"] == "STOPPED"
    assert run["Statistics"]["StoppedActions"] == 1
    assert glue.get_job_runs(JobName=after)["JobRuns"] == []


def test_what_could_never_work_is_refused(lake: WholeFront, jobs: list[str]) -> None:
    glue, action = lake.glue, [{"JobName": jobs[0]}]
    wrong: list[dict[str, Any]] = [
        {"Type": "ON_DEMAND", "Actions": action, "StartOnCreation": True},
        {"Type": "ON_DEMAND", "Actions": action, "Schedule": "cron(0 2 * * ? *)"},
        {"Type": "SCHEDULED", "Actions": action},
        {"Type": "SCHEDULED", "Actions": action, "Schedule": "every day"},
        {"Type": "CONDITIONAL", "Actions": action},
        {"Type": "EVENT", "Actions": action},
        {"Type": "ON_DEMAND", "Actions": [{}]},
    ]
    for request in wrong:
        with pytest.raises(glue.exceptions.InvalidInputException):
            glue.create_trigger(Name="wrong", **request)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.create_trigger(Name="wrong", Type="ON_DEMAND", Actions=[{"JobName": "none"}])
    assert "wrong" not in glue.list_triggers()["TriggerNames"]
    glue.create_trigger(Name=f"{jobs[0]}-right", Type="ON_DEMAND", Actions=action)
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_trigger(Name=f"{jobs[0]}-right", Type="ON_DEMAND", Actions=action)
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.update_trigger(Name=f"{jobs[0]}-right", TriggerUpdate={"Schedule": "cron(x)"})
    update = {"Description": "changed"}
    changed = glue.update_trigger(Name=f"{jobs[0]}-right", TriggerUpdate=update)["Trigger"]
    assert changed["Description"] == "changed"
    glue.delete_trigger(Name=f"{jobs[0]}-right")
    glue.delete_trigger(Name=f"{jobs[0]}-right")


def test_a_run_whose_job_is_deleted_is_in_error(lake: WholeFront, unique: str) -> None:
    glue = lake.glue
    slow = lake.job(unique, "import time; time.sleep(600)", kind="pythonshell")
    glue.create_workflow(Name=unique)
    glue.create_trigger(
        Name=unique, Type="ON_DEMAND", Actions=[{"JobName": slow}], WorkflowName=unique
    )
    run_id = glue.start_workflow_run(Name=unique)["RunId"]
    running = glue.get_job_runs(JobName=slow)["JobRuns"][0]["Id"]
    glue.delete_job(JobName=slow)

    def over() -> Any:
        run = glue.get_workflow_run(Name=unique, RunId=run_id)["Run"]
        return run if run["Status"] != "RUNNING" else None

    run = until(over)
    assert (run["Status"], run["Statistics"]["ErroredActions"]) == ("COMPLETED", 1)
    assert "sleep" not in lake.log(running)


def test_a_chain_that_cannot_be_looked_at_is_given_up_and_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(chains, "LONGEST_PAUSE", 0.05)
    asked: dict[str, int] = {"broken": 0, "fine": 0}

    def forward(_: Context, target: str, body: dict[str, Any]) -> dict[str, Any]:
        if target == "AWSGlue.StartJobRun":
            return {"JobRunId": body["JobName"]}
        asked[body["JobName"]] += 1
        if body["JobName"] == "broken":
            raise AwsError("InternalServiceException", "out of order", 500)
        state = "SUCCEEDED" if asked["fine"] > 2 * chains.MOST_PROBLEMS else "RUNNING"
        run = {"Id": "fine", "JobRunState": state}
        return {"JobRuns": [run], "JobRun": run}

    monkeypatch.setattr(Context, "forward", forward)
    store = Documents(tmp_path / "triggers.sqlite")
    driven = chains.Chains(Context("http://x", tmp_path, "r", "0", 1, "http://y"), store)
    found = {}
    for job in asked:
        trigger = {"Name": job, "Type": "ON_DEMAND", "Actions": [{"JobName": job}]}
        run = {"WorkflowRunId": job, "Name": job}
        store.add("workflow run", job, run | {"WorkflowRunProperties": {}})
        driven.begin(trigger, run)
    shown = WorkflowRuns(store, driven)
    for job in asked:
        until(lambda job=job: not driven.get(job)["Open"], 20)
        found[job] = shown.get({"Name": job, "RunId": job})
    driven.close()
    assert asked["broken"] == chains.MOST_PROBLEMS
    assert (found["broken"]["Status"], found["fine"]["Status"]) == ("ERROR", "COMPLETED")
    assert found["broken"]["ErrorMessage"] == "InternalServiceException: out of order"
    assert found["broken"]["Statistics"]["ErroredActions"] == 1
