"""Runs UNLOAD: a query's rows as files, without a table."""

import re

from sqlglot import exp

from include.local_aws.athena import writing
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import split_location
from include.local_aws.athena.queries import prepare, query_of
from include.local_aws.athena.session import Outcome, Session
from include.local_aws.athena.tables_as import check_columns, properties_of, written_outcome
from include.local_aws.athena.translation import parse
from include.local_aws.athena.types import Column

FORM = re.compile(
    r"UNLOAD\s*\((?P<query>.*)\)\s*TO\s+'(?P<to>[^']*)'\s*WITH\s*\((?P<with>.*)\)",
    re.IGNORECASE | re.DOTALL,
)
KNOWN = {"format", "compression", "compression_level", "field_delimiter", "partitioned_by"}


def unload(session: Session) -> Outcome:
    """Write a query's rows to an empty folder, and the manifest of the files to the results."""
    found = FORM.fullmatch(session.statement.sql)
    if found is None:
        raise QueryError("SYNTAX_ERROR", "line 1:1: UNLOAD (query) TO 's3://…' WITH (format = …)")
    layout = _layout(found["to"], found["with"])
    writing.require_empty(session.s3, layout.location, "of UNLOAD")
    translation, columns = prepare(session, query_of(found["query"]))
    columns = [Column(column.name.lower(), column.type) for column in columns]
    check_columns(columns, layout.keys)
    rows = writing.materialise(session.engine, translation.sql, columns)
    session.check_cutoff()
    file = f"{session.id}_00000"
    written = writing.write(session.engine, session.s3, columns, layout, file, session.scratch, {})
    return written_outcome(session, layout.location, written, rows)


def _layout(location: str, properties: str) -> writing.Layout:
    """Decide place, format and compression."""
    tree = parse(f"CREATE TABLE _unload WITH ({properties}) AS SELECT 1")
    if not isinstance(tree, exp.Create):
        raise not_supported("this form of UNLOAD")
    given = properties_of(tree)
    if unknown := set(given) - KNOWN:
        raise QueryError("INVALID_PROPERTY", f"UNLOAD has no property {sorted(unknown)[0]}")
    if "format" not in given:
        raise QueryError("INVALID_PROPERTY", "UNLOAD needs the property format")
    form, codec = str(given["format"]).lower(), str(given.get("compression", "GZIP")).upper()
    if form not in writing.CODECS:
        raise not_supported(f"UNLOAD in the format {form.upper()}")
    if codec not in writing.CODECS[form]:
        raise not_supported(f"compression {codec} of {form}")
    bucket, prefix = split_location(location)
    level = given.get("compression_level")
    keys = tuple(given.get("partitioned_by", ()))
    return writing.Layout(
        f"s3://{bucket}/{prefix}", form, codec, int(level) if level else None, keys,
        given.get("field_delimiter", "\x01"),
    )  # fmt: skip
