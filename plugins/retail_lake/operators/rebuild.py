"""Run a DAG for each given configuration, and wait for it."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator


class RebuildDaysOperator(TriggerDagRunOperator):
    """Triggers a run, to be mapped over `conf` and `trigger_run_id`, and succeeds when it does.

    House defaults over the provider's operator, and why: no logical date, so that a run for chosen
    days never meets a scheduled one; a retry runs the same run again instead of a second one;
    deferred while it waits; no parameters of OpenLineage, since the run takes none but its own.
    """

    def __init__(
        self, *, conf: Any = None, trigger_run_id: str | None = None, **kwargs: Any
    ) -> None:
        kwargs["execution_timeout"] = timedelta(hours=20)
        super().__init__(
            conf=conf,
            trigger_run_id=trigger_run_id,
            logical_date=None,
            reset_dag_run=True,
            wait_for_completion=True,
            deferrable=True,
            poke_interval=10,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
