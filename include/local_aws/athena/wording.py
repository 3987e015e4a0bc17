"""DuckDB's errors in Athena's words: Trino's error names and, mostly, its messages."""

import re
from collections.abc import Callable

import duckdb

from include.local_aws.athena.errors import OTHER, SYSTEM, QueryError
from include.local_aws.athena.types import to_trino

OWN = ("DIVISION_BY_ZERO", "INVALID_CAST_ARGUMENT", "INVALID_FUNCTION_ARGUMENT", "NOT_SUPPORTED",
       "HIVE_BAD_DATA", "HIVE_CURSOR_ERROR")  # fmt: skip
"""What our own macros and scans raise, as the text of an error that DuckDB then wraps."""
INTEGER_BITS = {"INT8": "tinyint", "INT16": "smallint", "INT32": "integer", "INT64": "bigint"}
SCALAR_ONLY = "clause cannot contain aggregations, window functions or grouping operations"


def _function(found: re.Match[str]) -> str:
    kinds = found[2].replace("INTEGER_LITERAL", "INTEGER").replace("STRING_LITERAL", "VARCHAR")
    names = ", ".join(map(_type, filter(None, re.split(r",\s*(?![^(]*\))", kinds))))
    return f"Unexpected parameters ({names}) for function {found[1].lstrip('_')}"


def _type(kind: str) -> str:
    try:
        return to_trino(kind.strip())
    except QueryError:  # a type that Trino does not have: it stays as DuckDB calls it
        return kind.strip().lower()


def _overflow(found: re.Match[str]) -> str:
    kind = INTEGER_BITS.get(found[2])
    return f"{kind} {found[1]} overflow: {found[3]}" if kind else "Decimal overflow"


WORDS: list[tuple[str, str, str | Callable[[re.Match[str]], str]]] = [
    # what DuckDB says, Trino's error name, Trino's message
    (
        r"column \"?(?:[^\"\s.]+\.)?([^\"\s.]+)\"? must appear in the GROUP BY clause or",
        "EXPRESSION_NOT_AGGREGATE",
        r"'\1' must be an aggregate expression or appear in GROUP BY clause",
    ),
    (
        r"(GROUP BY|WHERE) clause cannot contain (?:aggregates|window)",
        "EXPRESSION_NOT_SCALAR",
        rf"\1 {SCALAR_ONLY}",
    ),
    (
        r"aggregate function calls cannot be nested",
        "NESTED_AGGREGATION",
        "Cannot nest aggregations inside aggregation",
    ),
    (r"window function calls cannot be nested", "NESTED_WINDOW", "Cannot nest window functions"),
    (
        r"No function matches the given name and argument types '(\w+)\((.*?)\)'\.",
        "FUNCTION_NOT_FOUND",
        _function,
    ),
    (
        r"Cannot compare values of type (\S+) and (?:type )?(\S+)",
        "TYPE_MISMATCH",
        lambda found: f"Cannot apply operator: {_type(found[1])} = {_type(found[2])}",
    ),
    (
        r"More than one row returned by a subquery",
        "SUBQUERY_MULTIPLE_ROWS",
        "Scalar sub-query has returned multiple rows",
    ),
    (r"Overflow in (\w+) of (\w+)(?:\([\d,]+\))? \((.*?)\)!", "NUMERIC_VALUE_OUT_OF_RANGE",
     _overflow),
    (
        r"with value (\S+) can't be cast because the value is out of range for the destination"
        r" type (INT\d+)",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        lambda found: f"Out of range for {INTEGER_BITS[found[2]]}: {found[1]}",
    ),
    (
        r"(?:date|timestamp) field value out of range: \"(.*?)\"",
        "INVALID_CAST_ARGUMENT",
        r"Value cannot be cast to date: \1",
    ),
    (
        r"Could not parse string \"(.*?)\" according to format specifier",
        "INVALID_FUNCTION_ARGUMENT",
        r'Invalid format: "\1"',
    ),
    (
        r"Malformed JSON at byte .*Input: \"(.*)\"",
        "INVALID_FUNCTION_ARGUMENT",
        r"Cannot convert value to JSON: '\1'",
    ),
]  # fmt: skip


def as_athena(error: duckdb.Error, sql: str) -> Exception:
    """Name a DuckDB error as Athena names its own; interrupts pass unchanged.

    Args:
        error: what DuckDB raised.
        sql: the statement; its beginning is told with an error that has no name.
    """
    if isinstance(error, duckdb.InterruptException):
        return error
    text = str(error).partition("\n")[0]
    for name in OWN:
        if name in text:
            return QueryError(name, text.partition(name)[2].partition("' to INT8")[0].lstrip(": "))
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError("EXCEEDED_MEMORY_LIMIT", text, SYSTEM)
    for pattern, name, message in WORDS:
        if found := re.search(pattern, text):
            worded = found.expand(message) if isinstance(message, str) else message(found)
            return QueryError(name, worded)
    return _by_kind(error, text, sql)


def _by_kind(error: duckdb.Error, text: str, sql: str) -> QueryError:
    """Name an error whose message is told as DuckDB words it."""
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", text)
    if "HTTP 403" in text or "403 (Forbidden)" in text:
        return QueryError("PERMISSION_DENIED", text)
    if "JSON transform error" in text:
        return QueryError("HIVE_BAD_DATA", text)
    if "in JSON" in text or "Malformed JSON" in text:
        return QueryError("HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - {text}")
    if isinstance(error, duckdb.ConversionException):
        return QueryError("INVALID_CAST_ARGUMENT", text)
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
        return QueryError("NOT_SUPPORTED", f"not supported here: {text}")
    return QueryError("GENERIC_INTERNAL_ERROR", f"{text} in {sql[:200]}", OTHER)
