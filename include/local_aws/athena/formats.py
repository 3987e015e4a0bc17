"""Reads files as their table declares them: Parquet, JSON lines, CSV and other delimited text."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.local_aws.athena.copies import copies
from include.local_aws.athena.delimited import (
    decode_open_csv,
    lazy_simple,
    open_csv,
    parsed,
    serde_of,
)
from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import File
from include.local_aws.athena.relations import Table
from include.local_aws.athena.types import (
    INTEGERS,
    decimal_of,
    listed,
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
FOOTER_BYTES = 16_384
"""What DuckDB reads at the end of a Parquet file to find its footer: all of a file up to that size,
which is then better read at once."""


def format_of(table: Table) -> str:
    """Give `parquet`, `json`, `text` or `csv`.

    Raises:
        QueryError: the table's SerDe is none of those.
    """
    library = serde_of(table).get("SerializationLibrary", "")
    if library not in LIBRARIES:
        raise not_supported(f"the SerDe '{library}' of {table.qualified}")
    return LIBRARIES[library]


def relation(
    engine: Engine, s3: Any, table: Table, files: Sequence[File], scratch: Path
) -> tuple[str, list[str]]:
    """Give SQL of a relation with the table's data columns and `_path`, and each file's `_path`."""
    kind = format_of(table)
    whole = [file for file in files if kind != "parquet" or file.size <= FOOTER_BYTES]
    copied = dict(
        zip((file.url for file in whole), copies(engine, s3, whole, scratch), strict=True)
    )
    paths = [copied.get(file.url, file.url) for file in files]
    if kind == "parquet":
        return _parquet(engine, table, paths, files[0].url), paths
    if kind == "json":
        return _json(engine, table, paths), paths
    if kind == "text":
        return lazy_simple(table, paths), paths
    decoded = decode_open_csv(table, paths, scratch)
    return open_csv(table, decoded), decoded


def _parquet(engine: Engine, table: Table, urls: Sequence[str], first: str) -> str:
    """Columns by name, absent ones NULL; types must be those of the catalog or widen to them."""
    read = (
        f"read_parquet({listed(urls)}, union_by_name = true, hive_partitioning = false,"
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
                f"{table.qualified} ({first}, …) is incompatible with type "
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
    parameters = serde_of(table).get("Parameters") or {}
    lenient = str(parameters.get("ignore.malformed.json", "false")).lower() == "true"
    options = f"format = 'newline_delimited', ignore_errors = {str(lenient).lower()}"
    objects = f"read_json_objects({listed(urls)}, {options}, filename = '_path')"
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
    typed = f"read_json({listed(urls)}, {options}, columns = {{{declared}}}, filename = '_path')"
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
