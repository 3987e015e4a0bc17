"""Function by function: text, dates, arrays; and the list of functions that are let through.

A function that is not listed is refused by name, because DuckDB may well have one of that name that
computes something else.
"""

import re

from sqlglot import exp

from include.local_aws.athena.casts import at_time_zone, casting
from include.local_aws.athena.collections import COLLECTION_RULES, histogram
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.expressions import Rule, TypeOf, call, cast, known
from include.local_aws.athena.types import to_trino

SAME = (
    "Abs Acos And AnyValue Array ArrayAgg ArrayContains ArrayFilter ArrayMax "
    "ArrayMin ArraySize ArrayToString ArgMax ArgMin Asin Atan Atan2 Avg Between Case Cast Cbrt "
    "Ceil Chr Coalesce ConcatWs Corr Cos Count CountIf CovarPop CovarSamp CumeDist "
    "CurrentDate CurrentTimestamp Day DayOfMonth DayOfWeekIso DayOfYear DenseRank Exists Exp "
    "FirstValue Floor Greatest Grouping GroupConcat Hex If Lag LastValue Lead Least Length "
    "Levenshtein Ln LogicalAnd LogicalOr Lower LowerHex MD5Digest Map MapFromEntries Max Min Month "
    "NthValue Ntile Nullif Or Pad PercentRank Pow Quarter Rank RegexpLike "
    "Replace Reverse Round RowNumber SHA2 SHA2Digest SHA SHA1Digest Sign Sin Sqrt Split StartsWith "
    "Stddev StddevPop StddevSamp StrPosition Struct Substring Sum Tan TimeToStr StrToTime "
    "TimeToUnix Transform Trim Try UnixToTime Upper Variance VariancePop Week "
    "WeekOfYear Year YearOfWeekIso Xor Encode Unicode IsNan JSONExtract ParseJSON "
    "Repeat Explode Unnest MapKeys MapValues ArrayConcat Translate Degrees Radians "
    "JSONFormat Hour Minute Second Localtimestamp LastDay FromISO8601Timestamp"
)  # fmt: skip
ALLOWED: set[type[exp.Expr]] = {getattr(exp, name) for name in SAME.split() if hasattr(exp, name)}
ALLOWED_BY_NAME = frozenset({
    "map_agg", "url_extract_host", "map_keys", "map_values", "to_utf8",
    "url_decode",
})  # fmt: skip
RENAMED = {"to_utf8": "encode"}
STRFTIME = ("Y", "m", "d", "H", "M", "S", "f", "y", "B", "b", "a", "A", "j", "-d", "-m", "I", "p")
JODA = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%g",
        "yy": "%y", "D": "%-j", "EEEE": "%A", "EEE": "%a", "MMM": "%b", "MMMM": "%B"}  # fmt: skip


def refuse_unknown(node: exp.Expr) -> None:
    """Refuse functions and clauses whose meaning in DuckDB nobody has compared with Trino's.

    Raises:
        QueryError: NOT_SUPPORTED, naming the function.
    """
    if isinstance(node, exp.Anonymous):
        name = str(node.this).lower()
        if name not in ALLOWED_BY_NAME and name not in NAMED_RULES:
            raise not_supported(f"function {name}")
    elif isinstance(node, exp.Func):
        if type(node) not in ALLOWED and type(node) not in FUNCTION_RULES:
            raise not_supported(f"function {node.sql_name().lower()}")
    elif isinstance(node, (exp.Placeholder, exp.Parameter)):
        raise not_supported("parameters (?)")
    elif isinstance(node, (exp.TableSample, exp.MatchRecognize, exp.Pivot, exp.JSONTable)):
        raise not_supported(f"{type(node).__name__} clause")


