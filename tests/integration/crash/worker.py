"""Runs tasks of our DAGs as they are, each in a process of its own that can be killed anywhere.

`python -m tests.integration.crash.worker DEPLOYMENT FD` imports Airflow and the DAGs once and forks
for every attempt of a task. What a worker of Airflow would give to the task is here: rendered
templates, XComs that are kept as soon as they are pushed and forgotten when the task starts anew,
triggers that fire. Orders come by standard input, answers go to
the file descriptor, both as lines of JSON (see `tasks.Worker`).

An attempt may be told to kill itself at a fail-point: before the n-th call to AWS is sent, or after
it was answered. Botocore's own events tell of the calls; nothing in the product knows of it.
"""

import json
import logging
import os
import re
import signal
import sys
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors
from botocore.handlers import BUILTIN_HANDLERS

from include.lake import deployment
from include.local_aws.processes import replace_text
from tests.unit.plugins.conftest import complete

ROOT = Path(__file__).parents[3]


@dataclass
class FailPoints:
    """Counts the calls to AWS, notes them in a file, and ends the process where it is told to.

    Attributes:
        file: gets a line per call, before it is sent.
        call: number of the call to die at, from 1; 0 for none.
        side: `before` it is sent or `after` it was answered.
        only: pattern of the calls that count.
        sent: how many of them there were.
    """

    file: Path
    call: int = 0
    side: str = "before"
    only: str = ""
    sent: int = 0

    def register(self) -> None:
        """Hear of the calls of every client that is made from now on."""
        BUILTIN_HANDLERS.append(("before-send", self.before))
        BUILTIN_HANDLERS.append(("after-call", self.after))

    def before(self, event_name: str, **_: Any) -> None:
        """Note a call that is about to be sent."""
        with self.file.open("a") as file:
            file.write(event_name.removeprefix("before-send.") + "\n")
        if re.search(self.only, event_name):
            self.sent += 1
            self._die("before")

    def after(self, event_name: str, **_: Any) -> None:
        """Hear of an answer."""
        if re.search(self.only, event_name):
            self._die("after")

    def _die(self, side: str) -> None:
        if (self.call, self.side) == (self.sent, side):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class TaskInstance:
    """What our operators use of a task instance; XComs are in a file of the run."""

    task: Any
    run_id: str
    try_number: int
    xcoms: Path
    map_index: int = -1
    log_url: str = "http://airflow/log"
    start_date: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.task_id, self.dag_id = self.task.task_id, self.task.dag.dag_id
        self.max_tries = 10_000  # an attempt that was killed is followed by a retry, not a clear
        self.task.retries = self.max_tries

    def kept(self) -> dict[str, dict[str, Any]]:
        """All values, by task and key."""
        return dict(json.loads(self.xcoms.read_text())) if self.xcoms.exists() else {}

    def forget(self) -> None:
        """Drop what an earlier attempt pushed, as Airflow does when a task starts."""
        replace_text(self.xcoms, json.dumps(self.kept() | {self.task_id: {}}))

    def xcom_push(self, key: str, value: Any) -> None:
        found = self.kept()
        found.setdefault(self.task_id, {})[key] = value
        replace_text(self.xcoms, json.dumps(found))

    def xcom_pull(
        self, task_ids: Any = None, key: str = "return_value", default: Any = None, **_: Any
    ) -> Any:
        found = self.kept()
        if isinstance(task_ids, list):
            return [found.get(task, {}).get(key, default) for task in task_ids]
        return found.get(task_ids or self.task_id, {}).get(key, default)


def attempt(task: Any, order: dict[str, Any]) -> dict[str, Any]:
    """Run one attempt; return its outcome."""
    ti = TaskInstance(task, order["run_id"], order["try_number"], Path(order["xcoms"]))
    started = datetime.fromisoformat(order["started"])
    context = {
        "ti": ti,
        "task_instance": ti,
        "task": task,
        "dag": task.dag,
        "params": dict(task.dag.params) | order["params"],
        "run_id": ti.run_id,
        "outlet_events": OutletEventAccessors(),
        "dag_run": SimpleNamespace(
            run_id=ti.run_id,
            run_after=started,
            start_date=started,
            logical_date=None,
            conf=order["params"],
            run_type="manual",
        ),
    }
    ti.forget()
    try:
        task.render_template_fields(context)
        result = complete(task, context)
    except AirflowSkipException:
        return {"state": "skipped"}
    except Exception as error:
        traceback.print_exc()
        return {"state": "failed", "error": f"{type(error).__name__}: {error}"}
    if result is not None:
        ti.xcom_push("return_value", result)
    return {"state": "success"}


def run(dags: dict[str, Any], order: dict[str, Any]) -> None:
    """Be the process of one attempt, to its end."""
    with Path(order["log"]).open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)
    FailPoints(Path(order["calls"]), order["call"], order["side"], order["only"]).register()
    task = dags[order["dag_id"]].get_task(order["task_id"])
    replace_text(Path(order["outcome"]), json.dumps(attempt(task, order)))


def main() -> None:
    """Take orders until standard input ends."""
    file, answers = Path(sys.argv[1]), os.fdopen(int(sys.argv[2]), "w")
    deployment.shipped = lambda *_: file  # type: ignore[assignment]
    bag = DagBag(dag_folder=str(ROOT / "dags"), include_examples=False)
    assert not bag.import_errors, bag.import_errors
    operators = {
        name: {task.task_id: task.task_type for task in dag.topological_sort()}
        for name, dag in bag.dags.items()
    }
    print(json.dumps(operators), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), file=answers, flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            run(bag.dags, order)
            os._exit(0)
        print(pid, file=answers, flush=True)


if __name__ == "__main__":
    main()
