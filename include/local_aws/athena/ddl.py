"""Runs the Hive DDL of Athena: databases, external tables, partitions, MSCK REPAIR."""

import re
from typing import Any
from urllib.parse import unquote

from sqlglot import exp

from include.local_aws.athena import writing
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import objects_under, partitions_of, split_location
from include.local_aws.athena.relations import CATALOG, Table, View
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import NAME, split_name
from include.local_aws.athena.translation import parse
from include.local_aws.athena.types import from_hive
from include.local_aws.front.context import AwsError

VALUE = re.compile(
    r"\s*[`\"]?(?P<key>\w+)[`\"]?\s*=\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+))\s*"
)
PARTITION = re.compile(
    r"\s*PARTITION\s*\((?P<values>(?:[^()']|'[^']*')*)\)(?:\s*LOCATION\s+'(?P<location>[^']*)')?\s*,?",
    re.IGNORECASE,
)
DELETE_BATCH = 25


def target(session: Session, name: str) -> Table:
    """Look up the table that a DDL statement names.

    Raises:
        QueryError: there is none, or it is a view.
    """
    database, table = split_name(name, session.database)
    found = session.relations.find(exp.table_(table, db=database), database)
    if isinstance(found, View):
        raise QueryError("INVALID_TABLE", f"'{database}.{table}' is a view")
    return found


def _words(session: Session, pattern: str) -> re.Match[str]:
    found = re.fullmatch(pattern, session.statement.sql, re.IGNORECASE | re.DOTALL)
    if found is None:
        first = " ".join(session.statement.sql.split()[:3]).upper()
        raise not_supported(f"this form of {first}")
    return found


def done(session: Session) -> Outcome:
    """Leave the empty result of a statement that gives no rows."""
    return text_outcome(session, [], [])


def create_database(session: Session) -> Outcome:
    """CREATE DATABASE."""
    tree = parse(session.statement.sql)
    if not isinstance(tree, exp.Create):
        raise not_supported("this form of CREATE DATABASE")
    name = (tree.this.db or tree.this.name).lower()
    described: dict[str, Any] = {"Name": name}
    listed = tree.args.get("properties")
    for item in listed.expressions if listed else []:
        if isinstance(item, exp.SchemaCommentProperty):
            described["Description"] = item.this.name
        elif isinstance(item, exp.LocationProperty):
            described["LocationUri"] = item.this.name
        else:
            raise not_supported(f"{item.sql('athena')} of a database")
    if session.relations.has_database(name):
        if not tree.args.get("exists"):
            raise QueryError("SCHEMA_ALREADY_EXISTS", f"Database {name} already exists")
    else:
        session.glue("CreateDatabase", {"DatabaseInput": described})
    return done(session)


def drop_database(session: Session) -> Outcome:
    """DROP DATABASE; one with tables needs CASCADE."""
    found = _words(session, rf"DROP\s+(?:DATABASE|SCHEMA)\s+(?P<if>IF\s+EXISTS\s+)?{NAME}"
                            r"(?P<cascade>\s+CASCADE)?(?:\s+RESTRICT)?")  # fmt: skip
    name = found["name"].strip('`"').lower()
    if not session.relations.has_database(name):
        if found["if"]:
            return done(session)
        raise QueryError("SCHEMA_NOT_FOUND", f"Database does not exist: {name}")
    tables = session.glue("GetTables", {"DatabaseName": name})["TableList"]
    if tables and not found["cascade"]:
        raise QueryError(
            "SCHEMA_NOT_EMPTY", f"Database {name} is not empty. One or more tables exist."
        )
    session.glue("DeleteDatabase", {"Name": name})
    return done(session)


def create_table(session: Session) -> Outcome:
    """CREATE EXTERNAL TABLE."""
    tree = parse(session.statement.sql)
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        raise not_supported("this form of CREATE EXTERNAL TABLE")
    database = (tree.this.this.db or session.database).lower()
    name = tree.this.this.name.lower()
    table, properties = _described(tree, name)
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


