"""Runs CREATE and DROP of databases, and DROP of tables and views."""

import re
from typing import Any

from sqlglot import exp

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.relations import CATALOG, Table, View
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import NAME, split_name
from include.local_aws.athena.translation import parse

PROPERTIES = re.compile(r"\bWITH\s+DBPROPERTIES\s*\(", re.IGNORECASE)


def properties(pairs: str) -> dict[str, str]:
    """Read `'key'='value', …`."""
    tree = parse(f"CREATE EXTERNAL TABLE _t (a int) LOCATION 's3://_/' TBLPROPERTIES ({pairs})")
    listed = tree.args["properties"].expressions
    return {p.this.name: p.args["value"].name for p in listed if type(p) is exp.Property}


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


def words(session: Session, pattern: str) -> re.Match[str]:
    """Match the whole statement, or refuse its form.

    Raises:
        QueryError: NOT_SUPPORTED.
    """
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
    sql, _, pairs = PROPERTIES.sub("\0", session.statement.sql).partition("\0")
    tree = parse(sql)
    if not isinstance(tree, exp.Create):
        raise not_supported("this form of CREATE DATABASE")
    name = (tree.this.db or tree.this.name).lower()
    described: dict[str, Any] = {"Name": name}
    if pairs:
        described["Parameters"] = properties(pairs.rstrip(") \n"))
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
    found = words(session, rf"DROP\s+(?:DATABASE|SCHEMA)\s+(?P<if>IF\s+EXISTS\s+)?{NAME}"
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


def drop_table(session: Session) -> Outcome:
    """DROP TABLE: forgets the table; its files stay."""
    found = words(session, rf"DROP\s+TABLE\s+(?P<if>IF\s+EXISTS\s+)?{NAME}")
    return _drop(session, found, Table)


def drop_view(session: Session) -> Outcome:
    """DROP VIEW."""
    found = words(session, rf"DROP\s+VIEW\s+(?P<if>IF\s+EXISTS\s+)?{NAME}")
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
