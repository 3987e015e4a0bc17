"""What an extract tells OpenLineage, whoever makes it."""

from typing import Any

from retail_extract.finished import ExtractLayout
from retail_lake import lineage
from retail_lake.hooks.catalog import CatalogHook


class ExtractLineage:
    """An operator that extracts days of a dataset.

    Attributes:
        extracted_from: namespace and name of the source as OpenLineage has them; None until the
            extract is made.
    """

    contract: Any
    dataset: str
    days: Any
    bucket: str
    layout: ExtractLayout
    aws_conn_id: str | None
    extracted_from: tuple[str, str] | None = None

    def get_openlineage_facets_on_complete(self, _: Any) -> Any:
        """Tell the source, and the dataset's folder with the same columns."""
        from airflow.providers.openlineage.extractors.base import OperatorLineage

        if self.extracted_from is None:  # it failed
            return OperatorLineage()
        place = self.layout.bronze_prefix(self.dataset, self.days[0]).partition("/ingest_date=")[0]
        columns = [
            (each.source, each.sql_type, each.description)
            for each in self.contract.delivered_columns
        ]
        origins = {name: [(*self.extracted_from, name)] for name, _, _ in columns}
        datasets = lineage.Datasets(self.bucket, CatalogHook(aws_conn_id=self.aws_conn_id))
        return OperatorLineage(
            inputs=[lineage.dataset(*self.extracted_from, columns)],
            outputs=[datasets.folder(place, columns, origins)],
        )