def _described(tree: exp.Create, name: str) -> tuple[dict[str, Any], list[exp.Expression]]:
    """Describe the table for the Glue catalog."""
    storage = writing.storage([], writing.Layout("", "textfile", "NONE", None, ()))
    keys: list[dict[str, str]] = []
    parameters: dict[str, str] = {"EXTERNAL": "TRUE"}
    comment = None
    items = tree.args["properties"].expressions if tree.args.get("properties") else []
    explicit_serde = None
    for item in items:
        if isinstance(item, exp.PartitionedByProperty):
            keys = [_column(c) for c in item.this.expressions]
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
    storage["Columns"] = [_column(column) for column in tree.this.expressions]
    table: dict[str, Any] = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": keys,
        "StorageDescriptor": storage,
    }
    if comment:
        table["Description"] = comment
    return table, items


def _delimiters(item: exp.Expression) -> dict[str, str]:
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


def _column(item: exp.Expression) -> dict[str, str]:
    """Describe a column definition; its type as Hive spells it."""
    kind = item.args["kind"].sql("hive").lower()
    from_hive(kind)
    described = {"Name": item.name.lower(), "Type": re.sub(r"\s*([<>,:()])\s*", r"\1", kind)}
    for constraint in item.args.get("constraints") or []:
        if isinstance(constraint.kind, exp.CommentColumnConstraint):
            described["Comment"] = constraint.kind.this.name
    return described


def drop_table(session: Session) -> Outcome:
    """DROP TABLE: forgets the table; its files stay."""
    found = _words(session, rf"DROP\s+TABLE\s+(?P<if>IF\s+EXISTS\s+)?{NAME}")
    return _drop(session, found, Table)


def drop_view(session: Session) -> Outcome:
    """DROP VIEW."""
    found = _words(session, rf"DROP\s+VIEW\s+(?P<if>IF\s+EXISTS\s+)?{NAME}")
    return _drop(session, found, View)


def _drop(session: Session, found: re.Match[str], kind: type[Table] | type[View]) -> Outcome:
    database, name = split_name(found["name"], session.database)
    try:
        relation = session.relations.find(exp.table_(name, db=database), database)
    except QueryError as error:
        if error.name in {"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"} and found["if"]:
            return done(session)
        raise
    if not isinstance(relation, kind):
        is_view = isinstance(relation, View)
        raise QueryError(
            "TABLE_NOT_FOUND",
            f"'{CATALOG}.{database}.{name}' is a {'view' if is_view else 'table'}, "
            f"use DROP {'VIEW' if is_view else 'TABLE'}",
        )
    session.glue("DeleteTable", {"DatabaseName": database, "Name": name})
    return done(session)


def _values(table: Table, text: str) -> dict[str, str]:
    """Read `key='value', …`; keys must be partition columns."""
    found: dict[str, str] = {}
    for part in re.findall(r"(?:[^,']|'[^']*')+", text):
        match = VALUE.fullmatch(part)
        if match is None:
            raise QueryError("SYNTAX_ERROR", f"not a partition value: {part.strip()}")
        value = match["text"].replace("''", "'") if match["text"] is not None else match["number"]
        found[match["key"].lower()] = value
    names = {key.name for key in table.keys}
    if unknown := set(found) - names:
        raise QueryError(
            "COLUMN_NOT_FOUND", f"not partition columns of {table.qualified}: {unknown}"
        )
    return found


def _partition_clauses(text: str) -> list[re.Match[str]]:
    clauses, position = [], 0
    while position < len(text):
        found = PARTITION.match(text, position)
        if found is None:
            raise QueryError("SYNTAX_ERROR", f"not a PARTITION clause: {text[position:].strip()}")
        clauses.append(found)
        position = found.end()
    return clauses


def _add(session: Session, table: Table, entries: list[tuple[list[str], str]]) -> list[str]:
    """Register partitions; give the messages of those that exist."""
    storage = table.glue["StorageDescriptor"]
    problems = []
    for start in range(0, len(entries), writing.BATCH):
        inputs = [
            {
                "Values": values,
                "StorageDescriptor": {**storage, "Location": location},
                "Parameters": {},
            }
            for values, location in entries[start : start + writing.BATCH]
        ]
        request = {
            "DatabaseName": table.database,
            "TableName": table.name,
            "PartitionInputList": inputs,
        }
        for error in session.glue("BatchCreatePartition", request).get("Errors") or []:
            detail = error.get("ErrorDetail") or {}
            if detail.get("ErrorCode") != "AlreadyExistsException":
                raise QueryError("HIVE_METASTORE_ERROR", f"{error}")
            problems.append(f"Partition already exists: {error.get('PartitionValues')}")
    return problems


