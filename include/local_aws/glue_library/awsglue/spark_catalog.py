"""Spark SQL on the Data Catalog, of a job with `--enable-glue-datacatalog`.

On AWS the catalog is Spark's Hive metastore. Here Spark has a catalog in memory, into which each
table that a statement names is copied right before it is run: its columns, its location and its
registered partitions, never its rows. Statements that would change the catalog are refused, because
the change would end with the run.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.readwriter import DataFrameReader, DataFrameWriter

from awsglue import catalog, listing, reading
from awsglue.errors import NotSupportedHere

SWITCH = "AWSGLUE_DATACATALOG"
"""Environment variable that the local Glue sets for such a job."""
NAMED = re.compile(r"Unresolved(?:Relation|Table|View|TableOrView) \[([^\]]+)\]")
"""How Spark's parser shows the tables of a statement that it has not looked up yet."""
CHANGES = re.compile(
    r"(?:CREATE(?:\s+OR\s+REPLACE)?\s+(?:EXTERNAL\s+)?(?:TABLE|DATABASE|SCHEMA|VIEW)|INSERT|MSCK"
    r"|ALTER|TRUNCATE|ANALYZE|LOAD\s+DATA|MERGE|UPDATE|DELETE"
    r"|DROP\s+(?:TABLE|DATABASE|SCHEMA)|WITH\b.*\)\s*INSERT)\b",
    re.IGNORECASE | re.DOTALL,
)
INSTEAD = "write with glueContext.getSink(…, enableUpdateCatalog=True), or with Athena"
CSV_OPTIONS = {
    "separator": "sep",
    "quoteChar": "quote",
    "escaper": "escape",
    "withHeader": "header",
}


def attach(session: SparkSession) -> None:
    """Let a session see the Data Catalog, if the job asked for it."""
    if os.environ.get(SWITCH) != "1" or hasattr(session, "_data_catalog"):
        return
    mirror = Mirror(session)
    session._data_catalog = mirror  # type: ignore[attr-defined]
    session.sql = mirror.before(session.sql)  # type: ignore[method-assign]
    session.table = mirror.before_named(session.table)  # type: ignore[method-assign]
    DataFrameReader.table = mirror.before_named(DataFrameReader.table)  # type: ignore[method-assign]
    for name in ("saveAsTable", "insertInto"):
        setattr(DataFrameWriter, name, _refused(f"DataFrameWriter.{name}"))


