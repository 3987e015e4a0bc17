"""Runs SELECT, EXPLAIN, CREATE TABLE AS, INSERT and CREATE VIEW."""

import json
import re
from typing import Any

from sqlglot import exp

from include.local_aws.athena import writing
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import partitions_of, split_location
from include.local_aws.athena.formats import format_of
from include.local_aws.athena.relations import CATALOG, Table, View, encode_view
from include.local_aws.athena.results import write_csv
from include.local_aws.athena.scans import Scans
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import RESERVED, split_name
from include.local_aws.athena.translation import Translation, parse, result_columns, translate
from include.local_aws.athena.types import (
    INTEGERS,
    Column,
    decimal_of,
    quoted,
    result_column,
    to_hive,
    to_trino,
)

VIEW = re.compile(
    r"CREATE\s+(?P<replace>OR\s+REPLACE\s+)?VIEW\s+(?P<name>[^\s(]+)\s+AS\s+(?P<sql>.*)",
    re.IGNORECASE | re.DOTALL,
)


def query_of(sql: str) -> exp.Query:
    """Parse a text that must be a query."""
    if RESERVED.search(sql):
        raise not_supported("CAST of a literal to decimal without precision; give (p, s)")
    tree = parse(sql)
    if not isinstance(tree, exp.Query):
        raise not_supported(f"statement {type(tree).__name__}")
    return tree


def prepare(session: Session, query: exp.Query) -> tuple[Translation, list[Column]]:
    """Translate a query, open its tables, and tell the columns of its result."""
    translation = translate(query, session.database, session.relations, session.engine)
    Scans(session.engine, session.s3, session.glue, session.scratch).define(translation)
    columns = result_columns(translation, session.engine.columns(translation.sql))
    for column in columns:
        to_trino(column.type)
    return translation, columns


def describe(session: Session, query: exp.Query) -> list[Column]:
    """Tell the columns of a query's result without looking at any file."""
    translation = translate(query, session.database, session.relations, session.engine)
    for name, table in translation.scans.items():
        nulls = ", ".join(f"CAST(NULL AS {c.type}) AS {quoted(c.name)}" for c in table.all_columns)
        session.engine.run(f"CREATE TEMP VIEW {name} AS SELECT {nulls}")
    return result_columns(translation, session.engine.columns(translation.sql))


def select(session: Session) -> Outcome:
    """Run a query and leave `<id>.csv` and `<id>.csv.metadata`."""
    translation, columns = prepare(session, query_of(session.statement.sql))
    path = session.scratch / "result.csv"
    write_csv(session.engine, translation.sql, columns, path)
    session.check_cutoff()
    metadata = session.scratch / "result.metadata"
    metadata.write_text(json.dumps({"ColumnInfo": [result_column(c) for c in columns]}))
    url = session.upload(path, f"{session.id}.csv")
    session.upload(metadata, f"{session.id}.csv.metadata")
    return Outcome(url, columns, header=True)


def explain(session: Session) -> Outcome:
    """Show DuckDB's plan of a query."""
    sql = re.sub(r"^EXPLAIN\s+", "", session.statement.sql, flags=re.IGNORECASE)
    if re.match(r"ANALYZE\b|\(", sql, re.IGNORECASE):
        raise not_supported("EXPLAIN with options")
    translation, _ = prepare(session, query_of(sql))
    plan = session.engine.run(f"EXPLAIN {translation.sql}").fetchall()
    lines = "\n".join(str(row[-1]) for row in plan).splitlines()
    return text_outcome(session, ["Query Plan", *lines], ["Query Plan"])


def create_view(session: Session) -> Outcome:
    """Store a query in the catalog, checked against it now."""
    found = VIEW.fullmatch(session.statement.sql)
    if found is None:
        raise not_supported("this form of CREATE VIEW")
    database, name = split_name(found["name"], session.database)
    columns = describe(session, query_of(found["sql"]))
    _distinct_names(columns)
    existing = _existing(session, database, name)
    if existing is not None and not found["replace"]:
        raise QueryError("ALREADY_EXISTS", f"View already exists: '{CATALOG}.{database}.{name}'")
    if isinstance(existing, Table):
        raise QueryError("TABLE_ALREADY_EXISTS", f"'{database}.{name}' is a table, not a view")
    text = encode_view(
        session.database, found["sql"].strip(), [(c.name, to_trino(c.type)) for c in columns]
    )
    table = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": text,
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": c.name.lower(), "Type": to_hive(c.type)} for c in columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }
    action = "CreateTable" if existing is None else "UpdateTable"
    session.glue(action, {"DatabaseName": database, "TableInput": table})
    return text_outcome(session, [], [])


def _existing(session: Session, database: str, name: str) -> Table | View | None:
    try:
        return session.relations.find(exp.table_(name, db=database), database)
    except QueryError as error:
        if error.name == "TABLE_NOT_FOUND":
            return None
        raise


def _distinct_names(columns: list[Column]) -> None:
    names = [column.name.lower() for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once"
            )


def _properties(node: exp.Expression) -> dict[str, Any]:
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
            found[item.this.name.lower()] = item.args["value"].name
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
    if _existing(session, database, name) is not None:
        if tree.args.get("exists"):
            return text_outcome(session, [], [])
        raise QueryError(
            "TABLE_ALREADY_EXISTS",
            f"line 1:1: Destination table '{CATALOG}.{database}.{name}' already exists",
        )
    layout = _layout(session, _properties(tree))
    writing.require_empty(session.s3, layout.location, f"{database}.{name}")
    translation, columns = prepare(session, tree.expression)
    columns = [Column(c.name.lower(), c.type) for c in columns]
    _check_columns(columns, layout.keys)
    no_data = _properties(tree).get("no_data", False)
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
    session.glue("CreateTable", {"DatabaseName": database, "TableInput": table})
    if layout.keys:
        _register(session, database, name, writing.partition_inputs(written, described))
    return _written(session, layout.location, written, rows)


