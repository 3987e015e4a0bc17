"""Whether a delivered value looks like the type that its column is declared to have.

This is a look, not a cast: it may take what the job then refuses (31 February), but never refuses
what the job takes.
"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.lake.contracts import Column

#: What delivery adds around a value, as the job strips it.
_BLANKS = " \t\r\n\f\v\u00a0\ufeff"
_BOOLEANS = frozenset(("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"))
_DEFAULT_FORMATS = {
    "timestamp": ("yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]",),
    "date": ("yyyy-MM-dd",),
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
        return any(_shape(each).fullmatch(text) for each in formats)
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


@lru_cache(maxsize=256)
def _shape(pattern: str) -> re.Pattern[str]:
    """What texts of a Spark datetime pattern look like."""
    shape, position = "", 0
    for part in re.finditer(r"'((?:[^']|'')*)'|\[|\]|([A-Za-z])\2*|.", pattern, re.DOTALL):
        text = part.group(0)
        position = part.end()
        if text.startswith("'"):
            shape += re.escape(part.group(1).replace("''", "'") or "'")
        elif text in "[]":
            shape += "(?:" if text == "[" else ")?"
        elif part.group(2):
            shape += _letters(text)
        else:
            shape += re.escape(text)
    assert position == len(pattern)
    return re.compile(shape)


def _letters(run: str) -> str:
    letter, count = run[0], len(run)
    if letter == "S":
        return rf"\d{{1,{count}}}"
    if letter in "yu":
        return r"\d{2}" if count == 2 else r"[+-]?\d{4,}"
    if letter in "MdHhkKms" and count <= 2:
        return r"\d{1,2}"
    if letter in "Xx":
        return r"(?:Z|[+-]\d{2}:?(?:\d{2})?)"
    return r"\S+"
