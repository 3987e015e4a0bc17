"""Build silver with a Glue job and register the partitions that it wrote."""

from collections.abc import Sequence
from typing import Any, Protocol

from airflow.sdk.exceptions import AirflowException

from retail_lake import lineage
from retail_lake.defaults import GLUE_POOL
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.operators.own_glue_run import OwnGlueRunOperator, run_token


class ManifestLayout(Protocol):
    """Where a job's manifests lie in the lake's bucket."""

    def silver_manifest_key(self, release: str, run_token: str, /) -> str:
        """Return the key of the manifest of one job run."""


class ReleaseGlueJobOperator(OwnGlueRunOperator):
    """Starts a run of its own that builds a release, checks and registers its output.

    Over `OwnGlueRunOperator`:

    - The pool `glue` has one slot, which a deferred task keeps: our runs queue up for the job.
    - The document that the run leaves is a manifest of the release. Its partitions are registered.
    - A run is not started if what the release will cost is estimated to be above its budget.

    Args:
        release: the release that the run builds (templated).
        layout: where the manifest lies in the lake's bucket.
        kwargs: what every run of its own takes; `script_args` are the run's arguments (templated).
    """

    template_fields: Sequence[str] = (*OwnGlueRunOperator.template_fields, "release")

    def __init__(self, *, release: str, layout: ManifestLayout, **kwargs: Any) -> None:
        kwargs.setdefault("pool", GLUE_POOL)
        super().__init__(**kwargs)
        self.release = release
        self.layout = layout
        self._written: list[str] = []

    def identity(self) -> tuple[str, ...]:
        """Return the release."""
        return (self.release,)

    def require_budget(self, ti: Any) -> None:
        """Estimate the release, and refuse to overspend."""
        if self.costs:
            self.costs.estimate(ti, self.release)

    def document_key(self, token: str) -> str:
        """Return the key of the manifest."""
        return self.layout.silver_manifest_key(self.release, token)

    def finish(self, run: dict[str, Any], address: str, document: dict[str, Any]) -> dict[str, Any]:
        """Register the manifest's partitions.

        Returns:
            A dict of `job_run_id`, `run_token`, `manifest` (address), `seconds`, `dpu_seconds`
            and `partitions` (how many were listed).
        """
        if document.get("release") != self.release:
            raise AirflowException(
                f"{address} is of release {document.get('release')}, not {self.release}"
            )
        partitions = 0
        catalog = CatalogHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        for table in document["tables"]:
            self._written.append(f"{table['database']}.{table['table']}")
            catalog.register(table["database"], table["table"], table["partitions"])
            partitions += len(table["partitions"])
        return {
            "job_run_id": run["Id"],
            "run_token": run_token(run),
            "manifest": address,
            "seconds": run.get("ExecutionTime"),
            "dpu_seconds": run.get("DPUSeconds"),
            "partitions": partitions,
        }

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Tell the tables that the manifest names, and what their columns come from."""
        from airflow.providers.openlineage.extractors.base import OperatorLineage

        catalog = CatalogHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        datasets = lineage.Datasets(self.bucket, catalog)
        written = {each: datasets.origins(each) for each in self._written}
        return OperatorLineage(
            inputs=[datasets.place(each) for each in lineage.places(written.values())],
            outputs=[datasets.table(each, origins) for each, origins in written.items()],
        )