def add_partition(session: Session) -> Outcome:
    """ALTER TABLE … ADD PARTITION."""
    found = _words(
        session,
        rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+(?P<if>IF\s+NOT\s+EXISTS\s+)?(?P<rest>PARTITION.*)",
    )
    table = target(session, found["name"])
    entries = []
    for clause in _partition_clauses(found["rest"]):
        values = _values(table, clause["values"])
        ordered = [values[key.name] for key in table.keys if key.name in values]
        if len(ordered) != len(table.keys):
            raise QueryError(
                "INVALID_PARTITION_VALUE", f"{table.qualified} has more partition columns"
            )
        folder = "".join(
            f"{writing.escaped(key.name)}={writing.escaped(value)}/"
            for key, value in zip(table.keys, ordered, strict=True)
        )
        base = table.glue["StorageDescriptor"]["Location"].rstrip("/")
        entries.append((ordered, clause["location"] or f"{base}/{folder}"))
    problems = _add(session, table, entries)
    if problems and not found["if"]:
        raise QueryError("ALREADY_EXISTS", problems[0])
    return done(session)


def drop_partition(session: Session) -> Outcome:
    """ALTER TABLE … DROP PARTITION: by equal values; files stay."""
    found = _words(
        session, rf"ALTER\s+TABLE\s+{NAME}\s+DROP\s+(?P<if>IF\s+EXISTS\s+)?(?P<rest>PARTITION.*)"
    )
    table = target(session, found["name"])
    existing = [
        [v or writing.NULL_PARTITION for v in p.values] for p in partitions_of(table, session.glue)
    ]
    doomed = []
    for clause in _partition_clauses(found["rest"]):
        wanted = _values(table, clause["values"])
        matching = [
            values
            for values in existing
            if all(wanted.get(k.name, v) == v for k, v in zip(table.keys, values, strict=True))
        ]
        if not matching and not found["if"]:
            raise QueryError("PARTITION_NOT_FOUND", f"Partition not found: {clause['values']}")
        doomed += matching
    for start in range(0, len(doomed), DELETE_BATCH):
        request = {
            "DatabaseName": table.database,
            "TableName": table.name,
            "PartitionsToDelete": [{"Values": v} for v in doomed[start : start + DELETE_BATCH]],
        }
        errors = session.glue("BatchDeletePartition", request).get("Errors") or []
        if errors:
            raise QueryError("HIVE_METASTORE_ERROR", f"partitions were not dropped: {errors}")
    return done(session)


def repair(session: Session) -> Outcome:
    """MSCK REPAIR TABLE: registers the `key=value` folders that hold files."""
    table = target(session, _words(session, rf"MSCK\s+REPAIR\s+TABLE\s+{NAME}")["name"])
    location = table.glue["StorageDescriptor"]["Location"]
    bucket, prefix = split_location(location)
    known = {
        tuple(v or writing.NULL_PARTITION for v in p.values)
        for p in partitions_of(table, session.glue)
    }
    found: dict[tuple[str, ...], str] = {}
    for key, _ in objects_under(session.s3, bucket, prefix):
        folders = key[len(prefix) :].split("/")[:-1][: len(table.keys)]
        pairs = [folder.partition("=") for folder in folders]
        if [name.lower() for name, _, _ in pairs] != [k.name for k in table.keys]:
            continue
        values = tuple(unquote(value) for _, _, value in pairs)
        if values not in known:
            found.setdefault(values, f"s3://{bucket}/{prefix}{'/'.join(folders)}")
    _add(session, table, [(list(values), place) for values, place in sorted(found.items())])
    lines = [f"Partitions not in metastore:\t{table.name}:{'/'.join(v)}" for v in sorted(found)]
    return text_outcome(session, lines, ["Partitions"] if lines else [])
