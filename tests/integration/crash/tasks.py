"""Runs of our DAGs, task by task, in processes that may be killed."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
KILLED = -signal.SIGKILL
#: Pattern of the calls that change something.
WRITES = r"\.(Batch(Create|Delete|Stop)|Complete|Copy|Create|Delete|Put|Start|Update|Upload)"


@dataclass(frozen=True)
class FailPoint:
    """Where an attempt dies: `before` its n-th call to AWS is sent, or `after` the answer.

    Attributes:
        call: n, from 1.
        side: `before` or `after`.
        only: pattern of the calls that count.
    """

    call: int
    side: str
    only: str = ""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: success, skipped, failed or killed.
        error: why it failed.
        calls: what it sent to AWS, e.g. `glue.UpdateTable`, in order.
    """

    state: str
    error: str
    calls: Sequence[str]


class Worker:
    """The process that forks for every attempt (see `worker.py`).

    Attributes:
        tasks: by DAG the name of each task's operator, in an order in which they may run.
    """

    def __init__(self, deployment: Path, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "worker.log"
        self._numbers: Counter[str] = Counter()
        answers, theirs = os.pipe()
        command = [sys.executable, "-m", "tests.integration.crash.worker", str(deployment)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(theirs)],
                cwd=ROOT,
                env=os.environ
                | {"AIRFLOW_HOME": str(folder / "airflow"), "PYTHONPATH": str(ROOT / "plugins")},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[theirs],
                text=True,
            )
        os.close(theirs)
        self._answers = os.fdopen(answers)
        self.tasks: dict[str, dict[str, str]] = json.loads(self._answer())

    def ask(self, order: dict[str, Any]) -> int:
        """Give an order; return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._answers.close()

    def number(self, name: str) -> int:
        """Number things of a name from 1."""
        self._numbers[name] += 1
        return self._numbers[name]

    def _answer(self) -> str:
        line = self._answers.readline()
        assert line, f"the worker ended:\n{self.log.read_text()[-4000:]}"
        return line


@dataclass
class Attempt:
    """A running attempt of a task."""

    worker: Worker
    pid: int
    calls: Path
    outcome: Path

    def kill(self) -> None:
        """Send SIGKILL; it may have ended."""
        os.kill(self.pid, signal.SIGKILL)  # not waited for yet, so the number is still its own

    def wait(self) -> Outcome:
        """Wait for its end."""
        code = self.worker.ask({"wait": self.pid})
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        if code == KILLED:
            return Outcome("killed", "", calls)
        assert code == 0, self.worker.log.read_text()[-4000:]
        ended = json.loads(self.outcome.read_text())
        return Outcome(ended["state"], ended.get("error", ""), calls)


@dataclass
class Run:
    """A run of a DAG whose tasks are executed one by one.

    Attributes:
        params: as of the trigger form.
    """

    worker: Worker
    dag_id: str
    run_id: str
    params: dict[str, Any] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def __post_init__(self) -> None:
        self.folder = self.worker.folder / self.run_id
        self.folder.mkdir()

    @property
    def xcoms(self) -> Path:
        """The file of its XComs."""
        return self.folder / "xcoms.json"

    def give(self, task_id: str, **values: Any) -> None:
        """Push XComs in the name of a task."""
        found = json.loads(self.xcoms.read_text()) if self.xcoms.exists() else {}
        self.xcoms.write_text(json.dumps(found | {task_id: values}))

    def returned(self, task_id: str) -> Any:
        """What a task returned."""
        return json.loads(self.xcoms.read_text())[task_id]["return_value"]

    def start(self, task_id: str, at: FailPoint | None = None) -> Attempt:
        """Start the next attempt of a task."""
        number = self.worker.number(f"{self.run_id}/{task_id}")
        name = f"{task_id}-{number}"
        order = {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": task_id,
            "try_number": number,
            "params": self.params,
            "started": self.started,
            "xcoms": str(self.xcoms),
            "log": str(self.folder / "log"),
            "calls": str(self.folder / f"{name}.calls"),
            "outcome": str(self.folder / f"{name}.json"),
            **asdict(at or FailPoint(0, "before")),
        }
        pid = self.worker.ask(order)
        return Attempt(self.worker, pid, Path(order["calls"]), Path(order["outcome"]))

    def complete(self, task_id: str) -> Outcome:
        """Run a task to its end, which must be a good one."""
        outcome = self.start(task_id).wait()
        assert outcome.state in ("success", "skipped"), f"{task_id}: {outcome.error}"
        return outcome

    def kill(
        self,
        task_id: str,
        sides: Sequence[str] = ("before", "after"),
        only: str = "",
        check: Callable[[], None] = lambda: None,
        most: int | None = None,
    ) -> int:
        """Kill a task at each of its calls, until it has no more and succeeds.

        Args:
            task_id: the task.
            sides: where at a call: before it is sent, after it was answered.
            only: pattern of the calls.
            check: what must hold after every kill.
            most: how often; the attempt after that is left alone.

        Returns:
            How often it was killed.
        """
        points = (FailPoint(call, side, only) for call in count(1) for side in sides)
        for kills, point in enumerate(islice(points, most)):
            outcome = self.start(task_id, point).wait()
            if outcome.state != "killed":
                assert outcome.state in ("success", "skipped"), f"{task_id}: {outcome.error}"
                return kills
            check()
        self.complete(task_id)
        return most or 0
