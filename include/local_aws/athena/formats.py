"""Reads files as their table declares them: Parquet, JSON lines, CSV and other delimited text."""

import csv
import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

from include.local_aws.athena.copies import copies
from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import File
from include.local_aws.athena.relations import Table
from include.local_aws.athena.types import (
    INTEGERS,
    Column,
    decimal_of,
    literal,
    quoted,
    split_top,
    struct_fields,
)

LIBRARIES = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "parquet",
    "org.openx.data.jsonserde.JsonSerDe": "json",
    "org.apache.hive.hcatalog.data.JsonSerDe": "json",
    "org.apache.hadoop.hive.serde2.JsonSerDe": "json",
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe": "text",
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": "csv",
}
NO_SEPARATOR = "\x01\x02\x03\x04"
"""Never in a text file: a line read with it comes back whole."""


def format_of(table: Table) -> str:
    """Give `parquet`, `json`, `text` or `csv`.

    Raises:
        QueryError: the table's SerDe is none of those.
    """
    library = _serde(table).get("SerializationLibrary", "")
    if library not in LIBRARIES:
        raise not_supported(f"the SerDe '{library}' of {table.qualified}")
    return LIBRARIES[library]


def _serde(table: Table) -> dict[str, Any]:
    return (table.glue.get("StorageDescriptor") or {}).get("SerdeInfo") or {}


def relation(
    engine: Engine, s3: Any, table: Table, files: Sequence[File], scratch: Path
) -> tuple[str, list[str]]:
    """Give SQL of a relation with the table's data columns and `_path`, and each file's `_path`."""
    urls = [file.url for file in files]
    kind = format_of(table)
    if kind == "parquet":
        return _parquet(engine, table, urls), urls
    if kind == "json":
        paths = copies(engine, s3, files, scratch)
        return _json(engine, table, paths), paths
    if kind == "text":
        return _text(table, urls), urls
    return _open_csv(engine, s3, table, files, scratch)


def _list(urls: Sequence[str]) -> str:
    return "[" + ", ".join(literal(url) for url in urls) + "]"


def _parquet(engine: Engine, table: Table, urls: Sequence[str]) -> str:
    """Columns by name, absent ones NULL; types must be those of the catalog or widen to them."""
    read = (
        f"read_parquet({_list(urls)}, union_by_name = true, hive_partitioning = false,"
        " filename = '_path')"
    )
    present = {c.name.lower(): c for c in engine.columns(f"SELECT * FROM {read}")}
    items = []
    for column in table.columns:
        found = present.get(column.name)
        if found is None:
            items.append(f"CAST(NULL AS {column.type}) AS {quoted(column.name)}")
            continue
        value = quoted(found.name)
        if not readable(found.type, column.type):
            text = (
                f"Field {column.name}'s type {found.type} in the Parquet files of "
                f"{table.qualified} ({urls[0]}, …) is incompatible with type "
                f"{column.type.lower()} defined in table schema"
            )
            raise QueryError("HIVE_BAD_DATA", text)
        if found.type == "BLOB" and column.type == "VARCHAR":
            value = f"decode({value})"
        elif found.type != column.type:
            value = f"CAST({value} AS {column.type})"
        items.append(f"{value} AS {quoted(column.name)}")
    return f"(SELECT {', '.join([*items, '_path'])} FROM {read})"


def readable(stored: str, declared: str) -> bool:
    """Tell whether a Parquet column of one DuckDB type may be declared as another."""
    if stored == declared or stored == '"NULL"':
        return True
    if stored.startswith("TIMESTAMP"):
        return declared == "TIMESTAMP"
    if declared.endswith("[]"):
        return stored.endswith("[]") and readable(stored[:-2], declared[:-2])
    if declared.startswith("MAP(") and stored.startswith("MAP("):
        pairs = zip(split_top(stored[4:-1]), split_top(declared[4:-1]), strict=True)
        return all(readable(a, b) for a, b in pairs)
    if declared.startswith("STRUCT(") and stored.startswith("STRUCT("):
        have = {name.lower(): kind for name, kind in struct_fields(stored)}
        return all(
            name in have and readable(have[name], kind) for name, kind in struct_fields(declared)
        )
    if stored in INTEGERS or stored in {"UTINYINT", "USMALLINT", "UINTEGER"}:
        return declared in INTEGERS
    if decimal_of(stored) and stored.startswith("DECIMAL"):
        return declared.startswith("DECIMAL")
    return (stored, declared) in {("FLOAT", "DOUBLE"), ("BLOB", "VARCHAR"), ("VARCHAR", "BLOB"),
                                  ("JSON", "VARCHAR")}  # fmt: skip


