"""Runs ALTER TABLE ADD and REPLACE COLUMNS, SET LOCATION and SET TBLPROPERTIES."""

from typing import Any

from sqlglot import exp

from include.local_aws.athena.ddl import done, properties, target, words
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
    new = _columns(found["columns"])
    names = [column.name for column in table.all_columns]
    for column in new:
        if column["Name"] in names:
            raise QueryError("ALREADY_EXISTS", f"Duplicate column name {column['Name']}")
        names.append(column["Name"])
    storage = table.glue["StorageDescriptor"]
    changed = {**storage, "Columns": [*storage.get("Columns", []), *new]}
    _update(session, table, {"StorageDescriptor": changed})
    return done(session)


def replace_columns(session: Session) -> Outcome:
    """ALTER TABLE … REPLACE COLUMNS (name type, …): the data columns, all of them."""
    found = words(session, rf"ALTER\s+TABLE\s+{NAME}\s+REPLACE\s+COLUMNS\s*\((?P<columns>.*)\)")
    table = target(session, found["name"])
    storage = {**table.glue["StorageDescriptor"], "Columns": _columns(found["columns"])}
    _update(session, table, {"StorageDescriptor": storage})
    return done(session)


def set_location(session: Session) -> Outcome:
    """ALTER TABLE … SET LOCATION 's3://…': partitions stay where they are."""
    found = words(session, rf"ALTER\s+TABLE\s+{NAME}\s+SET\s+LOCATION\s+'(?P<place>s3://[^']+)'")
    table = target(session, found["name"])
    storage = {**table.glue["StorageDescriptor"], "Location": found["place"]}
    _update(session, table, {"StorageDescriptor": storage})
    return done(session)


def _columns(text: str) -> list[dict[str, str]]:
    """Read `name type [COMMENT '…'], …` as the catalog's columns."""
    tree = parse(f"CREATE EXTERNAL TABLE _t ({text}) LOCATION 's3://_/'")
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        raise not_supported("this form of columns")
    return [column_of(column) for column in tree.this.expressions]


def set_properties(session: Session) -> Outcome:
    """ALTER TABLE … SET TBLPROPERTIES ('key'='value', …)."""
    found = words(session, rf"ALTER\s+TABLE\s+{NAME}\s+SET\s+TBLPROPERTIES\s*\((?P<pairs>.*)\)")
    table = target(session, found["name"])
    new = properties(found["pairs"])
    _update(session, table, {"Parameters": {**(table.glue.get("Parameters") or {}), **new}})
    return done(session)


def _update(session: Session, table: Table, changes: dict[str, Any]) -> None:
    kept = {key: table.glue[key] for key in INPUT if table.glue.get(key) is not None}
    session.glue("UpdateTable", {"DatabaseName": table.database, "TableInput": kept | changes})
