"""What of a scan's predicates the catalog itself can evaluate, as GetPartitions' Expression.

So a query of one day asks for the partitions of that day, however many there are. What is not
translated only makes the answer longer: the reader of the partitions applies every predicate again.
"""

import re
from collections.abc import Iterable, Mapping

from sqlglot import exp

from include.local_aws.athena.types import INTEGERS

COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
LONGEST = 2048
"""Characters of an Expression: Glue's limit."""


def expression(predicates: Iterable[exp.Expr], keys: Mapping[str, str]) -> str | None:
    """Translate the predicates that can be, joined by AND; None if there are none.

    Args:
        predicates: over one scan, in DuckDB's terms; all of them must hold.
        keys: DuckDB type of each partition key by its name.
    """
    found = [text for item in predicates if (text := _translated(item, keys))]
    while found and len(" AND ".join(found)) > LONGEST:
        found.pop()
    return " AND ".join(found) or None


def _translated(item: exp.Expr, keys: Mapping[str, str]) -> str | None:
    """Translate one predicate, None if it is of another form."""
    if isinstance(item, exp.Paren):
        return _translated(item.this, keys)
    if isinstance(item, (exp.And, exp.Or)):
        sides = [_translated(side, keys) for side in (item.left, item.right)]
        known = [side for side in sides if side]
        if isinstance(item, exp.And) or len(known) == len(sides):
            joined = f" {'AND' if isinstance(item, exp.And) else 'OR'} ".join(known)
            return f"({joined})" if known else None
        return None
    if isinstance(item, exp.In):
        values = [_literal(value, kind) for value in item.expressions] if (
            kind := _kind(item.this, keys)
        ) else []  # fmt: skip
        complete = values and all(values) and not item.args.get("query")
        return f"{item.this.name} IN ({', '.join(map(str, values))})" if complete else None
    if isinstance(item, exp.Between):
        kind = _kind(item.this, keys)
        low, high = (_literal(item.args[end], kind) for end in ("low", "high"))
        return f"{item.this.name} BETWEEN {low} AND {high}" if low and high else None
    operator = COMPARISONS.get(type(item)) if isinstance(item, exp.Binary) else None
    if not isinstance(item, exp.Binary) or operator is None:
        return None
    column, value = item.left, item.right
    if not isinstance(column, exp.Column):
        column, value, operator = value, column, MIRRORED[operator]
    literal = _literal(value, _kind(column, keys))
    return f"{column.name} {operator} {literal}" if literal else None


def _kind(node: exp.Expr, keys: Mapping[str, str]) -> str | None:
    """Give the type of a partition key, None for anything else."""
    return keys.get(node.name) if isinstance(node, exp.Column) else None


def _literal(node: exp.Expr, kind: str | None) -> str | None:
    """Spell a constant of the key's own type, None for another one or another type."""
    if isinstance(node, exp.Paren):
        return _literal(node.this, kind)
    text = str(node.this) if isinstance(node, exp.Literal) else None
    if kind == "VARCHAR" and text is not None and node.is_string:
        return "'" + text.replace("'", "''") + "'"
    if kind in INTEGERS and text is not None and re.fullmatch(r"\d{1,18}", text):
        return None if node.is_string else text
    if kind == "DATE" and isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.DATE):
        day = str(node.this.this) if isinstance(node.this, exp.Literal) else ""
        return f"'{day}'" if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) else None
    return None
