"""From the text of an Athena query to DuckDB SQL over scans of catalog tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.information_schema import Listing
from include.local_aws.athena.names import FILE, place_hidden_columns, qualified
from include.local_aws.athena.relations import Relations, Table, View
from include.local_aws.athena.semantics import Semantics
from include.local_aws.athena.types import Column

MAX_VIEW_DEPTH = 20


@dataclass
class Translation:
    """A query ready for DuckDB.

    Attributes:
        tree: DuckDB's query; its base tables are named by the keys of `scans`.
        columns: names and types of the result; a type is None where only execution can tell.
        scans: scan name -> the catalog table it reads.
    """

    tree: exp.Query
    columns: list[tuple[str, str | None]]
    scans: dict[str, Table] = field(default_factory=dict)

    @property
    def sql(self) -> str:
        """The query as DuckDB SQL."""
        return self.tree.sql("duckdb")


def parse(sql: str) -> exp.Expr:
    """Parse one statement of Athena's dialect.

    Raises:
        QueryError: SYNTAX_ERROR with line and column.
    """
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="athena") if tree is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f"line {first.get('line')}:{first.get('col')}: " if first else ""
        near = first.get("highlight", "")
        what = str(first.get("description", error)).rstrip(".")
        raise QueryError("SYNTAX_ERROR", f"{place}{what} near '{near}'") from error
    except TokenError as error:
        raise QueryError("SYNTAX_ERROR", str(error)) from error
    if len(trees) != 1:
        raise QueryError("SYNTAX_ERROR", "Only one sql statement is allowed")
    return trees[0]


def translate(query: exp.Query, database: str, relations: Relations, engine: Engine) -> Translation:
    """Resolve names against the catalog, and make the query mean the same in DuckDB.

    Args:
        query: parsed SELECT, set operation or WITH query; it is not changed.
        database: database of names without one.
        relations: the catalog.
        engine: connection that is asked for types.

    Raises:
        QueryError: TABLE_NOT_FOUND, COLUMN_NOT_FOUND, TYPE_MISMATCH, NOT_SUPPORTED, …
    """
    tree = query.copy()
    scans: dict[str, Table] = {}
    _name_columns(tree)
    _resolve(tree, database, relations, scans, 0)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    names = _written_names(tree)
    schema: dict[str, object] = {
        name: {column.name: _opaque(column.type) for column in shown_columns(table)}
        for name, table in scans.items()
    }
    tree = qualified(tree, schema)
    place_hidden_columns(tree)
    types = {name: {c.name: c.type for c in shown_columns(table)} for name, table in scans.items()}
    columns = Semantics(engine, types).apply(tree)
    shown = [(names.get(name, name), kind) for name, kind in columns]
    return Translation(tree, shown, scans)


def shown_columns(table: Table) -> tuple[Column, ...]:
    """Give all columns that a query of a table can name, the hidden one last."""
    if isinstance(table, Listing):
        return table.columns
    return (*table.all_columns, Column(FILE, "VARCHAR"))


def _opaque(kind: str) -> str:
    """Type that sqlglot is told: only what it needs to resolve names."""
    return kind if re.fullmatch(r"[A-Z]+|DECIMAL\(\d+,\s*\d+\)", kind) else "UNKNOWN"


def _name_columns(tree: exp.Query) -> None:
    """Name computed columns `_col<position>`, as Athena does."""
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or []
        if any(str(join.method).upper() == "NATURAL" for join in joins):
            raise not_supported("NATURAL JOIN")
        if any(join.args.get("using") for join in joins) and select.is_star:
            raise not_supported("SELECT * with JOIN … USING; name the columns")
        items = []
        for position, item in enumerate(select.expressions):
            if item.name == FILE and isinstance(item, exp.Column) and select is not tree:
                raise not_supported(f'"{FILE}" of a subquery without a name; write AS …')
            if isinstance(item, (exp.Alias, exp.Star, exp.Column)) or item.is_star:
                items.append(item)
            elif isinstance(item, exp.Dot) and item.name:
                items.append(exp.alias_(item.copy(), item.name, copy=False))
            else:
                items.append(exp.alias_(item.copy(), f"_col{position}", copy=False))
        select.set("expressions", items)


def _written_names(tree: exp.Query) -> dict[str, str]:
    """Give the result's column names as the query spells them, by lower case."""
    return {item.output_name.lower(): item.output_name for item in tree.selects if item.output_name}


def _resolve(
    tree: exp.Expr, database: str, relations: Relations, scans: dict[str, Table], depth: int
) -> None:
    """Put a scan in the place of each table and a subquery in the place of each view."""
    if depth > MAX_VIEW_DEPTH:
        raise QueryError("VIEW_IS_RECURSIVE", "a view refers to itself")
    for node in list(tree.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier):
            raise not_supported(f"table function {node.sql('athena')}")
        if not node.db and node.name.lower() in _common_tables(node):
            continue
        relation = relations.find(node, database)
        alias = node.alias or node.name
        columns = node.args["alias"].columns if node.args.get("alias") else []
        named = exp.TableAlias(this=exp.to_identifier(alias), columns=[c.copy() for c in columns])
        if isinstance(relation, View):
            body = parse(relation.sql)
            if not isinstance(body, exp.Query):
                raise QueryError("INVALID_VIEW", f"view {relation.name} is not a query")
            _name_columns(body)
            _resolve(body, relation.database, relations, scans, depth + 1)
            for column in body.find_all(exp.Column):
                column.set("db", None)
                column.set("catalog", None)
            replacement: exp.Expr = exp.Subquery(this=body, alias=named)
        else:
            scan = f"_scan_{len(scans)}"
            scans[scan] = relation
            replacement = exp.Table(this=exp.to_identifier(scan), alias=named)
        for key in ("joins", "laterals"):
            if node.args.get(key):
                replacement.set(key, [item.copy() for item in node.args[key]])
        if node.args.get("sample"):
            raise not_supported("TABLESAMPLE")
        node.replace(replacement)


def _common_tables(node: exp.Expr) -> set[str]:
    """Give the names of the WITH queries that are visible at a table reference, in lower case."""
    return {name.lower() for name in _visible(node)}


def _visible(node: exp.Expr) -> Iterator[str]:
    child: exp.Expr = node
    parent = node.parent
    while parent is not None:
        clause = parent.args.get("with_")
        if isinstance(clause, exp.With) and clause is not child:
            yield from (cte.alias for cte in clause.expressions)
        if isinstance(parent, exp.With):
            if parent.recursive:
                raise not_supported("WITH RECURSIVE")
            for cte in parent.expressions:
                if cte is child:
                    break
                yield cte.alias
        child, parent = parent, parent.parent


def result_columns(translation: Translation, described: list[Column]) -> list[Column]:
    """Give the result's columns as Athena types them, given what DuckDB says of the query."""
    columns = []
    for (name, _), column in zip(translation.columns, described, strict=True):
        kind = {"HUGEINT": "BIGINT", "TIMESTAMP_NS": "TIMESTAMP", "TIMESTAMP_S": "TIMESTAMP",
                "TIMESTAMP_MS": "TIMESTAMP"}.get(column.type, column.type)  # fmt: skip
        columns.append(Column(name, kind))
    return columns
