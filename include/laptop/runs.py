"""Runs of a DAG through Airflow's REST API, as a user starts and watches them."""

import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from include.laptop.airflow import Airflow

DAG = "retail_sales_daily"
POLL_SECONDS = 0.5


class RunError(Exception):
    """A run that failed or did not end in time; the message names the tasks."""


class Runs:
    """The DAG's runs.

    Args:
        airflow: The installation; it must be up.
        dag: Which one; the daily DAG if not said.
    """

    def __init__(self, airflow: Airflow, dag: str = DAG) -> None:
        self._airflow = airflow
        self._token = airflow.token()
        self._dag = dag

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """One call below `/api/v2/dags/<dag>`."""
        return self._airflow.call(
            method, f"/api/v2/dags/{self._dag}{path}", body, token=self._token
        )

    def unpause(self) -> None:
        """Lets the scheduler run the DAG, and waits for the run of the last day that has ended.

        Raises:
            RunError: If the scheduler has made no run of the schedule after 60 s.
        """
        self.call("PATCH", "", {"is_paused": False})
        deadline = time.monotonic() + 60
        while not self.call("GET", "/dagRuns?run_type=scheduled&limit=1")["dag_runs"]:
            if time.monotonic() > deadline:
                raise RunError("the scheduler made no run in 60 s; see logs/scheduler.log")
            time.sleep(POLL_SECONDS)

    def scheduled_instant(self) -> datetime:
        """Start of the data interval that the schedule is about to run for."""
        return datetime.fromisoformat(self.call("GET", "")["next_dagrun_data_interval_start"])

    def trigger(self, first: date | None = None, last: date | None = None) -> str:
        """Starts a run with a null logical date, as `POST …/dagRuns` without one does.

        Returns:
            The run's id.
        """
        conf = {} if first is None else {"from_date": str(first), "to_date": str(last or first)}
        return self.start(conf)

    def start(self, conf: Mapping[str, Any]) -> str:
        """Starts a run with a form's values; returns its id."""
        run = self.call("POST", "/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(run["dag_run_id"])

    def waiting_run(self) -> str | None:
        """The scheduled run that has started and not ended, if there is one."""
        path = "/dagRuns?run_type=scheduled&state=running&state=queued&limit=1"
        runs = self.call("GET", path)["dag_runs"]
        return str(runs[0]["dag_run_id"]) if runs else None

    def state(self, run: str) -> str:
        """The run's state: queued, running, success, failed."""
        return str(self.call("GET", f"/dagRuns/{run}")["state"])

    def finish(self, run: str, seconds: float) -> str:
        """Waits until a run has ended; returns its state."""
        deadline = time.monotonic() + seconds
        while (state := self.state(run)) not in ("success", "failed"):
            if time.monotonic() > deadline:
                raise RunError(f"{run} is still {state} after {seconds:.0f} s: {self.tasks(run)}")
            time.sleep(POLL_SECONDS)
        return state

    def succeed(self, run: str, seconds: float) -> None:
        """Waits until a run has succeeded.

        Raises:
            RunError: With the failed tasks.
        """
        if self.finish(run, seconds) != "success":
            states = self.tasks(run)
            failed = sorted(task for task, state in states.items() if state == "failed")
            raise RunError(f"{run} failed at {', '.join(failed)}: see the task's log in the UI")

    def tasks(self, run: str) -> dict[str, str]:
        """State by task id."""
        instances = self.call("GET", f"/dagRuns/{run}/taskInstances?limit=200")["task_instances"]
        return {one["task_id"]: str(one["state"]) for one in instances}

    def returned(self, run: str, task: str, key: str = "return_value") -> Any:
        """What a task returned, or pushed under another key."""
        path = f"/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}?deserialize=true"
        return self.call("GET", path)["value"]
