"""CAST, TRY_CAST and AT TIME ZONE, as strict and as rounded as in Trino."""

import re

from sqlglot import exp

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.expressions import TypeOf, call, cast, known
from include.local_aws.athena.types import FLOATS, INTEGERS, to_trino

BEFORE_ZONE = (exp.Date, exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.DayOfWeekIso,
               exp.DayOfYear, exp.Quarter, exp.WeekOfYear, exp.Extract, exp.Hour, exp.Minute,
               exp.Second, exp.TimeToStr, exp.TsOrDsToDate, exp.TimestampTrunc,
               exp.DateTrunc)  # fmt: skip


def casting(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """CAST and TRY_CAST: strict text, half-up doubles, text of doubles and timestamps."""
    bare = node.args["to"].sql("athena").lower()
    target = _target(node)
    kind = target.sql("duckdb")
    source = type_of(node.this)
    inner = node.this.copy()
    if bare.startswith("char") or kind == "JSON":
        raise not_supported(f"CAST to {bare}")
    if kind.startswith(("TEXT", "VARCHAR")):
        text = _as_text(inner, source, node)
        return _limited(text, node.args["to"])
    if source in {"VARCHAR", "TEXT"}:
        macro = {"DATE": "_date_text", "TIMESTAMP": "_timestamp_text"}.get(kind)
        if kind in {"INT", *INTEGERS}:
            inner = call("_integer_text", inner, exp.Literal.string(bare.upper()))
        elif macro:
            inner = call(macro, inner)
    elif source in FLOATS and kind in {"INT", *INTEGERS}:
        inner = call("round", inner)
    elif source in FLOATS and kind.startswith("DECIMAL"):
        inner = cast(inner, "VARCHAR")  # from the shortest digits, as Trino does
    elif (
        source is None
        and kind not in {"DATE", "TIMESTAMP"}
        and not isinstance(
            node.this, (exp.Null, exp.Anonymous, exp.JSONExtract, exp.Struct, exp.Array)
        )
    ):
        known(node.this, type_of, f"CAST to {bare}")
    if _is_zoned(node.this) and kind not in {"DATE", "TIMESTAMP"}:
        raise not_supported(f"CAST of AT TIME ZONE to {bare}")
    result: exp.Expr = exp.Cast(this=inner, to=target.copy())
    if isinstance(node, exp.TryCast):
        result = exp.Try(this=result)
    return result


def _target(node: exp.Expr) -> exp.DataType:
    """Give the type of a cast in DuckDB's terms: precisions that Trino implies are written out."""
    target, value = node.args["to"], node.this
    literal = value.name if isinstance(value, exp.Literal) and value.is_string else None
    name = target.sql("duckdb")
    if name.startswith("TIMESTAMP("):
        if name[10:-1] not in {"3", "6"} and literal is None:
            raise not_supported(f"CAST to {target.sql('athena').lower()}")
        return exp.DataType.build("TIMESTAMP", dialect="duckdb")
    if name == "DECIMAL":
        precision, scale = 38, 0
        if literal is not None:
            digits = literal.lstrip("+-")
            scale = len(digits.partition(".")[2])
            precision = max(1, len(digits.replace(".", "").lstrip("0")), scale)
        return exp.DataType.build(f"DECIMAL({precision},{scale})", dialect="duckdb")
    return exp.DataType.build(name, dialect="duckdb")


def _as_text(inner: exp.Expr, source: str | None, node: exp.Expr) -> exp.Expr:
    """Spell a value as Trino's CAST to varchar does."""
    if source is None:
        raise not_supported(f"CAST to varchar of {node.this.sql('athena')}: its type is not clear")
    if source == "JSON":
        return call("json_extract_string", inner, exp.Literal.string("$"))
    if source == "DOUBLE":
        return call("_double_text", inner)
    if source == "TIMESTAMP" and not _is_zoned(node.this):
        if isinstance(node.this, exp.Column):
            return call("strftime", inner, exp.Literal.string("%Y-%m-%d %H:%M:%S.%g"))
        moment = re.search(r"'[^']*:\d\d(\.\d+)?'", node.this.sql("athena"))
        if isinstance(node.this, exp.Cast) and moment and (moment[1] or "") in {"", ".000"}:
            return call("strftime", inner, exp.Literal.string("%Y-%m-%d %H:%M:%S"))
    if source == "FLOAT" or source.startswith("TIMESTAMP"):
        raise not_supported(f"CAST of {source.lower()} to varchar; use date_format")
    if source.endswith("]") or source.startswith(("MAP", "STRUCT")) or source == "BLOB":
        raise QueryError("TYPE_MISMATCH", f"Cannot cast {to_trino(source)} to varchar")
    return cast(inner, "VARCHAR")


def _limited(text: exp.Expr, target: exp.Expr) -> exp.Expr:
    """Cut text to the length of a varchar(n)."""
    lengths = [item for item in target.expressions if item.name.isdigit()]
    return call("left", text, lengths[0].this) if lengths else text


def _is_zoned(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() == "timezone"


def at_time_zone(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """X AT TIME ZONE z: the wall clock of z, where only the wall clock is asked for."""
    value, zone = (
        (node.this, node.args["zone"]) if isinstance(node, exp.AtTimeZone) else node.expressions
    )
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if not isinstance(parent, (*BEFORE_ZONE, exp.Cast)):
        raise not_supported("AT TIME ZONE other than inside a cast to date or timestamp, "
                            "or a function of date parts")  # fmt: skip
    if not (known(value, type_of, "AT TIME ZONE") or "").startswith("TIMESTAMP"):
        raise QueryError("TYPE_MISMATCH", "AT TIME ZONE needs a timestamp")
    return call("timezone", zone, cast(value, "TIMESTAMP WITH TIME ZONE"))