class Mirror:
    """Copies tables of the Data Catalog into the catalog of a session.

    Args:
        session: Whose.
    """

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._run: Callable[..., DataFrame] = session.sql

    def before(self, sql: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
        """`spark.sql`, before which the tables of the statement are copied."""

        def run(sqlQuery: str, *args: Any, **kwargs: Any) -> DataFrame:
            statement = _without_comments(sqlQuery)
            if CHANGES.match(statement):
                raise NotSupportedHere(f"spark.sql({statement[:30]!r} …): {INSTEAD}")
            self._prepare(statement)
            return sql(sqlQuery, *args, **kwargs)

        return run

    def before_named(self, read: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
        """`spark.table` or `spark.read.table`, before which the table is copied."""

        def run(*args: Any, **kwargs: Any) -> DataFrame:
            name = str(kwargs.get("tableName") or args[-1])
            self._copy_named(name.replace("`", "").split("."))
            return read(*args, **kwargs)

        return run

    def _prepare(self, statement: str) -> None:
        words = statement.upper().split()[:2]
        if words[:1] == ["USE"]:
            self._database(statement.split()[-1].strip("`;").lower())
        elif words[:1] == ["SHOW"]:
            self._names(words, statement)
        else:
            parser = self._session._jsparkSession.sessionState().sqlParser()
            for found in NAMED.finditer(parser.parsePlan(statement).toString()):
                self._copy_named([part.strip() for part in found[1].split(",")])

    def _names(self, words: list[str], statement: str) -> None:
        """Copy what a SHOW lists."""
        if words[1:] in (["DATABASES"], ["SCHEMAS"]):
            pages = catalog.client().get_paginator("get_databases").paginate()
            for name in [item["Name"] for page in pages for item in page["DatabaseList"]]:
                self._database(name)
        elif words[1:] == ["TABLES"]:
            asked = re.search(r"\b(?:IN|FROM)\s+`?(\w+)", statement, re.IGNORECASE)
            database = asked[1] if asked else self._current()
            if self._database(database):
                pages = catalog.client().get_paginator("get_tables").paginate(DatabaseName=database)
                for document in [item for page in pages for item in page["TableList"]]:
                    self._announce(database, document["Name"])
        else:
            named = re.search(
                r"\b(?:IN|FROM|TABLE|PARTITIONS)\s+([\w.`]+)", statement, re.IGNORECASE
            )
            if named:
                self._copy_named(named[1].replace("`", "").split("."))

    def _announce(self, database: str, name: str) -> None:
        """Make the name of a table known, also of one that Spark cannot read."""
        self._run(f"CREATE TABLE IF NOT EXISTS `{database}`.`{name}` (_ string) USING json")

    def _current(self) -> str:
        return str(self._session.catalog.currentDatabase())

    def _database(self, name: str) -> bool:
        """Make a database known to Spark; whether the Data Catalog has it."""
        try:
            catalog.client().get_database(Name=name)
        except catalog.client().exceptions.EntityNotFoundException:
            return False
        self._run(f"CREATE DATABASE IF NOT EXISTS `{name}`")
        return True

    def _copy_named(self, parts: list[str]) -> None:
        """Copy a table; what the Data Catalog has not may be a view of the session."""
        if len(parts) > 2 and parts[0] in ("spark_catalog", "glue_catalog"):
            parts = parts[1:]
        if len(parts) == 1:
            if self._is_temporary(parts[0]):
                return
            parts = [self._current(), *parts]
        database, name = (part.lower() for part in parts[-2:])
        if len(parts) != 2 or not self._database(database):
            return
        try:
            table = catalog.table(database, name)
        except catalog.client().exceptions.EntityNotFoundException:
            self._run(f"DROP TABLE IF EXISTS `{database}`.`{name}`")
            return
        self._copy(table)

    def _is_temporary(self, name: str) -> bool:
        """Whether a name is a view of the session, which hides a table of that name."""
        known = self._session.catalog
        return known.tableExists(name) and known.getTable(name).isTemporary

    def _copy(self, table: catalog.Table) -> None:
        """Describe a table to Spark as it is now."""
        label = f"`{table.database}`.`{table.name}`"
        if table.kind == "xml":
            raise NotSupportedHere(f"spark.sql on the XML table {label}, nor on AWS")
        partitions = table.partitions() if table.keys else []
        columns = self._spelled(table, [item.location for item in partitions] or [table.location])
        declared = ", ".join(f"`{name}` {kind}" for name, kind in (*columns, *table.keys.items()))
        keys = ", ".join(f"`{key}`" for key in table.keys)
        options = ", ".join(f"'{key}' {_literal(value)}" for key, value in _options(table).items())
        self._run(f"DROP TABLE IF EXISTS {label}")
        self._run(
            f"CREATE TABLE {label} ({declared}) USING {table.kind}"
            + (f" OPTIONS ({options})" if options else "")
            + (f" PARTITIONED BY ({keys})" if keys else "")
            + f" LOCATION {_literal(table.location)}"
        )
        if partitions:
            added = " ".join(
                f"PARTITION ({_values(table.keys, item.values)}) LOCATION {_literal(item.location)}"
                for item in partitions
            )
            self._run(f"ALTER TABLE {label} ADD {added}")

    def _spelled(self, table: catalog.Table, places: Iterable[str]) -> list[tuple[str, str]]:
        """Columns as the files spell them: Spark reads keys of JSON as they are written."""
        if table.kind != "json":
            return list(table.columns.items())
        paths = [item.path for place in places for item in listing.files(place, {}, True)]
        found = reading.read(self._session, "json", paths, None, {}).columns
        spelled = {name.lower(): name for name in found}
        return [(spelled.get(name, name), kind) for name, kind in table.columns.items()]


def _options(table: catalog.Table) -> dict[str, str]:
    if table.kind != "csv":
        return {}
    asked = table.options
    given = {name: str(asked[key]) for key, name in CSV_OPTIONS.items() if key in asked}
    return given | {"header": str(asked["withHeader"]).lower(), "enforceSchema": "true"}


def _values(keys: Mapping[str, str], values: Iterable[str]) -> str:
    return ", ".join(
        f"`{key}` = {_literal(value)}" for key, value in zip(keys, values, strict=True)
    )


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL).strip()


def _refused(what: str) -> Callable[..., None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise NotSupportedHere(f"{what}: {INSTEAD}")

    return refuse
