"""Put into Airflow's `config/`, where each of its components imports it when it starts.

The scheduler forks a process for every task and the dag-processor for every DAG file: what
operators import is half of a short task's work, and so comes along. Only packages that no
deployment changes; our own plugins are read anew by each task.
"""

import airflow.providers.amazon.aws.operators.athena
import airflow.providers.amazon.aws.operators.glue
import airflow.providers.amazon.aws.operators.glue_crawler
import airflow.providers.amazon.aws.sensors.s3
import airflow.providers.standard.operators.empty
import airflow.providers.standard.operators.hitl
import airflow.providers.standard.operators.trigger_dagrun
import airflow.sdk.execution_time.task_runner

__all__ = ()  # no setting of Airflow's is overridden
