"""Operator by operator: what Trino computes, said in DuckDB's terms."""

from sqlglot import exp

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.expressions import Rule, TypeOf, call, cast, known, mismatch, raw
from include.local_aws.athena.types import FLOATS, INTEGERS, decimal_of, to_trino

MAX_PRECISION = 38
WIDE = 19
"""Digits from which DuckDB computes with 128 bits."""
SIGNS: dict[type[exp.Expr], str] = {
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}


def unscaled_division(
    left: exp.Expr, right: exp.Expr, scales: tuple[int, int], kind: tuple[int, int]
) -> exp.Expr:
    """Divide decimals exactly, half up, into DECIMAL(kind), whose scale is at least left's."""
    left_scale, right_scale = scales
    precision, scale = kind
    unscaled = call(
        "_ddiv",
        left,
        right,
        raw(f"CAST({10**left_scale} AS DECIMAL({left_scale + 1},0))"),
        raw(f"CAST({10**right_scale} AS DECIMAL({right_scale + 1},0))"),
        raw(f"CAST({10 ** (scale - left_scale + right_scale)} AS HUGEINT)"),
    )
    whole = cast(unscaled, "DECIMAL(38,0)")
    if scale == 0:
        return cast(whole, f"DECIMAL({precision},0)")
    unit = raw(f"CAST('{'0.' + '0' * (scale - 1) + '1'}' AS DECIMAL({scale + 1},{scale}))")
    return cast(
        exp.Paren(this=exp.Mul(this=whole, expression=unit)), f"DECIMAL({precision},{scale})"
    )


