"""Build a table from a query, whatever the number of partitions it writes."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from retail_lake import lineage
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator


class BuildTableOperator(ReleaseAthenaOperator):
    """Runs a CTAS; where it would write more partitions than Athena allows, a CTAS and INSERTs.

    The statements go into a table that nobody reads yet, so one that fails in the middle leaves
    nothing that could be seen.

    Args:
        query: the CTAS for all days (templated).
        manifest: address of the job's manifest, whose `affected_days` are written (templated).
        target: what `split` builds into: table, location, release (templated).
        table: `database.table` that readers will find it in, for its lineage.
        split: (table, location, release, days) → the statements for that many days, or none if
            one statement can write them.

    Its result also has `staged_table`: the table built.
    """

    template_fields: Sequence[str] = (*ReleaseAthenaOperator.template_fields, "manifest", "target")

    def __init__(
        self,
        *,
        manifest: str,
        target: Sequence[str],
        table: str,
        split: Callable[[str, str, str, Sequence[date]], list[str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.manifest = manifest
        self.target = target
        self.table = table
        self.split = split

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Return the statements' facts and the table's name."""
        return {**super().result(context, execution), "staged_table": self.target[0]}

    def queries(self) -> list[str]:
        """Return the CTAS, or the statements that it is split into."""
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        days = documents.read_document(self.manifest)["affected_days"]
        table, location, release = self.target
        return self.split(table, location, release, list(map(date.fromisoformat, days))) or [
            self.query
        ]

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Tell what the query reads, the table and where its columns come from."""
        from airflow.providers.common.compat.openlineage.facet import (
            ExternalQueryRunFacet,
            SQLJobFacet,
        )
        from airflow.providers.openlineage.extractors.base import OperatorLineage

        catalog = CatalogHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        datasets = lineage.Datasets("", catalog)
        origins = lineage.of_sql(self.query)
        ran = ExternalQueryRunFacet(str(self.query_execution_id), "awsathena")
        return OperatorLineage(
            inputs=[datasets.table(place) for place in lineage.places([origins])],
            outputs=[datasets.table(self.table, origins)],
            job_facets={"sql": SQLJobFacet(self.query)},
            run_facets={"externalQuery": ran},
        )
