"""Which partitions a query can need: predicates that every row used must satisfy.

Predicates are followed from WHERE and inner-join conditions down into derived tables, views, set
operations and WITH queries. They only choose files; the query itself still applies all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from include.local_aws.athena.semantics import own_nodes

SCAN_PREFIX = "_scan_"
OPAQUE = (exp.Query, exp.Window, exp.AggFunc, exp.Lambda, exp.Exists, exp.Unnest, exp.Rand)


@dataclass
class Matches:
    """An inner join between two scans: rows of `alias` need a partner that meets `conditions`."""

    alias: str
    other_scan: str
    other_alias: str
    conditions: list[exp.Expr]


@dataclass
class Needs:
    """What restricts one scan: predicates on columns of `alias`, and joins."""

    alias: str
    predicates: list[exp.Expr] = field(default_factory=list)
    joins: list[Matches] = field(default_factory=list)


def needs(tree: exp.Query) -> dict[str, Needs]:
    """Give for each scan of a qualified query what its rows must satisfy."""
    found: dict[str, Needs] = {}
    references: dict[str, int] = {}
    for table in tree.find_all(exp.Table):
        references[table.name] = references.get(table.name, 0) + 1
    _Visitor(found, references).query(tree, [], {})
    return found


class _Visitor:
    def __init__(self, found: dict[str, Needs], references: Mapping[str, int]) -> None:
        self._found = found
        self._references = references
        self._visited: set[int] = set()

    def query(self, node: exp.Expr, wanted: list[exp.Expr], ctes: Mapping[str, exp.CTE]) -> None:
        """Visit a query; `wanted` are predicates over the names of its output columns."""
        if id(node) in self._visited:
            return
        self._visited.add(id(node))
        clause = node.args.get("with_")
        if isinstance(clause, exp.With):
            ctes = {**ctes, **{cte.alias: cte for cte in clause.expressions}}
        if isinstance(node, exp.Subquery):
            self.query(node.this, wanted if _unlimited(node) else [], ctes)
        elif isinstance(node, exp.Select):
            self._select(node, wanted, ctes)
        elif isinstance(node, exp.SetOperation):
            pushed = wanted if isinstance(node, exp.Union) and _unlimited(node) else []
            names = node.named_selects
            for side in (node.this, node.expression):
                renamed = dict(zip(names, side.named_selects, strict=False))
                self.query(side, [_renamed(item, renamed) for item in pushed], ctes)
        if isinstance(clause, exp.With):
            for cte in clause.expressions:
                self.query(cte.this, [], ctes)

    def _select(
        self, node: exp.Select, wanted: list[exp.Expr], ctes: Mapping[str, exp.CTE]
    ) -> None:
        joins = node.args.get("joins") or []
        sides = {str(join.side).upper() for join in joins}
        everywhere = [] if sides & {"RIGHT", "FULL"} else _conjuncts(node.args.get("where"))
        if not sides & {"RIGHT", "FULL"}:
            everywhere += _pushed(node, wanted)
            for join in joins:
                if not join.side and str(join.kind).upper() in {"", "INNER", "CROSS"}:
                    everywhere += _conjuncts(join.args.get("on"))
        start = node.args.get("from_")
        sources = [(start.this, everywhere)] if start else []
        for join in joins:
            own = (
                _conjuncts(join.args.get("on")) if str(join.side).upper() == "LEFT" else everywhere
            )
            sources.append((join.this, own))
        inner = {
            source.alias_or_name: source.name
            for source, conditions in sources
            if conditions is everywhere and isinstance(source, exp.Table)
        }
        for source, conditions in sources:
            self._source(source, conditions, inner if conditions is everywhere else {}, ctes)
        for nested in own_nodes(node):
            for child in nested.iter_expressions():
                if isinstance(child, (exp.Select, exp.SetOperation)) and not isinstance(
                    nested, exp.CTE
                ):
                    self.query(child, [], ctes)

    def _source(
        self,
        source: exp.Expr,
        conditions: list[exp.Expr],
        inner: Mapping[str, str],
        ctes: Mapping[str, exp.CTE],
    ) -> None:
        alias = source.alias_or_name
        own = [item for item in conditions if _tables(item) == {alias}]
        if isinstance(source, exp.Subquery):
            self.query(source, [_renamed(item, {}) for item in own], ctes)
        elif isinstance(source, exp.Table) and source.name.startswith(SCAN_PREFIX):
            entry = Needs(alias, own)
            for other_alias, other_scan in inner.items():
                pair = {alias, other_alias}
                both = [item for item in conditions if _tables(item) == pair]
                if alias != other_alias and other_scan.startswith(SCAN_PREFIX) and both:
                    mine = [item for item in conditions if _tables(item) == {other_alias}]
                    entry.joins.append(Matches(alias, other_scan, other_alias, both + mine))
            self._found[source.name] = entry
        elif source.name in ctes and self._references.get(source.name) == 1:
            self.query(ctes[source.name].this, [_renamed(item, {}) for item in own], ctes)


def _unlimited(node: exp.Expr) -> bool:
    return not any(node.args.get(key) for key in ("limit", "offset", "fetch"))


def _conjuncts(clause: exp.Expr | None) -> list[exp.Expr]:
    """Split a condition at its ANDs, keeping what can be evaluated on its own."""
    if clause is None:
        return []
    condition = clause.this if isinstance(clause, exp.Where) else clause
    parts: list[exp.Expr] = []
    queue = [condition]
    while queue:
        item = queue.pop()
        while isinstance(item, exp.Paren):
            item = item.this
        if isinstance(item, exp.And):
            queue += [item.left, item.right]
        elif not item.find(*OPAQUE):
            parts.append(item)
    return parts


def _tables(item: exp.Expr) -> set[str]:
    return {column.table for column in item.find_all(exp.Column)}


def _renamed(item: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
    """Rewrite a predicate to bare column names, renamed where `names` says so."""
    copy = exp.Paren(this=item.copy())
    for column in list(copy.find_all(exp.Column)):
        name = names.get(column.name, column.name)
        column.replace(exp.column(name, quoted=True))
    result: exp.Expr = copy.this
    return result


def _pushed(node: exp.Select, wanted: list[exp.Expr]) -> list[exp.Expr]:
    """Rewrite predicates over a SELECT's outputs to its inputs, where that means the same."""
    projections = {item.output_name: item.unalias() for item in node.selects}
    group = node.args.get("group")
    aggregated = any(item.find(exp.AggFunc) for item in node.selects) and not node.find(exp.Window)
    special = group and any(group.args.get(key) for key in ("rollup", "cube", "grouping_sets"))
    windows = any(item.find(exp.Window) for item in node.selects) or node.args.get("qualify")
    if not _unlimited(node) or windows or special or (aggregated and not group):
        return []
    pushed = []
    for item in wanted:
        names = {column.name for column in item.find_all(exp.Column)}
        if any(name not in projections or projections[name].find(*OPAQUE) for name in names):
            continue
        copy = exp.Paren(this=item.copy())
        for column in list(copy.find_all(exp.Column)):
            column.replace(exp.Paren(this=projections[column.name].copy()))
        pushed.append(copy.this)
    return pushed
