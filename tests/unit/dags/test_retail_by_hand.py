"""What the DAGs beside the daily one promise before they ever run."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from airflow.sdk import CronDataIntervalTimetable
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from retail_lake.notifications.failure_alert import FailureAlert

TASKS = {
    "retail_rollback": ["list_versions", "choose_version", "move_pointer"],
    "retail_housekeeping": ["report_drift", "collect"],
    "retail_erasure": ["request", "rebuild_days"],
    "retail_quarantine_replay": ["find_rows", "judge", "verdict", "rebuild_days"],
}


@pytest.fixture(params=TASKS)
def each(request: pytest.FixtureRequest, dagbag: Any) -> Any:
    return dagbag.dags[request.param]


@pytest.fixture
def rollback(dagbag: Any) -> Any:
    return dagbag.dags["retail_rollback"]


@pytest.fixture
def replay(dagbag: Any) -> Any:
    return dagbag.dags["retail_quarantine_replay"]


def test_replay_tells_first_and_does_only_when_asked(replay: Any) -> None:
    assert replay.schedule is None
    assert replay.is_paused_upon_creation is False
    assert dict(replay.params) == {
        "dataset": "",
        "reason": None,
        "from_date": None,
        "to_date": None,
        "dry_run": True,
    }
    assert replay.get_task("judge").pool == "glue"
    rebuilt = replay.get_task("rebuild_days")
    assert rebuilt.partial_kwargs["trigger_dag_id"] == "retail_sales_daily"
    run = rebuilt.operator_class(task_id="run", trigger_dag_id="retail_sales_daily", conf={})
    assert run.logical_date is None, "as a run by hand, for its conf's days"
    assert (run.reset_dag_run, run.wait_for_completion, run.deferrable) == (True, True, True)


@pytest.mark.parametrize(
    ("dag_id", "tasks"),
    [
        ("retail_quarantine_replay", ["find_rows", "judge", "verdict"]),
        ("retail_erasure", ["request"]),
    ],
)
def test_what_costs_money_is_booked(dagbag: Any, dag_id: str, tasks: list[str]) -> None:
    for task in map(dagbag.dags[dag_id].get_task, tasks):
        assert task.costs.opened_by is None, "the run has a book of its own"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("dataset", "vendor_sales", "vendor_sales'; DROP"),
        ("reason", "out_of_range:quantity", "invalid' OR true"),
        ("from_date", "2025-03-01", "yesterday"),
    ],
)
def test_replay_takes_names_and_dates_only(replay: Any, name: str, good: str, bad: str) -> None:
    param = replay.params.get_param(name)
    assert param.resolve(good) == good
    with pytest.raises(ParamValidationError):
        param.resolve(bad)


@pytest.fixture
def cleanup(dagbag: Any) -> Any:
    return dagbag.dags["retail_housekeeping"]


def test_one_task_after_the_other(each: Any) -> None:
    tasks = TASKS[each.dag_id]
    assert set(each.task_ids) == set(tasks)
    for before, after in pairwise(tasks):
        assert each.get_task(after).upstream_task_ids == {before}


def test_one_run_at_a_time(each: Any) -> None:
    assert each.max_active_runs == 1
    assert each.catchup is False


def test_explains_itself(each: Any) -> None:
    for heading in ("**What.**", "**When.**", "**When it fails**"):
        assert heading in each.doc_md
    assert each.tags


def test_every_task_is_retried_limited_and_reported(each: Any) -> None:
    for task in each.tasks:
        assert task.retries >= 1
        assert task.execution_timeout is not None
        assert [type(one) for one in task.on_failure_callback] == [FailureAlert]
    assert isinstance(each.on_failure_callback, FailureAlert)
    assert each.on_failure_callback.topic_arn == "the-alert-topic-arn"


def test_the_form_may_be_sent_as_it_is(each: Any) -> None:
    each.params.validate()
    for name in each.params:
        param = each.params.get_param(name)
        assert param.description
        empty = param.value == "" and param.schema.get("type") == "string"
        assert not empty, f"{name}: the UI cannot send it empty; let it be null"


def test_survives_serialisation(each: Any) -> None:
    stored = DagSerialization.to_dict(each)
    assert DagSerialization.to_dict(each) == stored
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(stored))["dag"]["dag_id"] == each.dag_id


def test_rollback_runs_by_hand_and_at_once(rollback: Any) -> None:
    assert rollback.schedule is None
    assert rollback.is_paused_upon_creation is False
    assert dict(rollback.params) == {"version": None}
    assert rollback.get_task("move_pointer").databases["sales"] == "retail_silver"


@pytest.mark.parametrize("version", ["one", "1; DROP TABLE", "-1", "previous 1"])
def test_rollback_takes_a_number_or_nothing(rollback: Any, version: str) -> None:
    param = rollback.params.get_param("version")
    assert [param.resolve(one) for one in ("", " 12 ", "previous")] == ["", " 12 ", "previous"]
    with pytest.raises(ParamValidationError):
        param.resolve(version)


def test_housekeeping_reports_weekly_and_deletes_only_when_asked(cleanup: Any) -> None:
    assert isinstance(cleanup.schedule, CronDataIntervalTimetable)
    assert cleanup.schedule.expression == "0 12 * * 0"
    assert str(cleanup.timezone) == "Europe/London"
    assert cleanup.params["dry_run"] is True
    assert cleanup.params["keep_days"] == 30
    assert cleanup.params["keep_versions"] == 10


@pytest.mark.parametrize(("name", "least"), [("keep_days", 2), ("keep_versions", 1)])
def test_housekeeping_cannot_be_told_to_keep_nothing(cleanup: Any, name: str, least: int) -> None:
    param = cleanup.params.get_param(name)
    assert param.resolve(least) == least
    with pytest.raises(ParamValidationError):
        param.resolve(least - 1)


def test_housekeeping_looks_at_our_tables_only(cleanup: Any) -> None:
    folders = cleanup.get_task("collect").folders
    assert folders["sales"] == "silver/sales/"
    assert folders["daily_sales"] == "gold/daily_sales/"
    assert folders["run_ledger"] == "ops/run_ledger/"
    assert "published" not in folders, "the pointer's states are found by its versions"
    assert not any(folder.startswith("bronze") for folder in folders.values())
    assert cleanup.get_task("collect").bucket == "the-lake-bucket"