def division(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A / b: integers truncate, decimals keep Trino's scale, zero is an error."""
    left, right = known(node.this, type_of, "/"), known(node.expression, type_of, "/")
    if left in INTEGERS and right in INTEGERS:
        return call("_idiv", node.this, node.expression)
    if left in FLOATS or right in FLOATS:
        return None
    first, second = decimal_of(left), decimal_of(right)
    if first is None or second is None:
        raise mismatch("/", left, right)
    scale = max(first[1], second[1])
    precision = min(MAX_PRECISION, first[0] + second[1] + max(0, second[1] - first[1]))
    return unscaled_division(node.this, node.expression, (first[1], second[1]), (precision, scale))


def modulus(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A % b: zero is an error unless a double is involved."""
    left, right = known(node.this, type_of, "%"), known(node.expression, type_of, "%")
    if left in FLOATS or right in FLOATS:
        return None
    return call("_mod", node.this, node.expression)


def addition(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A + b, a - b: a date and an interval give a date; dates are not numbers."""
    left, right = type_of(node.this), type_of(node.expression)
    operator = "+" if isinstance(node, exp.Add) else "-"
    if "DATE" in (left, right):
        if "INTERVAL" in (left, right):
            interval = node.find(exp.Interval)
            if interval and interval.text("unit").lower() in {"hour", "minute", "second"}:
                text = "Cannot add hour, minutes or seconds to a date"
                raise QueryError("INVALID_FUNCTION_ARGUMENT", text)
            return cast(exp.Paren(this=node.copy()), "DATE")
        if left == right == "DATE":
            raise not_supported("date - date; use date_diff('day', a, b)")
        if left and right:
            raise mismatch(operator, left, right)
        raise not_supported(f"{operator} between a date and {node.expression.sql('athena')}")
    if left == right == "TIMESTAMP":
        raise not_supported("timestamp - timestamp; use date_diff")
    if left and right and "VARCHAR" in (left, right):
        raise mismatch(operator, left, right)
    return _exact(node, left, right)


def multiplication(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A * b: text is not a number."""
    left, right = type_of(node.this), type_of(node.expression)
    if left and right and "VARCHAR" in (left, right):
        raise mismatch("*", left, right)
    return _exact(node, left, right)


def _exact(node: exp.Expr, left: str | None, right: str | None) -> exp.Expr | None:
    """Add, subtract or multiply decimals in Trino's type, which DuckDB cuts to 18 digits."""
    first, second = decimal_of(left or ""), decimal_of(right or "")
    if not first or not second or not (f"{left}{right}".count("DECIMAL")):
        return None
    scale = max(first[1], second[1])
    precision = max(first[0] - first[1], second[0] - second[1]) + scale + 1
    if isinstance(node, exp.Mul):
        precision, scale = first[0] + second[0], first[1] + second[1]
    if scale > MAX_PRECISION:
        raise QueryError("TYPE_MISMATCH", f"DECIMAL scale {scale} is more than {MAX_PRECISION}")
    copy = node.copy()
    copy.set("this", cast(node.this, f"DECIMAL({max(first[0], WIDE)},{first[1]})"))
    copy.set("expression", cast(node.expression, f"DECIMAL({second[0]},{second[1]})"))
    kind = f"DECIMAL({min(MAX_PRECISION, precision)},{scale})"
    return cast(exp.Paren(this=copy), kind)


def family(kind: str) -> str:
    """Name what the types that Trino converts to each other have in common."""
    if kind in INTEGERS or kind in FLOATS or kind.startswith("DECIMAL") or kind == "HUGEINT":
        return "number"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return "time"
    if kind.endswith("]"):
        return "array"
    return kind.partition("(")[0]


def comparison(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A = b and its like: Trino does not convert text to numbers or dates."""
    _comparable(SIGNS.get(type(node), "="), node.this, node.expression, type_of)
    return None


def _comparable(operator: str, left: exp.Expr, right: exp.Expr, type_of: TypeOf) -> None:
    if isinstance(left, (exp.Null, exp.Tuple)) or isinstance(right, (exp.Null, exp.Tuple)):
        return
    first, second = type_of(left), type_of(right)
    nothing = {None, '"NULL"', "NULL"}
    if first in nothing or second in nothing or first is None or second is None:
        return
    if family(first) != family(second):
        raise mismatch(operator, first, second)


NOT_BOOLEAN: dict[type[exp.Expr], str] = {
    exp.Where: "WHERE clause must evaluate to a boolean: actual type {}",
    exp.Having: "HAVING clause must evaluate to a boolean: actual type {}",
    exp.And: "Logical expression term must evaluate to a boolean (actual: {})",
    exp.Or: "Logical expression term must evaluate to a boolean (actual: {})",
    exp.Not: "Value of logical NOT expression must evaluate to a boolean (actual: {})",
}


def condition(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """WHERE, AND, NOT and their like: Trino converts nothing to boolean."""
    for term in filter(None, (node.this, node.args.get("expression"))):
        if isinstance(term, (exp.Predicate, exp.Connector, exp.Not, exp.Paren, exp.Null)):
            continue
        kind = type_of(term)
        if kind not in {None, "BOOLEAN", '"NULL"'}:
            raise QueryError("TYPE_MISMATCH", NOT_BOOLEAN[type(node)].format(to_trino(kind)))
    return None


def membership(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """X IN (…): as equality."""
    for item in filter(None, [*node.expressions, node.args.get("query")]):
        _comparable("=", node.this, item, type_of)
    return None


def between(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """X BETWEEN a AND b: as two comparisons."""
    _comparable(">=", node.this, node.args["low"], type_of)
    _comparable("<=", node.this, node.args["high"], type_of)
    return None


def _swap(top: exp.Expr, old: exp.Expr, kind: type[exp.Expr]) -> exp.Expr:
    """Copy an aggregate with its FILTER and OVER, and put another aggregate in its place."""
    if top is old:
        return kind(this=old.this.copy())
    copy = top.copy()
    inner = copy
    while type(inner) is not type(old):
        inner = inner.this
    inner.replace(kind(this=old.this.copy()))
    return copy


def _argument(aggregate: exp.Expr) -> exp.Expr:
    inner: exp.Expr = aggregate.this
    return inner.expressions[0] if isinstance(inner, exp.Distinct) else inner


def aggregate(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Sum and avg, with their FILTER and OVER: Trino's result types, averages exact."""
    inner, top = node, node
    while isinstance(inner, (exp.Filter, exp.Window, exp.IgnoreNulls)):
        inner = inner.this
    if not isinstance(inner, (exp.Sum, exp.Avg)):
        return None
    if isinstance(top.parent, (exp.Filter, exp.Window)) and top.arg_key == "this":
        return None
    name = type(inner).__name__.lower()
    kind = known(_argument(inner), type_of, name)
    if isinstance(inner, exp.Sum):
        if kind in INTEGERS or kind == "HUGEINT":
            return cast(top, "BIGINT")
        if kind == "FLOAT":
            return cast(top, "FLOAT")
        if kind != "DOUBLE" and not kind.startswith("DECIMAL"):
            raise QueryError(
                "TYPE_MISMATCH", f"Unexpected parameters ({to_trino(kind)}) for function sum"
            )
        return None
    if kind.startswith("DECIMAL"):
        precision, scale = decimal_of(kind) or (38, 0)
        return unscaled_division_of_average(top, inner, precision, scale)
    if kind == "FLOAT":
        return cast(top, "FLOAT")
    if kind not in INTEGERS and kind != "DOUBLE":
        raise QueryError(
            "TYPE_MISMATCH", f"Unexpected parameters ({to_trino(kind)}) for function avg"
        )
    return None


def unscaled_division_of_average(
    top: exp.Expr, inner: exp.Expr, precision: int, scale: int
) -> exp.Expr:
    """avg(decimal) = sum / count, half up, in the argument's own type; NULL for no rows."""
    total, count = _swap(top, inner, exp.Sum), _swap(top, inner, exp.Count)
    count = call("nullif", count, exp.Literal.number(0))
    return unscaled_division(total, count, (scale, 0), (precision, scale))


def round_off(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """round(decimal): the type that Trino gives."""
    kind = known(node.this, type_of, "round")
    found = decimal_of(kind) if kind.startswith("DECIMAL") else None
    if found is None:
        return None
    precision, scale = found
    if node.args.get("decimals") is None:
        return cast(node, f"DECIMAL({max(1, precision - scale + min(1, scale))},0)")
    return cast(node, f"DECIMAL({min(MAX_PRECISION, precision + 1)},{scale})")


OPERATOR_RULES: dict[type[exp.Expr], Rule] = {
    exp.Div: division,
    exp.Mod: modulus,
    exp.Add: addition,
    exp.Sub: addition,
    exp.Mul: multiplication,
    exp.EQ: comparison,
    exp.NEQ: comparison,
    exp.GT: comparison,
    exp.GTE: comparison,
    exp.LT: comparison,
    exp.LTE: comparison,
    exp.NullSafeEQ: comparison,
    exp.NullSafeNEQ: comparison,
    exp.Where: condition,
    exp.Having: condition,
    exp.And: condition,
    exp.Or: condition,
    exp.Not: condition,
    exp.In: membership,
    exp.Between: between,
    exp.Sum: aggregate,
    exp.Avg: aggregate,
    exp.Filter: aggregate,
    exp.Window: aggregate,
    exp.Round: round_off,
}
