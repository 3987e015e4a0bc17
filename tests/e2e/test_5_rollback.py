"""A corrected day taken back and put forward again, as a person does it; what housekeeping sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from include.laptop.runs import Runs
from tests.e2e.conftest import RUN_SECONDS, Lake
from tests.e2e.test_3_failures import order, orders

pytestmark = pytest.mark.slow  # several runs of the DAG
DAY = date(2024, 4, 9)
REVENUE = f"SELECT revenue FROM daily_sales WHERE sale_date = DATE '{DAY}' AND channel = 'web'"


class RunsOf(Runs):
    """Runs of another DAG."""

    def __init__(self, lake: Lake, dag: str) -> None:
        super().__init__(lake.laptop.airflow)
        self.dag = dag

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        path = f"/api/v2/dags/{self.dag}{path}"
        return self._airflow.call(method, path, body, token=self._token)

    def start(self, **conf: Any) -> str:
        run = self.call("POST", "/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])


def roll(lake: Lake, version: str = "previous") -> dict[str, Any]:
    """Shows a version; returns what changed."""
    runs = RunsOf(lake, "retail_rollback")
    run = runs.start(version=version)
    runs.succeed(run, RUN_SECONDS)
    result: dict[str, Any] = runs.returned(run, "move_pointer")
    return result


@pytest.fixture(scope="module")
def states(lake: Lake) -> list[tuple[Any, dict[str, str]]]:
    """The published state and digests before and after the day's file was corrected."""
    found = []
    for quantity in (2, 3):
        lake.deliver(DAY, orders(order(501, DAY, quantity), order(502, DAY)))
        lake.run(DAY)
        published = lake.published()
        found.append((published, published.digests()))
    return found


def test_readers_see_exactly_the_earlier_state_and_then_the_later_one(
    lake: Lake, states: list[tuple[Any, dict[str, str]]]
) -> None:
    (wrong, wrong_digests), (right, right_digests) = states
    assert wrong_digests != right_digests
    assert lake.query(REVENUE) == [["50.00"]]

    back = roll(lake)
    assert back["changed"]
    assert back["tables"]["daily_sales"] == f"1 day {DAY}"
    print(f"the pointer was moved in {back['seconds']} s")
    assert lake.published() == wrong
    assert lake.published().digests() == wrong_digests
    assert lake.query(REVENUE) == [["40.00"]]

    forward = roll(lake, back["from_version"])
    assert forward["changed"]
    assert lake.published() == right
    assert lake.published().digests() == right_digests
    assert lake.query(REVENUE) == [["50.00"]]

    # and every version can still be asked, under its own number
    for version, seen in ((back["to_version"], "40.00"), (back["from_version"], "50.00")):
        as_of = REVENUE.replace("daily_sales", "sales_analytics_history.daily_sales")
        assert lake.query(f"{as_of} AND version = {version}") == [[seen]]
    listed = lake.laptop_command("rollback", "--list")
    assert f"version {forward['from_version']} since" in listed.stdout
    assert lake.laptop_command("rollback", "--to", "9999").returncode == 1


def test_a_version_that_is_none_fails_with_the_list_and_an_alert(
    lake: Lake, states: list[tuple[Any, dict[str, str]]], alert_queue: str
) -> None:
    runs = RunsOf(lake, "retail_rollback")
    before = lake.published()
    run = runs.start(version="9999")
    assert runs.finish(run, RUN_SECONDS) == "failed"
    assert lake.published() == before
    said = str(lake.alerts(alert_queue))
    assert "no version '9999'" in said
    assert next(row.release for row in before.pointer if row.sale_date == DAY) in said


@contextmanager
def awake(runs: RunsOf) -> Iterator[None]:
    """The DAG is not paused meanwhile."""
    runs.call("PATCH", "", {"is_paused": False})
    yield
    runs.call("PATCH", "", {"is_paused": True})


def test_housekeeping_finds_no_drift_and_nothing_old_enough(
    lake: Lake, states: list[tuple[Any, dict[str, str]]]
) -> None:
    runs = RunsOf(lake, "retail_housekeeping")
    before = lake.published()
    with awake(runs):
        run = runs.start(dry_run=False)
        runs.succeed(run, RUN_SECONDS)
    assert runs.returned(run, "report_drift") == {}
    report = runs.returned(run, "collect")
    assert report["dry_run"] is False
    assert (report["objects"], report["partitions"], report["missing"]) == (0, 0, [])
    assert report["versions"] >= 2
    assert lake.published() == before
