"""The actions of the Glue API about job runs, and those about jobs that MiniStack lacks."""

import hashlib
import logging
import re
import shutil
import threading
import time
import uuid
from typing import Any

from include.local_aws.front.context import AwsError, Context, Handler
from include.local_aws.jobs import processes
from include.local_aws.jobs.bookmarks import Bookmarks
from include.local_aws.jobs.definitions import JobDefinitions
from include.local_aws.jobs.execution import Execution, Outcome, capacity, run_folder
from include.local_aws.jobs.requests import page_size, position, settings, text, token
from include.local_aws.jobs.store import ACTIVE, Leftover, RunStore

LOGGER = logging.getLogger(__name__)
ATTEMPT = re.compile(r"_attempt_(\d+)$")
CRASHED = "the local AWS ended while this run was running"
LOG_GROUPS = {"pythonshell": "/aws-glue/python-jobs"}
OPTIONAL = (
    "ExecutionClass",
    "GlueVersion",
    "NotificationProperty",
    "NumberOfWorkers",
    "SecurityConfiguration",
    "TriggerName",
    "WorkerType",
)


class JobRunApi:
    """Starts, shows and stops job runs.

    Runs that were active when an earlier front ended are FAILED from the start, and whatever
    is left of their processes is ended.

    Args:
        context: Surroundings; databases, run folders and logs are below its state folder.
        minute: Seconds in a minute of a run's timeout; tests have shorter ones.
    """

    def __init__(self, context: Context, minute: float = 60.0) -> None:
        self._context = context
        self._minute = minute
        self._store = RunStore(context.state / "jobs.sqlite")
        self._definitions = JobDefinitions(context, context.state / "jobs.sqlite")
        self._bookmarks = Bookmarks(context.state / "jobs.sqlite")
        self._lock = threading.Lock()
        self._executions: dict[str, Execution] = {}
        self._closing = False
        for left in self._store.leftovers():
            self._give_up(left)

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target."""
        return {
            "AWSGlue.StartJobRun": self.start,
            "AWSGlue.GetJobRun": self.get,
            "AWSGlue.GetJobRuns": self.page,
            "AWSGlue.BatchStopJobRun": self.stop,
            "AWSGlue.CreateJob": self._definitions.create,
            "AWSGlue.UpdateJob": self._definitions.update,
            "AWSGlue.DeleteJob": self._delete,
            "AWSGlue.GetJob": lambda body: {"Job": self._definitions.get(text(body, "JobName"))},
            "AWSGlue.GetJobs": lambda _: {"Jobs": self._definitions.all()},
            "AWSGlue.ListJobs": self._list_jobs,
            "AWSGlue.BatchGetJobs": lambda body: self._definitions.several(body["JobNames"]),
            **self._bookmarks.handlers(),
        }

    def close(self) -> None:
        """End all runs: they become FAILED, for they did not do their work."""
        with self._lock:
            self._closing = True
            executions = list(self._executions.values())
        for execution in executions:
            execution.ask_to_end(Outcome("FAILED", CRASHED))
        for execution in executions:
            execution.join(3 * processes.GRACE_SECONDS)
        self._bookmarks.close()
        self._definitions.close()
        self._store.close()

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """StartJobRun.

        Raises:
            AwsError: EntityNotFoundException, InvalidInputException,
                ConcurrentRunsExceededException.
        """
        job = self._definitions.get(text(body, "JobName"))
        run = self._new_run(job, body)
        most = int(job["ExecutionProperty"].get("MaxConcurrentRuns", 1))
        with self._lock:
            if self._closing:
                raise AwsError("InternalServiceException", "the local AWS is shutting down", 500)
            if not self._store.add(run, most):
                raise AwsError(
                    "ConcurrentRunsExceededException",
                    f"Concurrent runs exceeded for {job['Name']}: its MaxConcurrentRuns is {most}",
                )
            self._execute(job, run)
        return {"JobRunId": run["Id"]}

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetJobRun."""
        name, run_id = text(body, "JobName"), text(body, "RunId")
        run = self._store.get(name, run_id)
        if run is None:
            raise AwsError("EntityNotFoundException", f"Job run {run_id} of {name} not found")
        return {"JobRun": _timed(run)}

    def page(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetJobRuns: newest first."""
        job = self._definitions.get(text(body, "JobName"))
        size = page_size(body)
        runs, more = self._store.page(job["Name"], size, position(body.get("NextToken")))
        answer: dict[str, Any] = {"JobRuns": [_timed(run) for run in runs]}
        return answer | ({"NextToken": token(more)} if more is not None else {})

    def stop(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchStopJobRun: the runs become STOPPING, and STOPPED when their processes are gone."""
        name = text(body, "JobName")
        stopped, errors = [], []
        for run_id in body.get("JobRunIds") or []:
            problem = self._stop_one(name, run_id)
            if problem is None:
                stopped.append({"JobName": name, "JobRunId": run_id})
            else:
                code, message = problem
                detail = {"ErrorCode": code, "ErrorMessage": message}
                errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def _stop_one(self, name: str, run_id: str) -> tuple[str, str] | None:
        run = self._store.get(name, run_id)
        if run is None:
            return "EntityNotFoundException", f"Job run {run_id} of {name} not found"
        with self._lock:
            execution = self._executions.get(run_id)
        if execution is None or not self._store.change(run_id, JobRunState="STOPPING"):
            return "JobRunCannotBeStoppedException", f"{run_id} is {run['JobRunState']}"
        execution.ask_to_end(Outcome("STOPPED"))
        return None

    def _give_up(self, left: Leftover) -> None:
        """End what is left of a run of an earlier front, and say so."""
        if left.pid is not None and left.created is not None:
            processes.end_leftover(left.pid, left.created)
        shutil.rmtree(run_folder(self._context, left.id), ignore_errors=True)
        self._store.change(
            left.id, JobRunState="FAILED", ErrorMessage=CRASHED, CompletedOn=time.time()
        )
        LOGGER.warning("%s: FAILED, %s", left.id, CRASHED)

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._definitions.delete(body)
        self._bookmarks.delete(str(body.get("JobName")))
        return answer

    def _list_jobs(self, body: dict[str, Any]) -> dict[str, Any]:
        names = [job["Name"] for job in self._definitions.all()]
        size, start = int(body.get("MaxResults") or 100), position(body.get("NextToken")) or 0
        more = {"NextToken": token(start + size)} if start + size < len(names) else {}
        return {"JobNames": names[start : start + size]} | more

    def _new_run(self, job: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        previous = self._previous(job["Name"], body.get("JobRunId"))
        asked = settings(job, body)
        run_id = f"jr_{hashlib.sha256(uuid.uuid4().bytes).hexdigest()}"
        arguments, attempt = body.get("Arguments") or {}, 0
        if previous is not None:
            arguments = body.get("Arguments") or previous["Arguments"]
            attempt = previous["Attempt"] + 1
            run_id = f"{ATTEMPT.sub('', previous['Id'])}_attempt_{attempt}"
            if self._store.get(job["Name"], run_id):
                raise AwsError("InvalidInputException", f"{previous['Id']} was retried already")
        now = time.time()
        run = {
            "Id": run_id,
            "Attempt": attempt,
            "JobName": job["Name"],
            "StartedOn": now,
            "LastModifiedOn": now,
            "JobRunState": "STARTING",
            "Arguments": arguments,
            "PredecessorRuns": [],
            "AllocatedCapacity": max(1, round(capacity(asked))),
            "MaxCapacity": capacity(asked),
            "ExecutionTime": 0,
            "Timeout": int(asked.get("Timeout") or 2880),
            "LogGroupName": LOG_GROUPS.get(job["Command"].get("Name"), "/aws-glue/jobs"),
            **{key: asked[key] for key in OPTIONAL if asked.get(key)},
        }
        return run | ({"PreviousRunId": previous["Id"]} if previous else {})

    def _previous(self, name: str, run_id: str | None) -> dict[str, Any] | None:
        if run_id is None:
            return None
        previous = self._store.get(name, run_id)
        if previous is None:
            raise AwsError("EntityNotFoundException", f"Job run {run_id} of {name} not found")
        if previous["JobRunState"] in ACTIVE:
            raise AwsError("InvalidInputException", f"{run_id} has not ended: it cannot be retried")
        return previous

    def _execute(self, job: dict[str, Any], run: dict[str, Any]) -> None:
        execution = Execution(self._context, self._store, job, run, self._minute, self._ended)
        self._executions[run["Id"]] = execution
        execution.start()

    def _ended(self, execution: Execution, outcome: Outcome, final: dict[str, Any]) -> None:
        """Store how a run ended, and start the next attempt if the job has one left."""
        run, job = execution.run, execution.job
        with self._lock:
            self._store.change(run["Id"], **final)
            del self._executions[run["Id"]]
            attempts_left = int(job.get("MaxRetries") or 0) > run["Attempt"]
            if outcome.state != "FAILED" or not attempts_left or self._closing:
                return
            again = self._new_run(dict(job), {"JobRunId": run["Id"]})
            if self._store.add(again, int(job["ExecutionProperty"].get("MaxConcurrentRuns", 1))):
                self._execute(dict(job), again)
            else:
                LOGGER.error("%s is not retried: its job runs already", run["Id"])


def _timed(run: dict[str, Any]) -> dict[str, Any]:
    """A run with its execution time so far."""
    if run["JobRunState"] in ("RUNNING", "STOPPING"):
        return run | {"ExecutionTime": int(time.time() - run["StartedOn"])}
    return run
