"""One run, from STARTING to its final state."""

import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from include.local_aws.front.context import Context
from include.local_aws.jobs import processes, workspace
from include.local_aws.jobs.arguments import ArgumentError, resolve
from include.local_aws.jobs.run_log import RunLog
from include.local_aws.jobs.store import RunStore

LOGGER = logging.getLogger(__name__)
POLL_SECONDS = 0.1
# Data processing units of one worker.
WORKER_DPUS = {
    "Standard": 1.0,
    "G.025X": 0.25,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
    "R.1X": 1.0,
    "R.2X": 2.0,
    "R.4X": 4.0,
    "R.8X": 8.0,
}
# StartJobRun, MaxCapacity: a pythonshell job has this or 1
SHELL_CAPACITY = 0.0625


@dataclass(frozen=True)
class Outcome:
    """How a run ended: SUCCEEDED, FAILED, TIMEOUT or STOPPED, and why."""

    state: str
    message: str = ""


class Execution:
    """Runs one job run in a thread of its own.

    Args:
        context: Surroundings.
        store: Gets every change of state.
        job: The definition.
        run: The run as it was added to the store.
        minute: Seconds in a minute of the run's timeout; tests have shorter ones.
        ended: Called with the final outcome, after the run's processes are gone and before
            the outcome is stored.
    """

    def __init__(
        self,
        context: Context,
        store: RunStore,
        job: Mapping[str, Any],
        run: Mapping[str, Any],
        minute: float,
        ended: Callable[["Execution", Outcome, dict[str, Any]], None],
    ) -> None:
        self.job = job
        self.run = run
        self._context = context
        self._store = store
        self._timeout = run["Timeout"] * minute
        self._ended = ended
        self._asked_to_end: Outcome | None = None
        self._wake = threading.Event()
        self._running_since: float | None = None
        self._thread = threading.Thread(target=self._work, name=run["Id"], daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_end(self, outcome: Outcome) -> None:
        """End all processes of the run and give it this outcome, unless it ends by itself now."""
        self._asked_to_end = outcome
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for the end."""
        self._thread.join(seconds)

    def _work(self) -> None:
        folder = run_folder(self._context, self.run["Id"])
        try:
            outcome = self._outcome(folder)
        except (ArgumentError, workspace.PreparationError) as error:
            outcome = Outcome("FAILED", str(error))
        except Exception as error:
            # whatever broke here: the run did not do its work, and whoever waits must hear it
            LOGGER.exception("%s", self.run["Id"])
            outcome = Outcome("FAILED", f"the local Glue failed: {type(error).__name__}: {error}")
        shutil.rmtree(folder, ignore_errors=True)
        LOGGER.info("%s of %s: %s %s", self.run["Id"], self.run["JobName"], *_words(outcome))
        self._ended(self, outcome, self._final(outcome))

    def _outcome(self, folder: Path) -> Outcome:
        run_id = self.run["Id"]
        arguments = resolve(self.job, self.run["Arguments"], run_id)
        prepared = workspace.prepare(self._context, self.job, arguments, run_id, folder)
        if self._asked_to_end:
            return self._asked_to_end
        file = self._context.state / "logs" / "jobs" / f"{run_id}.log"
        logs, group = self._context.client("logs"), self.run["LogGroupName"]
        with RunLog(file, run_id, logs, group) as log:
            # with the credentials of its role, where policies are enforced
            role = self._context.session_environment(self.job.get("Role", ""), run_id)
            environment = {**prepared.environment, **role}
            process = processes.start(prepared.command, folder / "files", environment)
            try:
                self._running_since = time.time()
                log.follow(*processes.pipes(process))
                self._store.started(run_id, process.pid, processes.identity(process.pid))
                self._store.change(run_id, JobRunState="RUNNING")
                forced = self._wait(process)
            finally:
                # a script's own children end with it, as the machines of a Glue job do
                processes.end(process.pid)
                code = process.wait()
            if forced:
                log.write("error", f"{forced.state}: {forced.message}")
                return forced
            if code == 0:
                return Outcome("SUCCEEDED")
            log.wait()
            return Outcome("FAILED", log.failure(code))

    def _wait(self, process: Popen[bytes]) -> Outcome | None:
        """Wait for the script; the outcome if it has to be ended before it does so itself."""
        deadline = time.monotonic() + self._timeout
        while process.poll() is None:
            if self._asked_to_end:
                return self._asked_to_end
            if time.monotonic() > deadline:
                minutes = self.run["Timeout"]
                return Outcome("TIMEOUT", f"the run took longer than its timeout: {minutes} min")
            self._wake.wait(POLL_SECONDS)
        return None

    def _final(self, outcome: Outcome) -> dict[str, Any]:
        now = time.time()
        seconds = math.ceil(now - self._running_since) if self._running_since else 0
        fields = {
            "JobRunState": outcome.state,
            "CompletedOn": now,
            "ExecutionTime": seconds,
            "DPUSeconds": seconds * float(self.run["MaxCapacity"]),
        }
        return fields | ({"ErrorMessage": outcome.message} if outcome.message else {})


def run_folder(context: Context, run_id: str) -> Path:
    """Where a run works; it goes when the run ends."""
    return context.state / "jobs" / run_id


def capacity(settings: Mapping[str, Any]) -> float:
    """Data processing units of a run: its own capacity, or workers times their size."""
    if settings.get("WorkerType") and settings.get("NumberOfWorkers"):
        return WORKER_DPUS.get(settings["WorkerType"], 1.0) * int(settings["NumberOfWorkers"])
    shell = (settings.get("Command") or {}).get("Name") == "pythonshell"
    default = SHELL_CAPACITY if shell else 2.0
    return float(settings.get("MaxCapacity") or settings.get("AllocatedCapacity") or default)


def _words(outcome: Outcome) -> tuple[str, str]:
    return outcome.state, outcome.message.partition("\n")[0]
