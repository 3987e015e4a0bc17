"""Job definitions: MiniStack's, with what MiniStack leaves out of them."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.local_aws.front.context import AwsError, Context

# What a definition may have and MiniStack 1.5.33 does not keep.
LEFT_OUT = (
    "AllocatedCapacity",
    "ExecutionClass",
    "ExecutionProperty",
    "JobMode",
    "LogUri",
    "MaintenanceWindow",
    "NotificationProperty",
)
# A number that a template takes from a parameter is text in MiniStack.
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "MaxCapacity": float,
    "MaxRetries": int,
    "NumberOfWorkers": int,
    "Timeout": int,
}
WORKERS = ("NumberOfWorkers", "WorkerType")
SCHEMA = "CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, left_out TEXT NOT NULL)"


class JobDefinitions:
    """The job definitions of the account.

    A job that CloudFormation makes does not pass through here: it has the service's defaults
    for what MiniStack leaves out, of which one matters, `MaxConcurrentRuns` 1.

    Args:
        context: Where MiniStack is.
        file: SQLite database of what is left out, made if missing.
    """

    def __init__(self, context: Context, file: Path) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def get(self, name: str) -> dict[str, Any]:
        """One definition.

        Raises:
            AwsError: EntityNotFoundException.
        """
        return self._whole(self._context.forward("AWSGlue.GetJob", {"JobName": name})["Job"])

    def all(self) -> list[dict[str, Any]]:
        """All definitions, by name."""
        jobs = self._context.forward("AWSGlue.GetJobs", {})["Jobs"]
        return sorted((self._whole(job) for job in jobs), key=lambda job: str(job["Name"]))

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateJob."""
        _require_one_capacity(request)
        answer = self._context.forward("AWSGlue.CreateJob", request)
        self._remember(request["Name"], request)
        return answer

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateJob: what the update does not name gets its default back, as in Glue."""
        _require_one_capacity(request.get("JobUpdate") or {})
        answer = self._context.forward("AWSGlue.UpdateJob", request)
        self._remember(request["JobName"], request.get("JobUpdate") or {})
        return answer

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteJob."""
        answer = self._context.forward("AWSGlue.DeleteJob", request)
        with self._lock:
            self._database.execute("DELETE FROM jobs WHERE name = ?", (request.get("JobName"),))
        return answer

    def several(self, names: list[str]) -> dict[str, Any]:
        """BatchGetJobs."""
        jobs, missing = [], []
        for name in names:
            try:
                jobs.append(self.get(name))
            except AwsError as error:
                if error.code != "EntityNotFoundException":
                    raise
                missing.append(name)
        return {"Jobs": jobs, "JobsNotFound": missing}

    def _remember(self, name: str, given: dict[str, Any]) -> None:
        kept = {key: given[key] for key in LEFT_OUT if key in given}
        with self._lock:
            self._database.execute(
                "INSERT OR REPLACE INTO jobs (name, left_out) VALUES (?, ?)",
                (name, json.dumps(kept)),
            )

    def _whole(self, job: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            row = self._database.execute(
                "SELECT left_out FROM jobs WHERE name = ?", (job["Name"],)
            ).fetchone()
        known = {
            key: NUMBERS.get(key, _same)(value) for key, value in job.items() if value is not None
        }
        if (known.get("Command") or {}).get("Name") == "pythonshell":
            # MiniStack gives every job workers; this kind has none
            known = {key: value for key, value in known.items() if key not in WORKERS}
        defaults = {"ExecutionProperty": {"MaxConcurrentRuns": 1}}
        return defaults | known | (json.loads(row[0]) if row else {})


def _require_one_capacity(job: dict[str, Any]) -> None:
    """Refuse two ways at once of saying how large a job is.

    Raises:
        AwsError: InvalidInputException.
    """
    workers = [name for name in ("WorkerType", "NumberOfWorkers") if job.get(name)]
    if workers and (job.get("MaxCapacity") or job.get("AllocatedCapacity")):
        text = "Please do not set Max Capacity if using Worker Type and Number of Workers."
        raise AwsError("InvalidInputException", text)


def _same(value: Any) -> Any:
    return value
