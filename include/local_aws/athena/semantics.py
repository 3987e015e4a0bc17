"""Makes a qualified Trino query mean in DuckDB what it means in Trino.

Every scope is visited from the inside out. DuckDB's own binder, asked about expressions over typed
NULLs, is the oracle for types; where an operator's result depends on a type that is not known, the
query is refused rather than computed differently.
"""

import typing
from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, ScopeType, traverse_scope

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.functions import FUNCTION_RULES, refuse_unknown
from include.local_aws.athena.rules import OPERATOR_RULES, family
from include.local_aws.athena.types import to_trino
from include.local_aws.athena.unnesting import elements, is_plain, side_by_side

RULES = OPERATOR_RULES | FUNCTION_RULES
COLUMNS = "columns"
"""Key in a query node's meta data (which copies keep): column -> type of what it gives."""
NOTHING = {'"NULL"', "NULL", "JSON"}
"""Types of NULL literals, and of text that may be anything."""

Environment = Mapping[str, Mapping[str, str | None]]
"""Source alias -> column -> DuckDB type (None: not known)."""


class Semantics:
    """Rewrites a qualified tree in place, scope by scope.

    Args:
        engine: connection that is asked for the types of expressions.
        tables: scan name -> column -> DuckDB type.
    """

    def __init__(self, engine: Engine, tables: Mapping[str, Mapping[str, str]]) -> None:
        self._engine = engine
        self._tables = tables
        self._known: dict[str, str | None] = {}
        self._environment: Environment = {}
        self._aliases: dict[str, exp.Expr] = {}

    def apply(self, tree: exp.Query) -> list[tuple[str, str | None]]:
        """Rewrite the tree and give the name and type of each of its columns."""
        root: Scope | None = None
        for scope in traverse_scope(tree):
            root = scope
            self._environment = self._sources(scope)
            self._rewrite(scope)
            scope.expression.meta[COLUMNS] = self._columns(scope)
            if isinstance(scope.expression, exp.Unnest):
                self._unnest(scope.expression)
        if root is None:
            raise not_supported(f"a query of the form {type(tree).__name__}")
        names = [item.output_name for item in tree.selects]
        kinds = [self.type(item) for item in tree.selects] if isinstance(tree, exp.Select) else []
        known = root.expression.meta[COLUMNS]
        return list(zip(names, kinds or [known.get(name) for name in names], strict=True))

    def type(self, node: exp.Expr) -> str | None:
        """Give the DuckDB type of an expression of the current scope, None if it cannot be told."""
        if isinstance(node, exp.Column):
            return self._column(node)
        probe = exp.Paren(this=node.copy())
        kinds: list[str] = []
        for part in list(probe.find_all(exp.Column, exp.Query, exp.Exists, exp.In)):
            if part.root() is not probe:
                continue
            kind: str | None = "BOOLEAN"
            target: exp.Expr = part
            if isinstance(part, exp.Column):
                kind = self._column(part)
            elif isinstance(part, (exp.Select, exp.SetOperation)):
                kind = next(iter(part.meta.get(COLUMNS, {}).values()), None)
                target = part.parent if isinstance(part.parent, exp.Subquery) else part
            elif not isinstance(part, exp.Exists) and not part.args.get("query"):
                continue
            if kind is None:
                return None
            target.replace(exp.column(f"_t{len(kinds)}"))
            kinds.append(kind)
        return self._ask(probe, kinds)

    def _ask(self, probe: exp.Expr, kinds: list[str]) -> str | None:
        """Ask DuckDB's binder about an expression over columns `_t0`, … of the types given.

        They are columns, not NULL literals, which the binder would fold to a type of its own.
        """
        names = [f"_t{number}" for number in range(len(kinds))]
        sql = f"SELECT {probe.this.unalias().sql('duckdb')}"
        if names:
            nulls = (f"CAST(NULL AS {k}) AS {n}" for n, k in zip(names, kinds, strict=True))
            sql += f" FROM (SELECT {', '.join(nulls)})"
            if probe.find(exp.AggFunc) or _macro_aggregate(probe):
                sql += f" GROUP BY {', '.join(names)}"
        if sql not in self._known:
            try:
                self._known[sql] = self._engine.columns(sql)[0].type
            except QueryError:  # it cannot be bound alone: its type is not known
                self._known[sql] = None
        return self._known[sql]

    def _column(self, column: exp.Column) -> str | None:
        if column.table:
            return self._environment.get(column.table, {}).get(column.name)
        if column.name in self._aliases:  # only ORDER BY has columns without a table
            return self.type(self._aliases[column.name])
        found = [kinds[column.name] for kinds in self._environment.values() if column.name in kinds]
        return found[0] if len(found) == 1 else None

    def _sources(self, scope: Scope) -> Environment:
        """Give the columns of everything that the scope, or one around it, can refer to."""
        found: dict[str, Mapping[str, str | None]] = {}
        current: Scope | None = scope
        while current is not None:
            for alias, source in current.sources.items():
                if alias in found:
                    continue
                if isinstance(source, exp.Table):
                    found[alias] = self._tables.get(source.name, {})
                else:
                    found[alias] = source.expression.meta.get(COLUMNS, {})
            current = current.parent
        return found

    def _columns(self, scope: Scope) -> dict[str, str | None]:
        """Give the columns that a finished scope shows to those around it."""
        expression = scope.expression
        if scope.scope_type == ScopeType.UDTF:
            return self._table_function(expression)
        if isinstance(expression, exp.SetOperation):
            return self._set_operation(expression)
        if isinstance(expression, exp.Select):
            return {item.output_name: self.type(item) for item in expression.selects}
        return {}

    def _set_operation(self, node: exp.SetOperation) -> dict[str, str | None]:
        """Unify the columns of both sides as DuckDB does, refusing what Trino refuses."""
        sides = [typing.cast("exp.Query", each.unnest()) for each in (node.left, node.right)]
        counts = [len(side.selects) for side in sides]
        operation = type(node).__name__.upper()
        if counts[0] != counts[1]:
            text = f"{operation} query has different number of fields: {counts[0]}, {counts[1]}"
            raise QueryError("TYPE_MISMATCH", text)
        left, right = (side.meta.get(COLUMNS, {}) for side in sides)
        result: dict[str, str | None] = {}
        pairs = zip(left.items(), right.values(), *(side.selects for side in sides), strict=False)
        for position, ((name, first), second, *items) in enumerate(pairs, 1):
            result[name] = first if first == second else None
            if first and second and first != second:
                literal = any(isinstance(item.unalias(), exp.Null) for item in items)
                nothing = literal or {first, second} & NOTHING
                if not nothing and family(first) != family(second):
                    raise QueryError(
                        "TYPE_MISMATCH",
                        f"column {position} in {operation} query has incompatible types:"
                        f" {to_trino(first)}, {to_trino(second)}",
                    )
                both = exp.Paren(this=exp.func("coalesce", exp.column("_t0"), exp.column("_t1")))
                result[name] = self._ask(both, [first, second])
        return result

    def _table_function(self, node: exp.Expr) -> dict[str, str | None]:
        """Give the columns of an UNNEST or VALUES in the FROM clause."""
        names = node.alias_column_names
        kinds: list[str | None] = []
        if isinstance(node, exp.Unnest):
            for item in node.expressions:
                kinds.extend(elements(self.type(item)))
            if node.args.get("offset"):
                kinds.append("BIGINT")
                offset = node.args["offset"]
                if isinstance(offset, exp.Identifier):
                    names = [*names, offset.name]
        elif isinstance(node, exp.Values):
            bare = node.copy()
            bare.set("alias", None)
            described = self._engine.columns(f"SELECT * FROM ({bare.sql('duckdb')})")
            kinds = [column.type for column in described]
        else:
            raise not_supported(f"{type(node).__name__} in FROM")
        return dict(zip(names, kinds, strict=False))

    def _unnest(self, node: exp.Unnest) -> None:
        """Replace an UNNEST that DuckDB has no words for by a subquery that does the same."""
        kinds = [self.type(item) for item in node.expressions]
        if is_plain(node, kinds):
            return
        if None in kinds:
            raise not_supported("UNNEST of several values whose types are not clear, CAST them")
        node.replace(side_by_side(node, kinds, list(node.meta[COLUMNS])))

    def _rewrite(self, scope: Scope) -> None:
        """Check and rewrite the scope's own expressions, children before their parents."""
        root = scope.expression
        selects = root.selects if isinstance(root, exp.Select) else []
        self._aliases = {item.alias: item.this for item in selects if isinstance(item, exp.Alias)}
        nodes = list(reversed(list(own_nodes(root))))
        order = root.args.get("order")
        last = {id(node) for node in order.walk()} if order else set()
        for node in sorted(nodes, key=lambda node: id(node) in last):
            refuse_unknown(node)
            rule = RULES.get(type(node))
            if rule is None:
                continue
            replacement = rule(node, self.type)
            if replacement is not None and replacement is not node:
                node.replace(replacement)


def own_nodes(root: exp.Expr) -> Iterator[exp.Expr]:
    """Walk an expression without entering the queries and table functions nested in it."""
    queue = [root]
    while queue:
        node = queue.pop(0)
        yield node
        for child in node.iter_expressions():
            if not isinstance(child, (exp.Select, exp.SetOperation, exp.Unnest, exp.Values)):
                queue.append(child)


def _macro_aggregate(probe: exp.Expr) -> bool:
    """Tell whether a call that was rewritten by name aggregates."""
    names = {"map_agg", "quantile_disc", "histogram"}
    return any(str(call.this).lower() in names for call in probe.find_all(exp.Anonymous))
