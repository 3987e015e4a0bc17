"""Runs SELECT, EXPLAIN and CREATE VIEW."""

import json
import re
from typing import cast

from sqlglot import exp

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.relations import CATALOG, Table, View, encode_view
from include.local_aws.athena.results import write_csv
from include.local_aws.athena.scans import Scans
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import RESERVED, split_name
from include.local_aws.athena.translation import (
    Translation,
    parse,
    result_columns,
    shown_columns,
    translate,
)
from include.local_aws.athena.types import (
    Column,
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
    if isinstance(tree, exp.Values):
        names = [exp.to_identifier(f"_col{i}") for i in range(len(tree.expressions[0].expressions))]
        tree.set("alias", exp.TableAlias(this=exp.to_identifier("_values"), columns=names))
        tree = exp.select("*").from_(tree)
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
        nulls = ", ".join(
            f"CAST(NULL AS {c.type}) AS {quoted(c.name)}" for c in shown_columns(table)
        )
        session.engine.run(f"CREATE TEMP VIEW {name} AS SELECT {nulls}")
    return result_columns(translation, session.engine.columns(translation.sql))


def select(session: Session) -> Outcome:
    """Run a query and leave `<id>.csv` and `<id>.csv.metadata`."""
    translation, columns = prepare(session, query_of(session.statement.sql))
    path = session.scratch / "result.csv"
    rows = write_csv(session.engine, translation.sql, columns, path)
    session.check_cutoff()
    metadata = session.scratch / "result.metadata"
    metadata.write_text(json.dumps({"ColumnInfo": [result_column(c) for c in columns]}))
    url = session.upload(path, f"{session.id}.csv")
    session.upload(metadata, f"{session.id}.csv.metadata")
    return Outcome(url, columns, header=True, rows=rows)


def explain(session: Session) -> Outcome:
    """Show DuckDB's plan of a query."""
    sql = re.sub(r"^EXPLAIN\s+", "", session.statement.sql, flags=re.IGNORECASE)
    if re.match(r"ANALYZE\b|\(", sql, re.IGNORECASE):
        raise not_supported("EXPLAIN with options")
    translation, _ = prepare(session, query_of(sql))
    plan = session.engine.run(f"EXPLAIN {translation.sql}").fetchall()
    session.engine.bytes_scanned = 0  # files were looked at to plan it; a plan is free on AWS
    lines = "\n".join(str(row[-1]) for row in plan).splitlines()
    return text_outcome(session, ["Query Plan", *lines], ["Query Plan"])


def create_view(session: Session) -> Outcome:
    """Store a query in the catalog, checked against it now."""
    found = VIEW.fullmatch(session.statement.sql)
    if found is None:
        raise not_supported("this form of CREATE VIEW")
    database, name = split_name(found["name"], session.database)
    query = query_of(found["sql"])
    require_names(query)
    columns = describe(session, query)
    require_distinct_names(columns)
    before = existing(session, database, name)
    if before is not None and not found["replace"]:
        raise QueryError("ALREADY_EXISTS", f"View already exists: '{CATALOG}.{database}.{name}'")
    if isinstance(before, Table):
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
    action = "CreateTable" if before is None else "UpdateTable"
    session.glue(action, {"DatabaseName": database, "TableInput": table})
    return text_outcome(session, [], [])


def existing(session: Session, database: str, name: str) -> Table | View | None:
    """Look a relation up; None when its database has none of that name."""
    try:
        return session.relations.find(exp.table_(name, db=database), database)
    except QueryError as error:
        if error.name == "TABLE_NOT_FOUND":
            return None
        raise


def require_names(query: exp.Query) -> None:
    """Refuse computed columns without a name, as what is a table's or a view's column.

    Raises:
        QueryError: MISSING_COLUMN_NAME.
    """
    for position, item in enumerate(cast("exp.Query", query.unnest()).selects, 1):
        if not item.is_star and not isinstance(item, (exp.Alias, exp.Column, exp.Dot)):
            text = f"line 1:1: Column name not specified at position {position}"
            raise QueryError("MISSING_COLUMN_NAME", text)


def require_distinct_names(columns: list[Column]) -> None:
    """Refuse two columns of one name.

    Raises:
        QueryError: DUPLICATE_COLUMN_NAME.
    """
    names = [column.name.lower() for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once"
            )
