"""Runs CREATE EXTERNAL TABLE: Hive's description of files that exist or will."""

import re
from typing import Any

from sqlglot import exp

from include.local_aws.athena import writing
from include.local_aws.athena.ddl import done
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import split_location
from include.local_aws.athena.session import Outcome, Session
from include.local_aws.athena.translation import parse
from include.local_aws.athena.types import from_hive
from include.local_aws.front.context import AwsError


def create_table(session: Session) -> Outcome:
    """CREATE EXTERNAL TABLE."""
    tree = parse(session.statement.sql)
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        raise not_supported("this form of CREATE EXTERNAL TABLE")
    database = (tree.this.this.db or session.database).lower()
    name = tree.this.this.name.lower()
    table = _described(tree, name)
    if not session.relations.has_database(database):
        raise QueryError("SCHEMA_NOT_FOUND", f"Database does not exist: {database}")
    try:
        session.glue("CreateTable", {"DatabaseName": database, "TableInput": table})
    except AwsError as error:
        if error.code != "AlreadyExistsException":
            raise
        if not tree.args.get("exists"):
            text = f"Table {database}.{name} already exists"
            raise QueryError("TABLE_ALREADY_EXISTS", text) from error
    return done(session)


def _described(tree: exp.Create, name: str) -> dict[str, Any]:
    """Describe the table for the Glue catalog."""
    storage = writing.storage([], writing.Layout("", "textfile", "NONE", None, ()))
    keys: list[dict[str, str]] = []
    parameters: dict[str, str] = {"EXTERNAL": "TRUE"}
    comment = None
    items = tree.args["properties"].expressions if tree.args.get("properties") else []
    explicit_serde = None
    for item in items:
        if isinstance(item, exp.PartitionedByProperty):
            keys = [column_of(c) for c in item.this.expressions]
        elif isinstance(item, exp.RowFormatSerdeProperty):
            settings = item.args.get("serde_properties")
            explicit_serde = {
                "SerializationLibrary": item.this.name,
                "Parameters": {
                    p.this.name: p.args["value"].name
                    for p in (settings.expressions if settings else [])
                },
            }
        elif isinstance(item, exp.RowFormatDelimitedProperty):
            storage["SerdeInfo"]["Parameters"] = _delimiters(item)
        elif isinstance(item, exp.FileFormatProperty):
            _file_format(item, storage)
        elif isinstance(item, exp.LocationProperty):
            split_location(item.this.name)
            storage["Location"] = item.this.name
        elif isinstance(item, exp.SchemaCommentProperty):
            comment = item.this.name
        elif type(item) is exp.Property:
            parameters[item.this.name] = item.args["value"].name
        elif not isinstance(item, exp.ExternalProperty):
            raise not_supported(f"{item.sql('athena')} in CREATE EXTERNAL TABLE")
    if not storage["Location"]:
        raise QueryError("INVALID_TABLE_PROPERTY", "CREATE EXTERNAL TABLE needs a LOCATION")
    if explicit_serde:
        storage["SerdeInfo"] = explicit_serde
    storage["Columns"] = [column_of(column) for column in tree.this.expressions]
    table: dict[str, Any] = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": keys,
        "StorageDescriptor": storage,
    }
    if comment:
        table["Description"] = comment
    return table


def _delimiters(item: exp.Expr) -> dict[str, str]:
    names = {
        "fields": "field.delim",
        "escaped": "escape.delim",
        "null": "serialization.null.format",
    }
    known = {*names, "lines"}
    for key, value in item.args.items():
        if value is not None and key not in known:
            raise not_supported(f"ROW FORMAT DELIMITED with {key}")
    found = {names[k]: v.name for k, v in item.args.items() if k in names and v is not None}
    return {**found, "serialization.format": found.get("field.delim", "1")}


def _file_format(item: exp.FileFormatProperty, storage: dict[str, Any]) -> None:
    if isinstance(item.this, exp.InputOutputFormat):
        storage["InputFormat"] = item.this.args["input_format"].name
        storage["OutputFormat"] = item.this.args["output_format"].name
        return
    form = item.this.name.lower()
    if form not in writing.SERDES or form == "json":
        raise not_supported(f"STORED AS {form.upper()}")
    serde, reads, writes = writing.SERDES[form]
    storage |= {"InputFormat": reads, "OutputFormat": writes}
    storage["SerdeInfo"]["SerializationLibrary"] = serde


def column_of(item: exp.Expr) -> dict[str, str]:
    """Describe a column definition; its type as Hive spells it."""
    kind = item.args["kind"].sql("hive").lower()
    from_hive(kind)
    described = {"Name": item.name.lower(), "Type": re.sub(r"\s*([<>,:()])\s*", r"\1", kind)}
    for constraint in item.args.get("constraints") or []:
        if isinstance(constraint.kind, exp.CommentColumnConstraint):
            described["Comment"] = constraint.kind.this.name
    return described
