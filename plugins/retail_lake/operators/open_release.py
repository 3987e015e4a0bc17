"""Decide which days a run is for."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException


class Window(Protocol):
    """The days of a run: first, last, and all of them in order."""

    from_date: date
    to_date: date

    def __iter__(self) -> Any:
        """Yield the days."""


class MarkerLayout(Protocol):
    """Where the markers of complete deliveries lie in the lake's bucket."""

    def success_key(self, dataset: str, ingest_date: date, /) -> str:
        """Return the key of a day's marker."""


class OpenReleaseOperator(BaseOperator):
    """Resolves the run's window and makes the release's id.

    The run's parameters `from_date` and `to_date` come first, then its data interval; a run without
    a logical date (REST with null) has neither and means the day before. It is the only task that
    knows how the run was started; clearing it opens a new release.

    Args:
        resolve: (from_date, to_date, data_interval_start, run_after) → window; a ValueError is a
            request that no retry can fulfil.
        release_id: (dag_id, run_id, try_number, window) → id.
        bucket: the lake's bucket.
        datasets: the datasets that may be waited for.
        layout: where the object lies that says a day's delivery is complete.
    """

    def __init__(
        self,
        *,
        resolve: Callable[[str | None, str | None, datetime | None, datetime], Window],
        release_id: Callable[[str, str, int, Any], str],
        bucket: str,
        datasets: Sequence[str],
        layout: MarkerLayout,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.resolve = resolve
        self.release_id = release_id
        self.bucket = bucket
        self.datasets = datasets
        self.layout = layout

    def execute(self, context: Any) -> dict[str, Any]:
        """Open the release.

        Returns:
            `release`, `from_date` and `to_date` (ISO). Pushed under keys of their own, so that they
            stay lists: `days` (ISO) and per dataset `markers_<dataset>` (addresses).
        """
        ti, params = context["ti"], context["params"]
        try:
            window = self.resolve(
                params.get("from_date"),
                params.get("to_date"),
                context.get("data_interval_start"),
                context["dag_run"].run_after,
            )
        except ValueError as error:
            raise AirflowFailException(str(error)) from error
        days: list[date] = list(window)
        ti.xcom_push(key="days", value=[day.isoformat() for day in days])
        for dataset in self.datasets:
            keys = [self.layout.success_key(dataset, day) for day in days]
            ti.xcom_push(
                key=f"markers_{dataset}", value=[f"s3://{self.bucket}/{key}" for key in keys]
            )
        opened = {
            "release": self.release_id(ti.dag_id, ti.run_id, ti.try_number, window),
            "from_date": window.from_date.isoformat(),
            "to_date": window.to_date.isoformat(),
        }
        self.log.info("Opened %s", opened)
        return opened
