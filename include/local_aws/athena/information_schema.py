"""information_schema and `"table$partitions"`: the catalog as tables that queries can read.

It lists the databases of the Glue catalog; Trino's own `information_schema` is not listed in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.files import registered_partitions
from include.local_aws.athena.relations import (
    CATALOG,
    Glue,
    Relations,
    Table,
    View,
    as_table,
    decode_view,
)
from include.local_aws.athena.types import Column, from_hive, to_trino

SCHEMA = "information_schema"
OF_TABLES = ("table_catalog", "table_schema", "table_name")
COLUMNS: dict[str, tuple[str, ...]] = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": (*OF_TABLES, "table_type"),
    "views": (*OF_TABLES, "view_definition"),
    "columns": (*OF_TABLES, "column_name", "ordinal_position", "column_default", "is_nullable",
                "data_type", "comment", "extra_info"),
}  # fmt: skip
BIGINTS = {"ordinal_position"}
PARTITIONS = "$partitions"


@dataclass(frozen=True)
class Listing(Table):
    """A table whose rows are known: texts, numbers and None, one per column."""

    rows: tuple[tuple[Any, ...], ...] = ()


class CatalogRelations(Relations):
    """Tables and views of the Glue catalog, and those that describe it."""

    def _load(self, schema: str, name: str, place: str) -> Table | View:
        if schema != SCHEMA and name.endswith(PARTITIONS):
            return self._partitions(schema, name, place)
        if schema != SCHEMA:
            return super()._load(schema, name, place)
        if name not in COLUMNS:
            text = f"{place}Table '{CATALOG}.{schema}.{name}' does not exist"
            raise QueryError("TABLE_NOT_FOUND", text)
        columns = tuple(
            Column(column, "BIGINT" if column in BIGINTS else "VARCHAR") for column in COLUMNS[name]
        )
        rows = tuple((CATALOG, *row) for row in ROWS[name](self.glue))
        return Listing(schema, name, columns, (), {}, rows)

    def _partitions(self, schema: str, name: str, place: str) -> Listing:
        """Give the partition values of `"table$partitions"`, a row each."""
        table = super()._load(schema, name.removesuffix(PARTITIONS), place)
        if isinstance(table, View) or not table.keys:
            text = f"{place}Table '{CATALOG}.{schema}.{name}' does not exist"
            raise QueryError("TABLE_NOT_FOUND", text)
        rows = tuple(partition.values for partition in registered_partitions(table, self.glue))
        return Listing(schema, name, table.keys, (), {}, rows)


def _pages(glue: Glue, action: str, key: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        page = glue(action, request)
        yield from page.get(key, [])
        if not page.get("NextToken"):
            return
        request = {**request, "NextToken": page["NextToken"]}


def _schemata(glue: Glue) -> Iterator[tuple[Any, ...]]:
    for database in _pages(glue, "GetDatabases", "DatabaseList", {}):
        yield (database["Name"],)


def _relations(glue: Glue) -> Iterator[tuple[str, dict[str, Any]]]:
    for (database,) in _schemata(glue):
        for table in _pages(glue, "GetTables", "TableList", {"DatabaseName": database}):
            yield database, table


def _tables(glue: Glue) -> Iterator[tuple[Any, ...]]:
    for database, table in _relations(glue):
        view = table.get("TableType") == "VIRTUAL_VIEW"
        yield database, table["Name"], "VIEW" if view else "BASE TABLE"


def _views(glue: Glue) -> Iterator[tuple[Any, ...]]:
    for database, table in _relations(glue):
        if table.get("TableType") == "VIRTUAL_VIEW":
            yield database, table["Name"], decode_view(database, table["Name"], table).sql


def _columns(glue: Glue) -> Iterator[tuple[Any, ...]]:
    for database, table in _relations(glue):
        try:
            as_table(database, table["Name"], table)
        except QueryError:
            continue  # as in Trino: a table with a type nobody knows shows no columns
        data = (table.get("StorageDescriptor") or {}).get("Columns") or []
        keys = table.get("PartitionKeys") or []
        for position, column in enumerate([*data, *keys], 1):
            yield (
                database, table["Name"], column["Name"].lower(), position, None, "YES",
                to_trino(from_hive(column.get("Type", "string"))), column.get("Comment"),
                "partition key" if position > len(data) else None,
            )  # fmt: skip


ROWS = {"schemata": _schemata, "tables": _tables, "views": _views, "columns": _columns}
