"""Orders of a test: `/_local_aws/faults` and `/_local_aws/kill-job-run`, where faults are allowed.

GET    /_local_aws/faults         the orders that are not used up
POST   /_local_aws/faults         an order (see include.local_aws.faults.rules)
DELETE /_local_aws/faults         forget all orders
POST   /_local_aws/kill-job-run   {"JobRunId": …}: SIGKILL to all processes of a run
"""

import json
import os
import signal
from typing import Any

from include.local_aws.faults import Fault, FaultRules, WrongFaultError
from include.local_aws.front.context import Context
from include.local_aws.jobs.processes import members
from include.local_aws.jobs.store import RunStore

PREFIX = "/_local_aws/"
HOW = "faults are not allowed: start the local AWS with --faults (or LOCAL_AWS_FAULTS=1)"


def execute(
    method: str, path: str, body: bytes, context: Context, rules: FaultRules | None
) -> tuple[int, dict[str, Any]]:
    """Do what a test orders: (HTTP status, answer)."""
    if rules is None:
        return 403, {"error": HOW}
    try:
        order = json.loads(body or b"{}")
        if (method, path) == ("GET", PREFIX + "faults"):
            return 200, {"faults": rules.all()}
        if (method, path) == ("DELETE", PREFIX + "faults"):
            rules.clear()
            return 200, {}
        if (method, path) == ("POST", PREFIX + "faults"):
            rules.add(Fault.of(order))
            return 200, {"faults": rules.all()}
        if (method, path) == ("POST", PREFIX + "kill-job-run"):
            return _kill(str(order.get("JobRunId")), context)
    except (WrongFaultError, ValueError) as error:
        return 400, {"error": str(error)}
    return 404, {"error": f"{method} {path} is not known here"}


def _kill(run: str, context: Context) -> tuple[int, dict[str, Any]]:
    """Kill the script of a run and all that it started."""
    store = RunStore(context.state / "jobs.sqlite")
    try:
        found = [left for left in store.leftovers() if left.id == run and left.pid]
    finally:
        store.close()
    if not found or not found[0].pid:
        return 404, {"error": f"no process of a job run {run} is running"}
    killed = members(found[0].pid)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    return 200, {"killed": killed}