def _json(engine: Engine, table: Table, urls: Sequence[str]) -> str:
    """One object a line; keys in any case, as the JSON SerDes take them."""
    parameters = _serde(table).get("Parameters") or {}
    lenient = str(parameters.get("ignore.malformed.json", "false")).lower() == "true"
    options = f"format = 'newline_delimited', ignore_errors = {str(lenient).lower()}"
    objects = f"read_json_objects({_list(urls)}, {options}, filename = '_path')"
    spellings = _spellings(engine, table, objects)
    mapped = {
        name.removeprefix("mapping.").lower(): key
        for name, key in parameters.items()
        if name.startswith("mapping.")
    }
    keys = {
        column.name: [mapped[column.name]]
        if column.name in mapped
        else [key for key in spellings if key.lower() == column.name]
        for column in table.columns
    }
    several = any(len(found) > 1 for found in keys.values())
    wanted, items = [], []
    for column in table.columns:
        nested = column.type.endswith("]") or column.type.startswith(("MAP(", "STRUCT("))
        kind = column.type if nested else "VARCHAR"
        if several:
            values = [_extracted(key, nested=nested) for key in keys[column.name]]
        else:
            values = [quoted(key) for key in keys[column.name]]
        wanted += [f"{literal(key)}: {literal(kind)}" for key in keys[column.name]]
        value = f"coalesce({', '.join(values)})" if values else "NULL"
        if kind == "VARCHAR":
            value = parsed(value, column, table)
        items.append(f"CAST({value} AS {column.type}) AS {quoted(column.name)}")
    declared = ", ".join(wanted) or "'_nothing': 'VARCHAR'"
    typed = f"read_json({_list(urls)}, {options}, columns = {{{declared}}}, filename = '_path')"
    return f"(SELECT {', '.join([*items, '_path'])} FROM {objects if several else typed})"


def _extracted(key: str, *, nested: bool) -> str:
    path = literal('$."' + key.replace('"', '\\"') + '"')
    return f"json_extract{'' if nested else '_string'}(json, {path})"


def _spellings(engine: Engine, table: Table, objects: str) -> list[str]:
    """Give every key that an object of the table has.

    Raises:
        QueryError: NOT_SUPPORTED when a key inside a struct is not in lower case.
    """
    sql = f"SELECT DISTINCT unnest(json_keys(json)) FROM {objects} WHERE json_type(json) = 'OBJECT'"
    found = sorted(row[0] for row in engine.run(sql).fetchall())
    if any("STRUCT(" in column.type for column in table.columns):
        (merged,) = engine.run(f"SELECT json_group_structure(json) FROM {objects}").fetchone()
        for key, inside in (json.loads(merged or "{}") or {}).items():
            _refuse_upper_case(inside, f"{table.qualified}: {key}")
    return found


def _refuse_upper_case(structure: Any, place: str) -> None:
    if isinstance(structure, list):
        for item in structure:
            _refuse_upper_case(item, place)
    elif isinstance(structure, dict):
        for key, inside in structure.items():
            if key != key.lower():
                raise not_supported(f"the upper-case key '{key}' inside a struct, in {place}")
            _refuse_upper_case(inside, f"{place}.{key}")


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


def _text(table: Table, urls: Sequence[str]) -> str:
    """LazySimpleSerDe: fields between separators, never quoted; backslash-N is NULL."""
    parameters = _serde(table).get("Parameters") or {}
    separator = parameters.get("field.delim") or parameters.get("serialization.format") or "\x01"
    separator = {"1": "\x01", "\\t": "\t"}.get(separator, separator)
    null = parameters.get("serialization.null.format", "\\N")
    if parameters.get("escape.delim"):
        raise not_supported(f"ESCAPED BY of {table.qualified}")
    read = (
        f"read_csv({_list(urls)}, columns = {{'line': 'VARCHAR'}}, delim = {literal(NO_SEPARATOR)},"
        f" quote = '', escape = '', header = false, skip = {_skipped(table)}, auto_detect = false,"
        " filename = '_path')"
    )
    items = []
    for position, column in enumerate(table.columns, 1):
        field = f"nullif(fields[{position}], {literal(null)})"
        if column.type != "VARCHAR":
            field = f"nullif({field}, '')"
        items.append(f"{parsed(field, column, table)} AS {quoted(column.name)}")
    fields = f"string_split(coalesce(line, ''), {literal(separator)}) AS fields"
    return f"(SELECT {', '.join([*items, '_path'])} FROM (SELECT {fields}, _path FROM {read}))"


def _open_csv(
    engine: Engine, s3: Any, table: Table, files: Sequence[File], scratch: Path
) -> tuple[str, list[str]]:
    """OpenCSVSerde: line by line, quoted; decoded here to plain CSV files on disk."""
    parameters = _serde(table).get("Parameters") or {}
    dialect = {
        "delimiter": parameters.get("separatorChar", ","),
        "quotechar": parameters.get("quoteChar", '"'),
        "escapechar": parameters.get("escapeChar", "\\"),
    }
    scratch.mkdir(parents=True)
    paths = []
    for number, file in enumerate(files):
        url = urlsplit(file.url)
        body = s3.get_object(Bucket=url.netloc, Key=url.path[1:])["Body"]
        lines = gzip.GzipFile(fileobj=body) if file.url.endswith(".gz") else body.iter_lines()
        path = scratch / f"{number}.csv"
        with path.open("w", encoding="utf-8", newline="") as target:
            _decode(lines, target, dialect, _skipped(table), len(table.columns))
        paths.append(str(path))
        engine.bytes_scanned += file.size
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(table.columns)))
    read = (
        f"read_csv({_list(paths)}, columns = {{{names}}}, delim = ',', quote = '\"',"
        " escape = '\"', header = false, auto_detect = false, nullstr = '', "
        "allow_quoted_nulls = false, filename = '_path')"
    )
    items = [
        f"{_open_csv_value(f'c{i}', column, table)} AS {quoted(column.name)}"
        for i, column in enumerate(table.columns)
    ]
    return f"(SELECT {', '.join([*items, '_path'])} FROM {read})", paths


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
