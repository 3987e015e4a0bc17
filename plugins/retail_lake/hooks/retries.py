"""How calls to AWS are made again."""

import logging
from typing import Any

from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from retail_lake.hooks.errors import is_passing

# Adaptive mode backs off on throttling instead of failing a task whose job goes on (airflow#52152,
# #23475). The number of attempts bounds it; a longer outage is the task's own retry.
ADAPTIVE_RETRIES: dict[str, Any] = {"retries": {"mode": "adaptive", "max_attempts": 8}}

# A notice is not worth a worker's time: where SNS is down or does not answer, it is given up after
# a minute at most instead of ten (boto3 waits 60 s for an answer, nine times).
NOTICE_RETRIES: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {"mode": "standard", "max_attempts": 3},
}

# For a call that must not be repeated blindly: whoever makes it looks first what became of it.
SINGLE_ATTEMPT: dict[str, Any] = {"retries": {"total_max_attempts": 1}}


def attempts(log: Any) -> Retrying:
    """Return what makes a call six times at most, with pauses that grow and are logged.

    Only errors that may pass are tried again; the last one is raised.
    """
    return Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_random_exponential(max=20),
        stop=stop_after_attempt(6),
        before_sleep=before_sleep_log(log, logging.INFO),
        reraise=True,
    )
