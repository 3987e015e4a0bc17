"""What every task and run of ours starts from."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import Param

# One slot, created with `airflow pools set glue 1 "one crawl or job at a time" --include-deferred`:
# neither max_active_runs (backfills have their own) nor max_active_tis_per_dag (deferred tasks do
# not count) keeps two runs apart.
GLUE_POOL = "glue"


def task_defaults(on_failure: Callable[[Any], None], **more: Any) -> dict[str, Any]:
    """Return a DAG's default_args: owner, retries, limits, the failure alert, and `more`.

    A deferrable task needs a retry at least: one that resumes before the executor has handled its
    deferral can be marked failed (airflow#66374). Airflow adds a jitter to the growing delay.
    """
    return {
        "owner": "retail-data-platform",
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": on_failure,
        **more,
    }


def dag_defaults(alert: Callable[[Any], None], **more: Any) -> dict[str, Any]:
    """Return what every DAG is made with: no catch-up, the failure alert, the tasks' defaults.

    Args:
        alert: called with the context of what failed.
        more: further defaults of the tasks, e.g. `costs`, taken by the operators that know it.
    """
    return {
        "catchup": False,
        "default_args": task_defaults(on_failure=alert, **more),
        "on_failure_callback": alert,
    }


def xcom(task_id: str, key: str) -> str:
    """Return what says in Jinja: that entry of the task's result."""
    return f"{{{{ ti.xcom_pull(task_ids='{task_id}')['{key}'] }}}}"


def window_params(
    first: str = "First business day; empty: as scheduled",
    last: str = "Last business day of a range; empty: one day",
) -> dict[str, Param]:
    """Return the parameters of a run for chosen days; the trigger form shows them as dates."""
    texts = {"from_date": first, "to_date": last}
    return {
        name: Param(None, type=["null", "string"], format="date", description=text)
        for name, text in texts.items()
    }


def review_param() -> dict[str, Param]:
    """Return the parameter that makes a run wait for a person's approval."""
    text = "Ask a person, who sees what would change, before anything is published"
    return {"review": Param(False, type="boolean", description=text)}
