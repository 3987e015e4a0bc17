"""Column types as the Glue catalog (Hive), DuckDB, Trino (views) and Athena results spell them.

DuckDB's spelling (`DECIMAL(18,2)`, `INTEGER[]`, `STRUCT("a" INTEGER)`, `MAP(VARCHAR, DOUBLE)`) is
the one used inside the engine.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from include.local_aws.athena.errors import QueryError, not_supported

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
INTEGER_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19}
FLOATS = ("FLOAT", "DOUBLE")
SCALARS = {
    # Hive, Trino and JDBC spellings -> DuckDB
    "string": "VARCHAR", "varchar": "VARCHAR", "char": "VARCHAR", "boolean": "BOOLEAN",
    "tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "integer": "INTEGER",
    "bigint": "BIGINT", "float": "FLOAT", "real": "FLOAT", "double": "DOUBLE", "date": "DATE",
    "timestamp": "TIMESTAMP", "binary": "BLOB", "varbinary": "BLOB", "json": "JSON",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip
HIVE = {
    "VARCHAR": "string", "BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint",
    "INTEGER": "int", "BIGINT": "bigint", "FLOAT": "float", "DOUBLE": "double", "DATE": "date",
    "TIMESTAMP": "timestamp", "BLOB": "binary",
}  # fmt: skip
TRINO = HIVE | {
    "VARCHAR": "varchar", "INTEGER": "integer", "FLOAT": "real", "BLOB": "varbinary",
    "TIMESTAMP": "timestamp(3)", "TIMESTAMP WITH TIME ZONE": "timestamp(3) with time zone",
    "JSON": "json", '"NULL"': "unknown",
}  # fmt: skip
RESULT_PRECISION = {
    "varchar": 2147483647, "integer": 10, "bigint": 19, "smallint": 5, "tinyint": 3, "double": 17,
    "float": 17, "timestamp": 3, "timestamp with time zone": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a table or result: its name and its type in DuckDB's spelling."""

    name: str
    type: str


def split_top(text: str, separator: str = ",") -> Iterator[str]:
    """Split at `separator` outside brackets and double quotes; parts come back stripped."""
    depth, start, quoted = 0, 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "(<[":
            depth += 1
        elif character in ")>]":
            depth -= 1
        elif character == separator and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def decimal_of(kind: str) -> tuple[int, int] | None:
    """Give (precision, scale) of a DECIMAL, of an integer as Trino widens it, else None."""
    if kind in INTEGER_DIGITS:
        return INTEGER_DIGITS[kind], 0
    found = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    return (int(found[1]), int(found[2])) if found else None


def from_hive(text: str) -> str:
    """Translate a type of the Glue catalog, or of Trino, into DuckDB's spelling.

    Raises:
        QueryError: HIVE_INVALID_METADATA for a type nobody knows.
    """
    plain = re.sub(r"\s+", " ", text.strip())
    lower = plain.lower()
    base, _, inner = lower.partition("<")
    if inner and base in {"array", "map", "struct"}:
        return _nested(base, plain[len(base) + 1 : -1], ":")
    base, _, inner = lower.partition("(")
    if inner and base in {"array", "map", "row"}:
        return _nested({"row": "struct"}.get(base, base), plain[len(base) + 1 : -1], " ")
    if base in {"decimal", "numeric"}:
        numbers = re.findall(r"\d+", inner) or ["10", "0"]
        return f"DECIMAL({numbers[0]},{numbers[1] if len(numbers) > 1 else 0})"
    without_precision = re.sub(r"\(\d+\)", "", lower)
    if without_precision in SCALARS:
        return SCALARS[without_precision]
    raise QueryError("HIVE_INVALID_METADATA", f"unknown column type '{text}'")


def _nested(base: str, inner: str, separator: str) -> str:
    """Translate what stands between the brackets of an array, map or struct."""
    parts = list(split_top(inner))
    if base == "array":
        return from_hive(parts[0]) + "[]"
    if base == "map":
        return f"MAP({from_hive(parts[0])}, {from_hive(parts[1])})"
    fields = []
    for part in parts:
        name = next(split_top(part, separator))
        kind = part[len(name) :].strip().lstrip(separator)
        plain = name.strip('"').lower()
        fields.append(f"{quoted(plain)} {from_hive(kind)}")
    return f"STRUCT({', '.join(fields)})"


def _map_type(kind: str, scalars: dict[str, str], array: str, mapping: str, row: str, sep: str
              ) -> str:  # fmt: skip
    """Spell a DuckDB type in another language given its scalar names and nesting patterns."""
    kind = {"TIMESTAMP_NS": "TIMESTAMP", "HUGEINT": "BIGINT"}.get(kind, kind)
    if kind.endswith("[]"):
        return array % _map_type(kind[:-2], scalars, array, mapping, row, sep)
    if kind.startswith("MAP("):
        key, value = split_top(kind[4:-1])
        return mapping % (
            _map_type(key, scalars, array, mapping, row, sep),
            _map_type(value, scalars, array, mapping, row, sep),
        )
    if kind.startswith("STRUCT("):
        fields = []
        for name, inner in struct_fields(kind):
            fields.append(name + sep + _map_type(inner, scalars, array, mapping, row, sep))
        return row % ", ".join(fields) if sep == " " else row % ",".join(fields)
    if kind.startswith("DECIMAL("):
        return kind.lower().replace(" ", "")
    if kind in scalars:
        return scalars[kind]
    raise not_supported(f"a column of type {kind}")


def struct_fields(kind: str) -> list[tuple[str, str]]:
    """Give the (name, type) pairs of a DuckDB STRUCT type."""
    fields = []
    for part in split_top(kind[7:-1]):
        name = next(split_top(part, " "))
        fields.append((name.strip('"'), part[len(name) :].strip()))
    return fields


def to_hive(kind: str) -> str:
    """Spell a DuckDB type as the Glue catalog does."""
    return _map_type(kind, HIVE, "array<%s>", "map<%s,%s>", "struct<%s>", ":")


def to_trino(kind: str) -> str:
    """Spell a DuckDB type as Trino does, for the columns of a stored view and for messages."""
    return _map_type(kind, TRINO, "array(%s)", "map(%s, %s)", "row(%s)", " ")


def result_column(column: Column) -> dict[str, object]:
    """Describe a result column as ResultSetMetadata.ColumnInfo does."""
    trino = to_trino(column.type)
    name = trino.partition("(")[0]
    if trino.endswith("with time zone"):
        name = "timestamp with time zone"
    name = {"real": "float"}.get(name, name)
    precision, scale = RESULT_PRECISION.get(name, 0), 0
    if name == "decimal":
        precision, scale = decimal_of(column.type) or (38, 0)
    return {
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": column.name,
        "Label": column.name, "Type": name, "Precision": precision, "Scale": scale,
        "Nullable": "UNKNOWN", "CaseSensitive": name == "varchar",
    }  # fmt: skip


def quoted(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a string literal for DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def listed(texts: Iterable[str]) -> str:
    """Write texts as a list of DuckDB."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"
