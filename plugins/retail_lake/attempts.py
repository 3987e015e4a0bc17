"""Idempotency tokens of a task's attempts.

AWS calls that start billable work carry a token made of (dag, run, task, attempt, inputs). The same
attempt delivered twice makes the same token, so it is the same work; a retry or a cleared task is a
new attempt, so it really runs again.
"""

import hashlib
from typing import Any


def attempt_token(ti: Any, try_number: int, *inputs: str) -> str:
    """Return the token of one attempt of a task: 64 lower-case hex characters.

    Args:
        ti: the running task instance (dag_id, run_id, task_id, map_index).
        try_number: the attempt, 1-based; an earlier number gives that attempt's token.
        inputs: texts that decide what the attempt does, e.g. the SQL.
    """
    identity = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, try_number, *inputs)
    return hashlib.sha256("|".join(map(str, identity)).encode()).hexdigest()


def chain_start(ti: Any) -> int:
    """Return the first try number of the current chain of attempts.

    Clearing a task starts a new chain: Airflow raises `max_tries` to the tries used so far plus the
    task's retries. Attempts before it belong to work that somebody decided to do again.
    """
    return max(1, int(ti.max_tries) - int(ti.task.retries or 0) + 1)
