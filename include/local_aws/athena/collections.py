"""Functions of arrays and maps, and aggregates that Trino computes by sampling."""

from sqlglot import exp

from include.local_aws.athena.errors import not_supported
from include.local_aws.athena.expressions import Rule, TypeOf, call, cast, known
from include.local_aws.athena.types import INTEGERS, to_trino


def exact_distinct(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """approx_distinct: counted exactly, so that it is the same every time."""
    return exp.Count(this=exp.Distinct(expressions=[node.this.copy()]))


def exact_quantile(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """approx_percentile: the exact discrete quantile."""
    if node.args.get("accuracy") or node.args.get("weight"):
        raise not_supported("approx_percentile with weights or accuracy")
    return call("quantile_disc", node.this, node.args["quantile"])


def subscript(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """a[i], m[k]: out of bounds and missing keys are errors; element_at gives NULL for them."""
    kind, key = known(node.this, type_of, "[]"), node.expressions[0]
    lenient = bool(node.args.get("safe"))
    if not lenient and isinstance(key, exp.Literal) and not key.is_string:
        key = exp.Literal.number(int(key.name) + 1)  # the parser counts from 0
    elif not lenient and not isinstance(key, (exp.Literal, exp.Column)):
        raise not_supported(f"a computed subscript {key.sql('athena')}; use element_at")
    if kind.endswith("[]"):
        return call("list_extract" if lenient else "_subscript", node.this, key)
    if kind.startswith("MAP("):
        return call("map_extract_value" if lenient else "_map_value", node.this, key)
    raise not_supported(f"[] on {to_trino(kind)}")


def series(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """sequence(a, b, step): dates give dates."""
    kind = known(node.args["start"], type_of, "sequence")
    return cast(node, "DATE[]") if kind == "DATE" else None


def plain_sort(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """array_sort(a), without a function of two elements."""
    if node.args.get("expression"):
        raise not_supported("array_sort with a function")
    return None


def cardinality(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Cardinality of arrays and of maps."""
    kind = known(node.this, type_of, "cardinality")
    return call("cardinality" if kind.startswith("MAP(") else "len", node.this)


def array_distinct(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """array_distinct: first occurrences, in their order."""
    return call("_array_distinct", node.this)


def width_bucket(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Number the bucket that a value falls in, computed with doubles, as Trino does."""
    bounds = [node.this, node.args.get("min_value"), node.args.get("max_value")]
    if any(bound is None for bound in bounds) or node.args.get("num_buckets") is None:
        raise not_supported("width_bucket with an array of bins")
    doubles = [cast(bound, "DOUBLE") for bound in bounds if bound is not None]
    return call("_width_bucket", *doubles, cast(node.args["num_buckets"], "BIGINT"))


def histogram(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Map each value to how often it occurs; NULL is not counted."""
    if isinstance(node.parent, (exp.Filter, exp.Window)):
        raise not_supported("histogram with FILTER or OVER")
    kind = known(node.expressions[0], type_of, "histogram")
    return cast(node, f"MAP({kind}, BIGINT)")


def reduction(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """reduce(array, state, (s, x) -> …, s -> …), where state and elements are of one type."""
    kind, initial = known(node.this, type_of, "reduce"), node.args["initial"]
    state, element = known(initial, type_of, "reduce"), kind.removesuffix("[]")
    if state != element:
        if state not in INTEGERS or element not in INTEGERS:
            raise not_supported("reduce with a state of another type than the elements")
        state = max(state, element, key=INTEGERS.index)
    if state not in {*INTEGERS, "DOUBLE", "VARCHAR", "BOOLEAN"}:
        raise not_supported(f"reduce with a state of type {to_trino(state)}")
    values = cast(node.this, f"{state}[]")
    whole = call("list_reduce", values, node.args["merge"], cast(initial, state))
    states = call("list_transform", exp.Array(expressions=[whole]), node.args["finish"])
    finished = call("list_extract", states, exp.Literal.number(1))
    return exp.Case().when(
        exp.Not(this=exp.Is(this=values.copy(), expression=exp.Null())), finished
    )


COLLECTION_RULES: dict[type[exp.Expr], Rule] = {
    exp.ApproxDistinct: exact_distinct,
    exp.ApproxQuantile: exact_quantile,
    exp.Bracket: subscript,
    exp.ArraySize: cardinality,
    exp.ArraySort: plain_sort,
    exp.ArrayDistinct: array_distinct,
    exp.WidthBucket: width_bucket,
    exp.Reduce: reduction,
    exp.GenerateSeries: series,
}
