"""Decide which days a run is for and note the published state it builds on."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.catalog import CatalogHook


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


class OpenReleaseOperator(AwsBaseOperator[CatalogHook]):
    """Resolves the run's window, makes the release's id and reads the pointer's version.

    The run's parameters `from_date` and `to_date` come first, then its data interval; a run without
    a logical date (REST with null) has neither and means the day before. It is the only task that
    knows how the run was started; clearing it opens a new release.

    Args:
        resolve: (from_date, to_date, data_interval_start, run_after) → window; a ValueError is a
            request that no retry can fulfil.
        release_id: (dag_id, run_id, try_number, window) → id.
        pointer: (database, table) of the table that says what is published.
        bucket: the lake's bucket.
        datasets: the datasets that may be waited for.
        layout: where the object lies that says a day's delivery is complete.
    """

    aws_hook_class = CatalogHook
    template_fields: Sequence[str] = ()

    def __init__(
        self,
        *,
        resolve: Callable[[str | None, str | None, datetime | None, datetime], Window],
        release_id: Callable[[str, str, int, Any], str],
        pointer: tuple[str, str],
        bucket: str,
        datasets: Sequence[str],
        layout: MarkerLayout,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.resolve = resolve
        self.release_id = release_id
        self.pointer = pointer
        self.bucket = bucket
        self.datasets = datasets
        self.layout = layout

    def execute(self, context: Any) -> dict[str, Any]:
        """Open the release.

        Returns:
            `release`, `from_date`, `to_date` (ISO), `base_version` and `base_location` of the
            pointer. Pushed under keys of their own, so that they stay lists: `days` (ISO) and per
            dataset `markers_<dataset>` (addresses).
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
        pointer = self.hook.table(*self.pointer)
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
            "base_version": str(pointer["VersionId"]),
            "base_location": pointer["StorageDescriptor"]["Location"],
        }
        self.log.info("Opened %s", opened)
        return opened
