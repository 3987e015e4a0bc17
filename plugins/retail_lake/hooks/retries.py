"""How the AWS clients retry."""

from typing import Any

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
