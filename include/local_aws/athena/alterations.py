"""Runs ALTER TABLE ADD COLUMNS and SET TBLPROPERTIES."""

from typing import Any

from sqlglot import exp

from include.local_aws.athena.ddl import done, target, words
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.external_tables import column_of
from include.local_aws.athena.relations import Table
from include.local_aws.athena.session import Outcome, Session
from include.local_aws.athena.statements import NAME
from include.local_aws.athena.translation import parse

INPUT = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys",
         "TableType", "Parameters")  # fmt: skip


def add_columns(session: Session) -> Outcome:
    """ALTER TABLE … ADD COLUMNS (name type, …): after the last data column."""
    found = words(session, rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+COLUMNS\s*\((?P<columns>.*)\)")
    table = target(session, found["name"])
    tree = parse(f"CREATE EXTERNAL TABLE _t ({found['columns']}) LOCATION 's3://_/'")
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        raise not_supported("this form of ADD COLUMNS")
    new = [column_of(column) for column in tree.this.expressions]
    names = [column.name for column in table.all_columns]
    for column in new:
        if column["Name"] in names:
            raise QueryError("ALREADY_EXISTS", f"Duplicate column name {column['Name']}")
        names.append(column["Name"])
    storage = table.glue["StorageDescriptor"]
    changed = {**storage, "Columns": [*storage.get("Columns", []), *new]}
    _update(session, table, {"StorageDescriptor": changed})
    return done(session)


def set_properties(session: Session) -> Outcome:
    """ALTER TABLE … SET TBLPROPERTIES ('key'='value', …)."""
    found = words(session, rf"ALTER\s+TABLE\s+{NAME}\s+SET\s+TBLPROPERTIES\s*\((?P<pairs>.*)\)")
    table = target(session, found["name"])
    tree = parse(
        f"CREATE EXTERNAL TABLE _t (a int) LOCATION 's3://_/' TBLPROPERTIES ({found['pairs']})"
    )
    listed = tree.args["properties"].expressions
    new = {p.this.name: p.args["value"].name for p in listed if type(p) is exp.Property}
    _update(session, table, {"Parameters": {**(table.glue.get("Parameters") or {}), **new}})
    return done(session)


def _update(session: Session, table: Table, changes: dict[str, Any]) -> None:
    kept = {key: table.glue[key] for key in INPUT if table.glue.get(key) is not None}
    session.glue("UpdateTable", {"DatabaseName": table.database, "TableInput": kept | changes})
