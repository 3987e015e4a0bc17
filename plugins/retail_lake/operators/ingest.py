"""Bring in every dataset of a run's days, side by side."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from airflow.sdk import TaskGroup

from retail_lake import operators
from retail_lake.sensors.delivery import DeliverySensor


class Source(Protocol):
    """Where a dataset comes from: `s3_drop`, or a kind and an engine that `EXTRACTS` names."""

    kind: str
    engine: str
    secret: str | None


class Contract(Protocol):
    """What is agreed on a dataset."""

    dataset: str
    source: Source


class IngestTaskGroup(TaskGroup):
    """Per dataset `wait_<dataset>`, for files that are sent, or `extract_<dataset>`.

    Args:
        group_id: the group's name.
        contracts: one per dataset.
        opened: the task that opened the release, with the days and the markers to wait for.
        secret_id: name of a source's secret → its id in Secrets Manager.
        time_zone: of the business day.
        extract_job: the Glue job for the tables that are too large for a worker.
        bucket: the lake's bucket.
        layout: where things lie.
    """

    def __init__(
        self,
        group_id: str,
        contracts: Sequence[Contract],
        *,
        opened: Any,
        secret_id: Callable[[str], str],
        time_zone: str,
        extract_job: str,
        bucket: str,
        layout: Any,
    ) -> None:
        super().__init__(group_id=group_id)
        engines = {"worker": {"time_zone": time_zone}, "glue": {"job_name": extract_job}}
        with self:
            for each in contracts:
                name = each.dataset
                if each.source.kind == "s3_drop":
                    markers = opened.output[f"markers_{name}"]
                    DeliverySensor(task_id=f"wait_{name}", bucket_key=markers)
                    continue
                operators.EXTRACTS[each.source.kind, each.source.engine](
                    task_id=f"extract_{name}",
                    secret_id=secret_id(str(each.source.secret)),
                    contract=each,
                    days=opened.output["days"],
                    bucket=bucket,
                    layout=layout,
                    **engines[each.source.engine],
                )