def to_date(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """date(x): CAST to date, strict for text."""
    inner = node.this.copy()
    if type_of(node.this) == "VARCHAR":
        inner = call("_date_text", inner)
    return cast(inner, "DATE")


def date_diff(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Count complete units from the second argument to the third."""
    unit = (node.text("unit") or "day").lower()
    sides = [cast(node.expression, "TIMESTAMP"), cast(node.this, "TIMESTAMP")]
    for side in (node.expression, node.this):
        kind = known(side, type_of, "date_diff")
        if kind != "DATE" and not kind.startswith("TIMESTAMP"):
            raise QueryError(
                "TYPE_MISMATCH", f"Unexpected parameters ({to_trino(kind)}) for function date_diff"
            )
    return call("_date_diff", exp.Literal.string(unit), *sides)


def keep_date(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """date_add and date_trunc of a date give a date."""
    kind = known(node.this, type_of, "date arithmetic")
    unit = node.text("unit").lower()
    if kind == "DATE" and unit in {"hour", "minute", "second", "millisecond"}:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid DATE field")
    if kind == "VARCHAR":
        raise QueryError("TYPE_MISMATCH", "Unexpected parameters (varchar) for date arithmetic")
    return cast(node, "DATE") if kind == "DATE" else None


def extract(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Take the fields of extract that mean the same in DuckDB."""
    if node.this.name.lower() not in {"year", "month", "day", "hour", "minute", "quarter", "week"}:
        raise not_supported(f"extract({node.this.name})")
    return None


def json_extract_scalar(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Give NULL for objects and arrays."""
    path = node.expression.sql("athena").strip("'")
    return call("_json_scalar", node.this, exp.Literal.string(path))


def regexp_extract(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """regexp_extract: NULL when nothing matches."""
    group = node.args.get("group") or exp.Literal.number(0)
    return call("_regexp_extract", node.this, node.expression, group)


def regexp_replace(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Replace every match; groups are written with a backslash in DuckDB."""
    replacement = node.args.get("replacement") or exp.Literal.string("")
    if not isinstance(replacement, exp.Literal):
        raise not_supported("regexp_replace with a replacement that is not a literal")
    if "\\" in replacement.name or "${" in replacement.name:
        raise not_supported(f"regexp_replace with the replacement {replacement.name}")
    text = re.sub(r"\$(\d)", r"\\\1", replacement.name)
    options = exp.Literal.string("g")
    return call("regexp_replace", node.this, node.expression, exp.Literal.string(text), options)


def split_part(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """split_part: NULL beyond the last part."""
    return call("_split_part", node.this, node.args["delimiter"], node.args["part_index"])


def plain_truncation(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """truncate(x), to a whole number."""
    if node.args.get("decimals"):
        raise not_supported("truncate(x, n)")
    return None


def concatenation(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A || b, concat(a, b, …): of texts or of arrays."""
    sides = node.expressions or [node.this, node.expression]
    kinds = [None if isinstance(side, exp.Null) else type_of(side) for side in sides]
    joinable = {None, "VARCHAR", "BLOB", '"NULL"', "JSON"}
    for kind in kinds:
        if kind in joinable or str(kind).endswith("[]"):
            continue
        if isinstance(node, exp.Concat):
            listed = ", ".join(to_trino(each) if each else "unknown" for each in kinds)
            raise QueryError(
                "FUNCTION_NOT_FOUND", f"Unexpected parameters ({listed}) for function concat"
            )
        raise QueryError("TYPE_MISMATCH", f"Cannot apply operator: || to {kind}")
    return None


def single_argument(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """min(x) and max(x); their two-argument forms give arrays in Trino."""
    if node.expressions:
        raise not_supported(f"{type(node).__name__.lower()}(x, n)")
    return None


def format_datetime(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Take the Joda letters that strftime has too."""
    moment, pattern = node.expressions
    if not isinstance(pattern, exp.Literal):
        raise not_supported("format_datetime with a pattern that is not a literal")
    parts = re.findall(r"[A-Za-z]+|[^A-Za-z]+", pattern.name)
    unknown = [part for part in parts if part[0].isalpha() and part not in JODA]
    if unknown or "'" in pattern.name or "%" in pattern.name:
        raise not_supported(f"format_datetime with the pattern {pattern.name}")
    text = "".join(JODA.get(part, part) for part in parts)
    return call("strftime", moment, exp.Literal.string(text))


def regexp_extract_all(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """regexp_extract_all: whole matches, and groups that take part in every match."""
    group, pattern = node.args.get("group"), node.expression
    if group is None or group.name == "0":
        return None
    if not isinstance(pattern, exp.Literal) or set(pattern.name) & set("|?*{"):
        raise not_supported("regexp_extract_all with a group that a match may not have")
    return None


def from_iso8601_date(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Read a calendar date."""
    return cast(call("_date_text", node.this), "DATE")


def typeof(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Give Trino's name of the type."""
    if node.find(exp.AggFunc, exp.Window):
        raise not_supported("typeof of an aggregate; name it in a subquery")
    return exp.Literal.string(to_trino(known(node.this, type_of, "typeof")))


def strftime_pattern(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """Let date_format and date_parse through with patterns that strftime has too."""
    pattern = node.args.get("format")
    if not isinstance(pattern, exp.Literal):
        raise not_supported("date_format and date_parse with a pattern that is not a literal")
    unknown = set(re.findall(r"%(-?.)", pattern.name)) - set(STRFTIME)
    if unknown:
        raise not_supported(f"date_format and date_parse with the pattern {pattern.sql('athena')}")
    return None


def named(node: exp.Expr, type_of: TypeOf) -> exp.Expr | None:
    """A function that sqlglot knows by name only."""
    name = str(node.this).lower()
    if name in NAMED_RULES:
        return NAMED_RULES[name](node, type_of)
    return call(RENAMED[name], *node.expressions) if name in RENAMED else None


NAMED_RULES: dict[str, Rule] = {
    "at_timezone": at_time_zone,
    "format_datetime": format_datetime,
    "histogram": histogram,
}
FUNCTION_RULES: dict[type[exp.Expr], Rule] = {
    **COLLECTION_RULES,
    exp.Cast: casting,
    exp.TryCast: casting,
    exp.AtTimeZone: at_time_zone,
    exp.Date: to_date,
    exp.TsOrDsToDate: to_date,
    exp.DateDiff: date_diff,
    exp.DateAdd: keep_date,
    exp.DateTrunc: keep_date,
    exp.TimestampTrunc: keep_date,
    exp.Extract: extract,
    exp.JSONExtractScalar: json_extract_scalar,
    exp.RegexpExtract: regexp_extract,
    exp.RegexpReplace: regexp_replace,
    exp.SplitPart: split_part,
    exp.StrToTime: strftime_pattern,
    exp.TimeToStr: strftime_pattern,
    exp.RegexpExtractAll: regexp_extract_all,
    exp.Concat: concatenation,
    exp.DPipe: concatenation,
    exp.FromISO8601Date: from_iso8601_date,
    exp.Trunc: plain_truncation,
    exp.Typeof: typeof,
    exp.Min: single_argument,
    exp.Max: single_argument,
    exp.Anonymous: named,
}
