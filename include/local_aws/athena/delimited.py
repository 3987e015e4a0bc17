"""Reads delimited text: LazySimpleSerDe and OpenCSVSerde."""

import csv
import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO, cast

from include.local_aws.athena.errors import not_supported
from include.local_aws.athena.relations import Table
from include.local_aws.athena.types import INTEGERS, Column, listed, literal, quoted

NO_SEPARATOR = "\x01\x02\x03\x04"
"""Never in a text file: a line read with it comes back whole."""
ESCAPED_ESCAPE, ESCAPED_SEPARATOR = "\ue000", "\ue001"
"""Stand for themselves while a line is split: characters that Unicode leaves to private use."""


def serde_of(table: Table) -> dict[str, Any]:
    """Give the table's SerdeInfo."""
    return (table.glue.get("StorageDescriptor") or {}).get("SerdeInfo") or {}


def parsed(value: str, column: Column, table: Table) -> str:
    """SQL that reads text as the column's type, or fails naming column and value."""
    if column.type == "VARCHAR":
        return value
    if "[" in column.type or "(" in column.type.replace("DECIMAL(", ""):
        raise not_supported(f"a {column.type.lower()} in the text table {table.qualified}")
    bad = (
        f"'HIVE_BAD_DATA: Error parsing field value ''' || {value} || ''' for field "
        f"{column.name} of {table.qualified} as {column.type.lower()}'"
    )
    strict = f"TRY_CAST({value} AS {column.type}) IS NOT NULL"
    if column.type in INTEGERS:
        strict += f" AND regexp_full_match({value}, '\\s*[+-]?[0-9]+\\s*')"
    return (
        f"CAST(CASE WHEN {value} IS NULL OR ({strict}) THEN {value} "
        f"ELSE CAST(CAST({bad} AS TINYINT) AS VARCHAR) END AS {column.type})"
    )


def _skipped(table: Table) -> int:
    return int((table.glue.get("Parameters") or {}).get("skip.header.line.count", 0))


def lazy_simple(table: Table, urls: Sequence[str]) -> str:
    """LazySimpleSerDe: fields between separators, never quoted; backslash-N is NULL."""
    parameters = serde_of(table).get("Parameters") or {}
    separator = parameters.get("field.delim") or parameters.get("serialization.format") or "\x01"
    separator = {"1": "\x01", "\\t": "\t"}.get(separator, separator)
    null = parameters.get("serialization.null.format", "\\N")
    escape = parameters.get("escape.delim")
    read = (
        f"read_csv({listed(urls)}, columns = {{'line': 'VARCHAR'}}, delim = "
        f"{literal(NO_SEPARATOR)}, quote = '', escape = '', header = false, skip = "
        f"{_skipped(table)}, auto_detect = false, filename = '_path')"
    )
    items = []
    for position, column in enumerate(table.columns, 1):
        field = f"nullif(fields[{position}], {literal(null)})"
        if escape:
            field = _unescaped(field, escape, separator)
        if column.type != "VARCHAR":
            field = f"nullif({field}, '')"
        items.append(f"{parsed(field, column, table)} AS {quoted(column.name)}")
    line = "coalesce(line, '')"
    if escape:
        line = f"replace({line}, {literal(escape * 2)}, {literal(ESCAPED_ESCAPE)})"
        line = f"replace({line}, {literal(escape + separator)}, {literal(ESCAPED_SEPARATOR)})"
    fields = f"string_split({line}, {literal(separator)}) AS fields"
    return f"(SELECT {', '.join([*items, '_path'])} FROM (SELECT {fields}, _path FROM {read}))"


def _unescaped(field: str, escape: str, separator: str) -> str:
    """SQL of a field as Hive's LazyUtils reads it: what an escape precedes stands for itself."""
    for written, meant in (
        (escape + "n", "\n"),
        (escape + "r", "\r"),
        (escape, ""),
        (ESCAPED_SEPARATOR, separator),
        (ESCAPED_ESCAPE, escape),
    ):
        field = f"replace({field}, {literal(written)}, {literal(meant)})"
    return field


def decode_open_csv(table: Table, paths: Sequence[str], folder: Path) -> list[str]:
    """Rewrite files of OpenCSVSerde, line by line, as plain CSV files in a folder; their paths."""
    parameters = serde_of(table).get("Parameters") or {}
    dialect = {
        "delimiter": parameters.get("separatorChar", ","),
        "quotechar": parameters.get("quoteChar", '"'),
        "escapechar": parameters.get("escapeChar", "\\"),
    }
    decoded = []
    for number, path in enumerate(paths):
        target = folder / f"{number}.csv"
        with (
            gzip.open(path) if path.endswith(".gz") else Path(path).open("rb") as lines,
            target.open("w", encoding="utf-8", newline="") as file,
        ):
            _decode(lines, file, dialect, _skipped(table), len(table.columns))
        decoded.append(str(target))
    return decoded


def open_csv(table: Table, paths: Sequence[str]) -> str:
    """OpenCSVSerde: quoted values, over files that were decoded."""
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(table.columns)))
    read = (
        f"read_csv({listed(paths)}, columns = {{{names}}}, delim = ',', quote = '\"',"
        " escape = '\"', header = false, auto_detect = false, nullstr = '', "
        "allow_quoted_nulls = false, filename = '_path')"
    )
    items = [
        f"{_open_csv_value(f'c{i}', column, table)} AS {quoted(column.name)}"
        for i, column in enumerate(table.columns)
    ]
    return f"(SELECT {', '.join([*items, '_path'])} FROM {read})"


def _open_csv_value(value: str, column: Column, table: Table) -> str:
    if column.type in {"DATE", "TIMESTAMP"}:
        raise not_supported(f"a {column.type.lower()} in the OpenCSVSerde table {table.qualified}")
    return parsed(value, column, table)


def _decode(
    lines: Iterable[bytes], target: TextIO, dialect: dict[str, str], skip: int, width: int
) -> None:
    """Rewrite a file of OpenCSVSerde as CSV where every value is quoted and NULL is empty."""
    for number, raw in enumerate(lines):
        if number < skip:
            continue
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        fields = next(csv.reader([line], **cast(Any, dialect)), [""])[:width]
        quoted_fields = ['"' + field.replace('"', '""') + '"' for field in fields]
        target.write(",".join(quoted_fields + [""] * (width - len(fields))) + "\n")
