"""Resolves the names of a query's columns, with Athena's errors for what is not there."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from include.local_aws.athena.errors import QueryError, not_supported

FILE = "$path"
"""The hidden column of every table: the URL of the file that a row is in."""


class Dialect(Athena):
    """Athena's dialect, whose hidden columns a star does not show."""

    PSEUDOCOLUMNS = {FILE.upper()}  # noqa: RUF012 - the base class declares it so
    EXCLUDES_PSEUDOCOLUMNS_FROM_STAR = True


def qualified(tree: exp.Query, schema: dict[str, object]) -> exp.Query:
    """Give every column its table and every output a name."""
    written = {column.name: column for column in tree.find_all(exp.Column) if column.table}
    try:
        result = qualify(
            tree,
            schema=schema or {"_none": {"_none": "INT"}},
            dialect=Dialect,
            expand_alias_refs=False,
            quote_identifiers=True,
            validate_qualify_columns=True,
        )
    except OptimizeError as error:
        raise _resolution_error(str(error), written) from error
    if not isinstance(result, exp.Query):
        raise not_supported("this form of query")
    _qualify_having(result, schema)
    return result


def _qualify_having(tree: exp.Query, schema: dict[str, Any]) -> None:
    """Give the columns of HAVING their tables: sqlglot takes them for names of the result."""
    for scope in traverse_scope(tree):
        having = scope.expression.args.get("having")
        for column in having.find_all(exp.Column) if having else ():
            if column.table or column.parent_select is not scope.expression:
                continue
            owners = [
                alias
                for alias, (_, source) in scope.selected_sources.items()
                if column.name in _columns_of(source, schema)
            ]
            if not owners:
                raise _not_found(column.name, column.this)
            if len(owners) > 1:
                raise QueryError("AMBIGUOUS_NAME", f"Column '{column.name}' is ambiguous")
            column.set("table", exp.to_identifier(owners[0], quoted=True))


def _columns_of(source: exp.Expr | Scope, schema: dict[str, Any]) -> Collection[str]:
    if isinstance(source, Scope):
        query = source.expression
        return query.named_selects if isinstance(query, exp.Query) else query.alias_column_names
    columns: Mapping[str, object] = schema.get(source.name, {})
    return columns


def _not_found(name: str, start: exp.Expr) -> QueryError:
    """Word a column that is not there, with the place where its name starts."""
    place = start.meta
    where = f"line {place['line']}:{place['col'] - len(start.name) + 1}: " if place else ""
    return QueryError("COLUMN_NOT_FOUND", f"{where}Column '{name}' cannot be resolved")


def place_hidden_columns(tree: exp.Query) -> None:
    """Give hidden columns their table, which the resolver leaves open.

    Raises:
        QueryError: there is no table that it could be of, or there are several.
    """
    for node in list(tree.find_all(exp.Pseudocolumn)):
        select = node.find_ancestor(exp.Select)
        table = node.table
        if not table and select is not None:
            start = select.args.get("from_")
            sources = [start.this] if start else []
            sources += [join.this for join in select.args.get("joins") or []]
            tables = [source.alias_or_name for source in sources if isinstance(source, exp.Table)]
            if len(tables) > 1:
                raise QueryError("AMBIGUOUS_NAME", f"Column '{node.name}' is ambiguous")
            table = tables[0] if tables else ""
        if not table:
            raise QueryError("COLUMN_NOT_FOUND", f"Column '{node.name}' cannot be resolved")
        node.replace(exp.column(node.name, table=table, quoted=True))


def _resolution_error(text: str, written: Mapping[str, exp.Column]) -> QueryError:
    """Word a name that did not resolve as Athena does.

    Args:
        text: sqlglot's error.
        written: the query's columns with a table, by name: of those sqlglot tells the name alone.
    """
    unknown = re.fullmatch(r"Unknown column: (\S+)", text)
    if unknown and (column := written.get(unknown[1].strip('"'))) is not None:
        return _not_found(f"{column.table}.{column.name}", column.args["table"])
    found = re.search(
        r"Column '\"?([^'\"]+)\"?' could not be resolved(?: for table: '([^']+)')?", text
    )
    place = re.search(r"Line: (\d+), Col: (\d+)", text)
    if found:
        name = f"{found[2]}.{found[1]}" if found[2] else found[1]
        where = ""
        if place:
            where = f"line {place[1]}:{max(1, int(place[2]) - len(name) + 1)}: "
        return QueryError("COLUMN_NOT_FOUND", f"{where}Column '{name}' cannot be resolved")
    if "mbiguous" in text:
        return QueryError("AMBIGUOUS_NAME", text)
    return QueryError("SYNTAX_ERROR", text)
