"""Put into Airflow's `config/`, where each of its components imports it when it starts.

The scheduler forks a process for every task and the dag-processor for every DAG file: what
operators import is half of a short task's work, and so comes along. Only packages that no
deployment changes; our own plugins are read anew by each task.
"""

from importlib import import_module

__all__ = ()  # no setting of Airflow's is overridden

for module in (
    "airflow.providers.amazon.aws.operators.athena",
    "airflow.providers.amazon.aws.operators.glue",
    "airflow.providers.amazon.aws.operators.glue_crawler",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.sdk.execution_time.task_runner",
):
    import_module(module)
