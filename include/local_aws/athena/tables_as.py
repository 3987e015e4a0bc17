"""Runs CREATE TABLE AS: a query's rows as the files of a new table."""

from typing import Any

from sqlglot import exp

from include.local_aws.athena import writing
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import split_location
from include.local_aws.athena.queries import (
    existing,
    prepare,
    require_distinct_names,
    require_names,
)
from include.local_aws.athena.relations import CATALOG
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import RESERVED
from include.local_aws.athena.translation import parse
from include.local_aws.athena.types import Column, to_hive


def properties_of(node: exp.Expr) -> dict[str, Any]:
    """Read the WITH (…) of a CTAS; lists come as tuples, names in lower case."""
    found: dict[str, Any] = {}
    listed = node.args.get("properties")
    for item in listed.expressions if listed else []:
        if isinstance(item, exp.FileFormatProperty):
            found["format"] = item.this.name
        elif isinstance(item, exp.PartitionedByProperty):
            found["partitioned_by"] = tuple(e.name.lower() for e in item.this.expressions)
        elif isinstance(item, exp.WithDataProperty):
            found["no_data"] = bool(item.args.get("no"))
        elif isinstance(item, exp.Property):
            value = item.args["value"]
            many = isinstance(value, exp.Array)
            found[item.this.name.lower()] = (
                tuple(e.name.lower() for e in value.expressions) if many else value.name
            )
        else:
            raise not_supported(f"the property {item.sql('athena')} in CREATE TABLE AS")
    return found


def create_table_as(session: Session) -> Outcome:
    """Write a query's rows as a new table; nothing is registered unless all is written."""
    tree = parse(session.statement.sql)
    if not isinstance(tree, exp.Create) or not isinstance(tree.expression, exp.Query):
        raise QueryError("SYNTAX_ERROR", "line 1:8: only CREATE EXTERNAL TABLE has no AS query")
    if RESERVED.search(session.statement.sql):
        raise not_supported("CAST of a literal to decimal without precision; give (p, s)")
    database, name = (tree.this.db or session.database).lower(), tree.this.name.lower()
    if existing(session, database, name) is not None:
        if tree.args.get("exists"):
            return text_outcome(session, [], [])
        raise QueryError(
            "TABLE_ALREADY_EXISTS",
            f"line 1:1: Destination table '{CATALOG}.{database}.{name}' already exists",
        )
    require_names(tree.expression)
    layout = _layout(session, properties_of(tree))
    writing.require_empty(session.s3, layout.location, f"{database}.{name}")
    translation, columns = prepare(session, tree.expression)
    columns = [Column(c.name.lower(), c.type) for c in columns]
    check_columns(columns, layout.keys)
    data = {column.name for column in columns} - {*layout.keys}
    if missing := [name for name in layout.buckets if name not in data]:
        text = f"Bucketing columns {missing} are not data columns of the query"
        raise QueryError("INVALID_TABLE_PROPERTY", text)
    no_data = properties_of(tree).get("no_data", False)
    sql = f"SELECT * FROM ({translation.sql}) LIMIT 0" if no_data else translation.sql
    rows = writing.materialise(session.engine, sql, columns)
    session.check_cutoff()
    file = f"{session.id}_00000"
    written = writing.write(session.engine, session.s3, columns, layout, file, session.scratch, {})
    described = writing.storage(columns, layout)
    table = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": {"textfile": "csv"}.get(layout.format, layout.format),
            "has_encrypted_data": "false",
            f"{layout.format}.compression": layout.codec,
        },
        "PartitionKeys": [
            {"Name": c.name, "Type": to_hive(c.type)} for c in columns if c.name in layout.keys
        ],
        "StorageDescriptor": described,
    }
    session.check_cutoff()
    session.glue("CreateTable", {"DatabaseName": database, "TableInput": table})
    if layout.keys:
        register(session, database, name, writing.partition_inputs(written, described))
    return written_outcome(session, layout.location, written, rows)


