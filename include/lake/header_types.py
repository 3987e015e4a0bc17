"""Whether a delivered value looks like the type that its column is declared to have.

This is a look, not a cast: it may take what the job then refuses (31 February), but never refuses
what the job takes.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from include.lake.datetime_patterns import ISO_DATE, ISO_TIMESTAMP, datetime_pattern

if TYPE_CHECKING:
    from include.lake.contracts import Column

#: What delivery adds around a value, as the job strips it.
_BLANKS = " \t\r\n\f\v\u00a0\ufeff"
_BOOLEANS = frozenset(("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"))
_DEFAULT_FORMATS = {
    "timestamp": (ISO_TIMESTAMP,),
    "date": (ISO_DATE,),
}
#: Arrow types that the job reads exactly, by declared type; no float is ever exact.
_PARQUET = {
    "string": r"(large_)?string|u?int\d+|dictionary.*string.*",
    "integer": r"u?int\d+|decimal.*",
    "decimal": r"u?int\d+|decimal.*",
    "timestamp": r"timestamp.*",
    "date": r"date.*|timestamp.*",
    "boolean": r"bool",
}


def fits(column: "Column", value: Any) -> bool:
    """Whether a value of a text file looks like the column's type.

    Args:
        column: of the contract.
        value: text, as JSON numbers are too; a bool; or a list or dict, which fits nothing.
    """
    if isinstance(value, bool):
        return column.type in ("boolean", "string")
    if not isinstance(value, str):
        return False
    text = value.strip(_BLANKS)
    if column.type in ("integer", "decimal"):
        return _is_number(column, text)
    if column.type in ("timestamp", "date"):
        formats = column.formats or _DEFAULT_FORMATS[column.type]
        return any(datetime_pattern(each).shape.fullmatch(text) for each in formats)
    return column.type == "string" or text.lower() in _BOOLEANS


def fits_parquet(column: "Column", arrow_type: str) -> bool:
    """Whether the job reads a Parquet column of that Arrow type exactly."""
    return arrow_type == "null" or re.fullmatch(_PARQUET[column.type], arrow_type) is not None


def _is_number(column: "Column", text: str) -> bool:
    point, group = column.decimal_separator, column.grouping_separator
    if (point, group) == (".", None):
        try:
            return Decimal(text).is_finite() and "_" not in text
        except InvalidOperation:
            return False
    grouped = rf"|[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+" if group else ""
    return re.fullmatch(rf"[+-]?(?:[0-9]+{grouped})(?:[{point}][0-9]+)?", text) is not None
