"""What tasks read and wrote, as OpenLineage has it: datasets, their columns, where these come from.

Tables are named as the provider's Athena operator names them, files by the folder that they lie
in. Nothing here is imported or asked unless the OpenLineage provider is switched on.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retail_lake.hooks.catalog import CatalogHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

CATALOG = "AwsDataCatalog"
#: Parameter of a column in the catalog: the (folder or table, column)s that it comes from, as JSON.
ORIGINS = "lineage"
#: Column → the (folder or `database.table`, column)s that it comes from.
Origins = Mapping[str, Sequence[Sequence[str]]]


class Datasets:
    """Makes datasets of the lake.

    Args:
        bucket: that the folders lie in.
        catalog: that the tables are in.
    """

    def __init__(self, bucket: str, catalog: CatalogHook) -> None:
        self._bucket = bucket
        self._catalog = catalog
        self._tables: dict[str, dict[str, Any]] = {}

    def name(self, place: str) -> tuple[str, str]:
        """Return namespace and name of a folder (`bronze/<dataset>`) or of a `database.table`."""
        if "/" in place:
            return f"s3://{self._bucket}", place
        region = self._catalog.conn_region_name
        return f"awsathena://athena.{region}.amazonaws.com", f"{CATALOG}.{place}"

    def place(self, place: str) -> "Dataset":
        """Return a folder or a table of the catalog, whichever it is."""
        return self.folder(place) if "/" in place else self.table(place)

    def folder(
        self,
        place: str,
        columns: Sequence[tuple[str, str, str]] = (),
        origins: Mapping[str, Sequence[tuple[str, str, str]]] | None = None,
    ) -> "Dataset":
        """Return a folder with its columns (name, type, description).

        Args:
            place: the folder, without bucket.
            columns: of its files, if they are known.
            origins: the (namespace, name, column)s that they come from.
        """
        return dataset(*self.name(place), columns, origins)

    def table(self, place: str, origins: Origins | None = None) -> "Dataset":
        """Return a table of the catalog with its columns.

        Args:
            place: `database.table`.
            origins: where its columns come from, if that is to be told.
        """
        described = self._described(place)
        columns = [*described["StorageDescriptor"]["Columns"], *described.get("PartitionKeys", [])]
        listed = [(each["Name"], each["Type"], each.get("Comment")) for each in columns]
        named = {
            column: [(*self.name(where), name) for where, name in sources]
            for column, sources in (origins or {}).items()
        }
        return dataset(*self.name(place), listed, named)

    def origins(self, place: str) -> Origins:
        """Return what the catalog says of a table's columns."""
        columns = self._described(place)["StorageDescriptor"]["Columns"]
        found = {each["Name"]: each.get("Parameters", {}).get(ORIGINS) for each in columns}
        return {name: json.loads(text) for name, text in found.items() if text}

    def _described(self, place: str) -> dict[str, Any]:
        if place not in self._tables:
            self._tables[place] = self._catalog.table(*place.split(".", 1))
        return self._tables[place]


def of_sql(sql: str) -> Origins:
    """Where the columns of a CREATE TABLE … AS come from; what is counted comes from none."""
    from openlineage_sql import parse  # type: ignore[import-untyped]

    found = parse([sql], dialect="generic")
    if found is None or found.errors:
        raise ValueError(f"the statement cannot be read: {found and found.errors}")
    return {
        column.descendant.name: [
            (str(source.origin), source.name)
            for source in column.lineage
            if source.origin is not None and "." in str(source.origin)
        ]
        for column in found.column_lineage
    }


def places(origins: Iterable[Origins]) -> list[str]:
    """Return the folders and tables that columns come from, each once."""
    return sorted({place for each in origins for sources in each.values() for place, _ in sources})


def dataset(
    namespace: str,
    name: str,
    columns: Sequence[tuple[str, str, str | None]] = (),
    origins: Mapping[str, Sequence[tuple[str, str, str]]] | None = None,
) -> "Dataset":
    """Return a dataset: columns are name, type, description, origins namespace, name, column."""
    from airflow.providers.common.compat.openlineage.facet import (
        ColumnLineageDatasetFacet,
        Dataset,
        Fields,
        InputField,
        SchemaDatasetFacet,
        SchemaDatasetFacetFields,
    )

    facets: dict[str, Any] = {}
    if columns:
        fields = [
            SchemaDatasetFacetFields(name=column, type=kind, description=text)
            for column, kind, text in columns
        ]
        facets["schema"] = SchemaDatasetFacet(fields=fields)
    if origins:
        lineage = {
            column: Fields(
                inputFields=[InputField(*source) for source in sources],
                transformationDescription="",
                transformationType="",
            )
            for column, sources in origins.items()
            if sources
        }
        facets["columnLineage"] = ColumnLineageDatasetFacet(fields=lineage)
    return Dataset(namespace=namespace, name=name, facets=facets)
