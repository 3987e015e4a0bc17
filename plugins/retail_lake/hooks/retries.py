"""How the AWS clients retry."""

from typing import Any

# Adaptive mode backs off on throttling instead of failing a task whose job goes on (airflow#52152,
# #23475). The number of attempts bounds it; a longer outage is the task's own retry.
ADAPTIVE_RETRIES: dict[str, Any] = {"retries": {"mode": "adaptive", "max_attempts": 8}}