def _layout(session: Session, properties: dict[str, Any]) -> writing.Layout:
    """Decide format, compression and place of a CTAS."""
    known = {"format", "write_compression", "parquet_compression", "compression_level",
             "external_location", "partitioned_by", "field_delimiter", "no_data",
             "bucketed_by", "bucket_count"}  # fmt: skip
    for key in properties:
        if key not in known:
            raise not_supported(f"the property {key} in CREATE TABLE AS")
    form = str(properties.get("format", "PARQUET")).lower()
    if form not in writing.CODECS:
        raise not_supported(f"CREATE TABLE AS in the format {form.upper()}")
    codec = properties.get("write_compression") or properties.get("parquet_compression") or "GZIP"
    if codec.upper() not in writing.CODECS[form]:
        raise not_supported(f"compression {codec} of {form}")
    location = properties.get("external_location")
    if location and session.enforced:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            "The Create Table As Select query failed because it was submitted with an "
            "'external_location' property to an Athena Workgroup that enforces a centralized "
            "output location for all queries. Please remove the 'external_location' property "
            "and resubmit the query.",
        )
    location = location or f"{session.output}tables/{session.id}/"
    bucket, prefix = split_location(location)
    level = properties.get("compression_level")
    return writing.Layout(
        f"s3://{bucket}/{prefix}",
        form,
        codec.upper(),
        int(level) if level else None,
        tuple(properties.get("partitioned_by", ())),
        properties.get("field_delimiter", "\x01"),
        *_buckets(properties),
    )


def _buckets(properties: dict[str, Any]) -> tuple[tuple[str, ...], int]:
    """Read bucketed_by and bucket_count, of which a CTAS gives both or neither.

    Raises:
        QueryError: INVALID_TABLE_PROPERTY.
    """
    columns, count = (
        tuple(properties.get("bucketed_by", ())),
        int(properties.get("bucket_count", 0)),
    )
    if bool(columns) != (count > 0):
        text = "bucketed_by and bucket_count are given together, bucket_count is greater than 0"
        raise QueryError("INVALID_TABLE_PROPERTY", text)
    return columns, max(count, 1)


def check_columns(columns: list[Column], keys: tuple[str, ...]) -> None:
    """Refuse what cannot be a table's columns, and partition columns that are not the last."""
    require_distinct_names(columns)
    names = [column.name for column in columns]
    for key in keys:
        if key not in names:
            raise QueryError(
                "INVALID_TABLE_PROPERTY", f"Partition column '{key}' is not in the query"
            )
    if keys and len(keys) == len(names):
        raise QueryError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
    if keys and tuple(names[-len(keys) :]) != keys:
        raise QueryError(
            "HIVE_COLUMN_ORDER_MISMATCH",
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: {list(keys)}",
        )
    for column in columns:
        to_hive(column.type)


def register(session: Session, database: str, name: str, inputs: list[dict[str, Any]]) -> None:
    """Register new partitions, in batches.

    Raises:
        QueryError: HIVE_METASTORE_ERROR.
    """
    for start in range(0, len(inputs), writing.BATCH):
        request = {
            "DatabaseName": database,
            "TableName": name,
            "PartitionInputList": inputs[start : start + writing.BATCH],
        }
        errors = session.glue("BatchCreatePartition", request).get("Errors") or []
        if errors:
            raise QueryError("HIVE_METASTORE_ERROR", f"partitions were not created: {errors}")


def written_outcome(
    session: Session, location: str, written: list[writing.Written], rows: int
) -> Outcome:
    """Leave the manifest of the files written."""
    path = session.scratch / "manifest.csv"
    path.write_text("".join(f"{item.url}\n" for item in written), encoding="utf-8")
    manifest = session.upload(path, f"{session.id}-manifest.csv")
    return Outcome(location, (), updated=rows, manifest=manifest)
