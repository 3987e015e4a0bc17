"""Functions of Trino that DuckDB lacks or computes differently, as DuckDB macros.

Names that start with an underscore are what operators, casts and functions are rewritten to.
Errors are raised by casting the error's text to a number: unlike DuckDB's volatile `error()` that
lets the optimizer push filters, and TRY catch it.
"""


def _error(text: str) -> str:
    """SQL that fails with `text`, of a type that fits beside every integer type."""
    return f"CAST({text} AS TINYINT)"


def _strict_text(reason: str, pattern: str) -> str:
    """SQL that gives the text x when it has the form that Trino accepts in a cast, else fails."""
    failure = _error(f"'INVALID_CAST_ARGUMENT: ' || {reason}")
    return (
        f"CASE WHEN x IS NULL OR regexp_full_match(x, '{pattern}') THEN x"
        f" ELSE CAST({failure} AS VARCHAR) END"
    )


_ZERO = _error("'DIVISION_BY_ZERO: Division by zero'")
_NOT_IN_MAP = _error("'INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST(k AS VARCHAR)")
_OUT_OF_BOUNDS = _error(
    "'INVALID_FUNCTION_ARGUMENT: Array subscript must be from 1 to ' || CAST(len(a) AS VARCHAR)"
)
_E_NOTATION = _error("'NOT_SUPPORTED: not supported here: CAST of a double in E notation to text'")
_BOUNDS = _error("'INVALID_FUNCTION_ARGUMENT: bounds cannot equal, and buckets must be positive'")
_DAY = r"\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"

MACROS = [
    # integers: towards zero, refusing zero
    f"CREATE MACRO _idiv(a, b) AS CASE WHEN b = 0 THEN {_ZERO} ELSE a // b END",
    f"CREATE MACRO _mod(a, b) AS CASE WHEN b = 0 THEN {_ZERO} ELSE a % b END",
    # decimals: unscaled integers, half up; fa and fb are 10^scale, shift lines the scales up
    "CREATE MACRO _half_up(n, d) AS CASE WHEN (n < 0) <> (d < 0)"
    " THEN -((2 * abs(n) + abs(d)) // (2 * abs(d)))"
    " ELSE (2 * abs(n) + abs(d)) // (2 * abs(d)) END",
    f"CREATE MACRO _ddiv(a, b, fa, fb, shift) AS CASE WHEN b = 0 THEN {_ZERO}"
    " ELSE _half_up(CAST(a * fa AS HUGEINT) * shift, CAST(b * fb AS HUGEINT)) END",
    # casts of text are strict in Trino
    "CREATE MACRO _integer_text(x, kind) AS "
    + _strict_text("'Cannot cast ''' || x || ''' to ' || kind", "[+-]?[0-9]+"),
    "CREATE MACRO _date_text(x) AS "
    + _strict_text("'Value cannot be cast to date: ' || x", _DAY + r"\s*"),
    "CREATE MACRO _timestamp_text(x) AS "
    + _strict_text(
        "'Value cannot be cast to timestamp: ' || x",
        _DAY + r"( [0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?\s*",
    ),
    "CREATE MACRO _double_text(x) AS CASE WHEN x IS NULL THEN NULL"
    " WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN if(x > 0, 'Infinity', '-Infinity')"
    " WHEN x = 0 OR (abs(x) >= 1e-3 AND abs(x) < 1e7) THEN CAST(x AS VARCHAR)"
    f" ELSE CAST({_E_NOTATION} AS VARCHAR) END",
    # arrays and maps
    "CREATE MACRO _subscript(a, i) AS list_extract(a,"
    f" CASE WHEN i < 1 OR i > len(a) THEN {_OUT_OF_BOUNDS} ELSE i END)",
    "CREATE MACRO _map_value(m, k) AS list_extract(map_extract(m, k),"
    f" CASE WHEN m IS NOT NULL AND len(map_extract(m, k)) = 0 THEN {_NOT_IN_MAP} ELSE 1 END)",
    "CREATE MACRO map_agg(k, v) AS map_from_entries(list({'k': k, 'v': v}))",
    # text
    "CREATE MACRO _json_scalar(j, p) AS CASE WHEN json_type(j, p) IN ('OBJECT', 'ARRAY') THEN NULL"
    " ELSE json_extract_string(j, p) END",
    "CREATE MACRO _regexp_extract(s, p, g) AS CASE WHEN regexp_matches(s, p)"
    " THEN regexp_extract(s, p, g) END",
    "CREATE MACRO _split_part(s, d, n) AS CASE WHEN n <= len(string_split(s, d))"
    " THEN list_extract(string_split(s, d), n) END",
    "CREATE MACRO url_extract_host(u) AS"
    " nullif(regexp_extract(u, '^[A-Za-z]+://([^/:?#]+)', 1), '')",
    "CREATE MACRO _bucket(x, lo, hi, n) AS CASE WHEN x < lo THEN 0 WHEN x >= hi THEN n + 1"
    " ELSE CAST(floor(n * (x - lo) / (hi - lo) + 1) AS BIGINT) END",
    "CREATE MACRO _width_bucket(x, a, b, n) AS"
    " CASE WHEN x IS NULL OR a IS NULL OR b IS NULL OR n IS NULL THEN NULL"
    f" WHEN a = b OR n <= 0 THEN {_BOUNDS}"
    " WHEN a < b THEN _bucket(x, a, b, n) ELSE n - _bucket(x, b, a, n) + 1 END",
    "CREATE MACRO _array_distinct(a) AS list_filter(a, lambda x, i: list_position(a, x) = i)",
    # complete units passed, as date_diff counts in Trino (Joda-Time's getDifferenceAsLong):
    # from a longer month to the last day of a shorter one is a complete month
    "CREATE MACRO _in_month(t, d) AS"
    " (d - 1) * 86400000000 + epoch_us(t) - epoch_us(date_trunc('day', t))",
    "CREATE MACRO _months(a, b) AS (year(b) - year(a)) * 12 + month(b) - month(a)"
    " - CASE WHEN _in_month(b, day(b)) < _in_month(a,"
    " CASE WHEN day(b) = day(last_day(b)) THEN least(day(a), day(b)) ELSE day(a) END)"
    " THEN 1 ELSE 0 END",
    "CREATE MACRO _units(u, a, b) AS CASE u WHEN 'month' THEN _months(a, b)"
    " WHEN 'quarter' THEN _months(a, b) // 3 WHEN 'year' THEN _months(a, b) // 12"
    " ELSE date_sub(u, a, b) END",
    "CREATE MACRO _date_diff(u, a, b) AS CASE WHEN a <= b THEN _units(u, a, b)"
    " ELSE -_units(u, b, a) END",
]