def _layout(session: Session, properties: dict[str, Any]) -> writing.Layout:
    """Decide format, compression and place of a CTAS."""
    known = {"format", "write_compression", "parquet_compression", "compression_level",
             "external_location", "partitioned_by", "field_delimiter", "no_data"}  # fmt: skip
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
    )


def _check_columns(columns: list[Column], keys: tuple[str, ...]) -> None:
    """Refuse what cannot be a table's columns, and partition columns that are not the last."""
    _distinct_names(columns)
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


def _register(session: Session, database: str, name: str, inputs: list[dict[str, Any]]) -> None:
    for start in range(0, len(inputs), writing.BATCH):
        request = {
            "DatabaseName": database,
            "TableName": name,
            "PartitionInputList": inputs[start : start + writing.BATCH],
        }
        errors = session.glue("BatchCreatePartition", request).get("Errors") or []
        if errors:
            raise QueryError("HIVE_METASTORE_ERROR", f"partitions were not created: {errors}")


def _written(session: Session, location: str, written: list[writing.Written], rows: int) -> Outcome:
    """Leave the manifest of the files written."""
    path = session.scratch / "manifest.csv"
    path.write_text("".join(f"{item.url}\n" for item in written), encoding="utf-8")
    manifest = session.upload(path, f"{session.id}-manifest.csv")
    return Outcome(location, (), updated=rows, manifest=manifest)


def insert(session: Session) -> Outcome:
    """Append a query's rows to a table, in new files."""
    tree = parse(session.statement.sql)
    if not isinstance(tree, exp.Insert) or tree.args.get("overwrite"):
        raise not_supported("this form of INSERT")
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    target = schema.this if schema else tree.this
    table = session.relations.find(target, session.database)
    if isinstance(table, View):
        raise not_supported("INSERT INTO a view")
    source = tree.expression
    if isinstance(source, exp.Values):
        source = exp.select("*").from_(
            exp.Values(expressions=source.expressions, alias=exp.TableAlias(
                this=exp.to_identifier("_v"),
                columns=[exp.to_identifier(f"c{i}") for i in range(len(source.expressions[0].expressions))],
            ))
        )  # fmt: skip
    translation, given = prepare(session, source)
    named = [item.name.lower() for item in schema.expressions] if schema else [
        column.name for column in table.all_columns
    ]  # fmt: skip
    if len(named) != len(given):
        raise QueryError(
            "MISMATCHED_COLUMN_TYPES", f"Insert query has {len(given)} columns for {len(named)}"
        )
    sources = dict(
        zip(named, zip((f"_i{i}" for i in range(len(given))), given, strict=True), strict=True)
    )
    items = []
    for column in table.all_columns:
        if column.name not in sources:
            items.append(f"CAST(NULL AS {column.type})")
            continue
        alias, have = sources.pop(column.name)
        if not assignable(have.type, column.type):
            raise QueryError(
                "TYPE_MISMATCH",
                f"Insert query has mismatched column types: {column.name} is "
                f"{to_trino(column.type)}, query has {to_trino(have.type)}",
            )
        items.append(alias)
    if sources:
        raise QueryError(
            "COLUMN_NOT_FOUND", f"Insert column name does not exist: {next(iter(sources))}"
        )
    names = ", ".join(f"_i{i}" for i in range(len(given)))
    sql = f"SELECT {', '.join(items)} FROM ({translation.sql}) _q({names})"
    rows = writing.materialise(session.engine, sql, table.all_columns)
    session.check_cutoff()
    storage = table.glue["StorageDescriptor"]
    parameters = table.glue.get("Parameters") or {}
    form = {"text": "textfile"}.get(format_of(table), format_of(table))
    if form not in writing.CODECS:
        raise not_supported(f"INSERT INTO a table of the SerDe of {table.qualified}")
    bucket, prefix = split_location(storage["Location"])
    serde = (storage.get("SerdeInfo") or {}).get("Parameters") or {}
    codec = str(parameters.get(f"{form}.compression", "GZIP")).upper()
    keys = tuple(key.name for key in table.keys)
    layout = writing.Layout(f"s3://{bucket}/{prefix}", form, codec, None, keys,
                            serde.get("field.delim", "\x01"))  # fmt: skip
    existing = {
        tuple("__HIVE_DEFAULT_PARTITION__" if v is None else v for v in p.values): p.location
        for p in (partitions_of(table, session.glue) if keys else [])
    }
    written = writing.write(
        session.engine, session.s3, table.all_columns, layout, f"{session.id}_00000",
        session.scratch, existing,
    )  # fmt: skip
    new = [item for item in written if keys and item.values not in existing]
    _register(session, table.database, table.name, writing.partition_inputs(new, storage))
    return _written(session, layout.location, written, rows)


def assignable(have: str, want: str) -> bool:
    """Tell whether Trino stores one type into a column of another without a CAST."""
    if have == want or have in {'"NULL"'}:
        return True
    if have in INTEGERS and want in INTEGERS:
        return INTEGERS.index(have) <= INTEGERS.index(want)
    if want == "DOUBLE":
        return have in INTEGERS or have == "FLOAT" or have.startswith("DECIMAL")
    first, second = decimal_of(have), decimal_of(want)
    if first and second and want.startswith("DECIMAL"):
        return first[1] <= second[1] and first[0] - first[1] <= second[0] - second[1]
    return have == "DATE" and want == "TIMESTAMP"
