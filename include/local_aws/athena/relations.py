"""Tables and views of the Glue catalog, as queries see them."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.types import Column, from_hive
from include.local_aws.front.context import AwsError, Handler

CATALOG = "awsdatacatalog"
Glue = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Calls a Glue action by name, for example `GetTable`, with its request."""


@dataclass(frozen=True)
class Table:
    """A table whose rows are files.

    Attributes:
        database: its database.
        name: its name.
        columns: data columns, in order.
        keys: partition columns, in order.
        glue: the Glue Table as the catalog gives it.
    """

    database: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    glue: dict[str, Any]

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Data columns, then partition columns."""
        return self.columns + self.keys

    @property
    def qualified(self) -> str:
        """Database and name."""
        return f"{self.database}.{self.name}"


@dataclass(frozen=True)
class View:
    """A stored query, and the database of the names in it without one."""

    database: str
    name: str
    sql: str


class Relations:
    """Looks relations up, each once per query.

    Args:
        glue: calls Glue actions.
    """

    def __init__(self, glue: Glue) -> None:
        self.glue = glue
        self._found: dict[tuple[str, str], Table | View] = {}

    def find(self, node: exp.Table, database: str) -> Table | View:
        """Look up the relation that a query names.

        Raises:
            QueryError: CATALOG_NOT_FOUND, SCHEMA_NOT_FOUND, TABLE_NOT_FOUND.
        """
        place = _place(node.this)
        if node.catalog and node.catalog.lower() != CATALOG:
            raise QueryError("CATALOG_NOT_FOUND", f"{place}Catalog '{node.catalog}' does not exist")
        schema, name = (node.db or database).lower(), node.name.lower()
        key = schema, name
        if key not in self._found:
            self._found[key] = self._load(schema, name, place)
        return self._found[key]

    def _load(self, schema: str, name: str, place: str) -> Table | View:
        try:
            table = self.glue("GetTable", {"DatabaseName": schema, "Name": name})["Table"]
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
            if self.has_database(schema):
                text = f"{place}Table '{CATALOG}.{schema}.{name}' does not exist"
                raise QueryError("TABLE_NOT_FOUND", text) from error
            text = f"{place}Schema '{schema}' does not exist"
            raise QueryError("SCHEMA_NOT_FOUND", text) from error
        if table.get("TableType") == "VIRTUAL_VIEW":
            return decode_view(schema, name, table)
        return as_table(schema, name, table)

    def has_database(self, name: str) -> bool:
        """Tell whether a database exists."""
        try:
            self.glue("GetDatabase", {"Name": name})
        except AwsError as error:
            if error.code == "EntityNotFoundException":
                return False
            raise
        return True


def as_table(database: str, name: str, glue: dict[str, Any]) -> Table:
    """Read the columns of a Glue Table."""

    def columns(described: list[dict[str, Any]]) -> tuple[Column, ...]:
        return tuple(
            Column(c["Name"].lower(), from_hive(c.get("Type", "string"))) for c in described
        )

    storage = glue.get("StorageDescriptor") or {}
    keys = columns(glue.get("PartitionKeys") or [])
    return Table(database, name, columns(storage.get("Columns") or []), keys, glue)


def decode_view(database: str, name: str, glue: dict[str, Any]) -> View:
    """Read the query that Athena stores in a view's ViewOriginalText."""
    text = str(glue.get("ViewOriginalText", ""))
    if not text.startswith("/* Presto View: "):
        raise QueryError("INVALID_VIEW", f"{database}.{name} is not a view that Athena made")
    stored = json.loads(base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */")))
    return View(stored.get("schema", database), name, stored["originalSql"])


def encode_view(database: str, sql: str, columns: list[tuple[str, str]]) -> str:
    """Write a query as Athena stores it; `columns` are (name, Trino type) pairs."""
    stored = {
        "originalSql": sql,
        "catalog": CATALOG,
        "schema": database,
        "columns": [{"name": name, "type": kind} for name, kind in columns],
    }
    return f"/* Presto View: {base64.b64encode(json.dumps(stored).encode()).decode()} */"


def glue_of(handlers: dict[str, Handler], forward: Callable[..., dict[str, Any]]) -> Glue:
    """Call Glue actions where the front executes them, else where they are forwarded to."""

    def call(action: str, body: dict[str, Any]) -> dict[str, Any]:
        target = f"AWSGlue.{action}"
        handler = handlers.get(target)
        return handler(body) if handler else forward(target, body)

    return call


def _place(identifier: exp.Expr) -> str:
    """Give `line L:C: ` of a name in the query's text, if the parser kept it."""
    line, end = identifier.meta.get("line"), identifier.meta.get("col")
    if line is None or end is None:
        return ""
    return f"line {line}:{max(1, end - len(identifier.name) + 1)}: "
