"""Fields of a frame: names with dots, Glue's names of types, schemas as text.

A dot separates the levels of a nested field; backticks keep a dot in a name: "`a.b`.c".
"""

import re
from collections.abc import Iterator, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StructField, StructType

from awsglue.errors import NotSupportedHere

# Glue's names where they are not Spark's
TYPES = {"long": "bigint", "short": "smallint", "byte": "tinyint", "integer": "int", "null": "void"}
TYPES["decimal"] = "decimal(10,2)"  # Glue's DecimalType; Spark's own has no fraction
NAMES = {"bigint": "long", "smallint": "short", "tinyint": "byte", "void": "null"}


def parts(path: str, schema: StructType) -> tuple[str, ...]:
    """The levels of a field's name; a column that has this very name, dots and all, wins."""
    if path in schema.names:
        return (path,)
    return tuple(quoted or plain for quoted, plain in re.findall(r"`([^`]+)`|([^.`]+)", path))


def column(levels: Sequence[str]) -> Column:
    """The column of a nested field."""
    return F.col(".".join(f"`{level}`" for level in levels))


def find(schema: StructType, levels: Sequence[str]) -> DataType | None:
    """The type of a nested field, None if there is none."""
    kind: DataType = schema
    for level in levels:
        if not isinstance(kind, StructType) or level not in kind.names:
            return None
        kind = kind[level].dataType
    return kind


def spark_type(name: str) -> str:
    """Spark's name of a type that Glue names so.

    Raises:
        NotSupportedHere: A struct, array or map that says nothing about its fields.
    """
    lowered = name.strip().lower()
    if lowered in ("struct", "array", "map", "choice"):
        raise NotSupportedHere(f"the type {name!r} without its fields")
    return TYPES.get(lowered, lowered)


def without(frame: DataFrame, levels: Sequence[str]) -> DataFrame:
    """The frame without a nested field; unchanged if there is no such field."""
    if find(frame.schema, levels) is None:
        return frame
    if len(levels) == 1:
        return frame.drop(levels[0])
    nested = ".".join(f"`{level}`" for level in levels[1:])
    return frame.withColumn(levels[0], column(levels[:1]).dropFields(nested))


def structs(columns: Sequence[tuple[Sequence[str], Column]]) -> list[Column]:
    """Columns for a select that puts each value at its (nested) place, in the order given."""
    tree: dict[str, list[tuple[Sequence[str], Column]]] = {}
    for levels, value in columns:
        tree.setdefault(levels[0], []).append((levels[1:], value))
    made = []
    for name, inside in tree.items():
        leaves = [value for levels, value in inside if not levels]
        made.append((leaves[-1] if leaves else F.struct(*structs(inside))).alias(name))
    return made


def tree(schema: StructType) -> str:
    """The schema as Glue's printSchema shows it."""
    return "\n".join(["root", *_lines(schema.fields, "")])


def _lines(fields: Sequence[StructField], indent: str) -> Iterator[str]:
    for field in fields:
        kind, deeper = field.dataType, f"{indent}|    "
        if isinstance(kind, StructType):
            shown, inside = "struct", kind.fields
        elif isinstance(kind, ArrayType):
            shown, inside = "array", [StructField("element", kind.elementType)]
        elif isinstance(kind, MapType):
            key, value = StructField("keyType", kind.keyType), kind.valueType
            shown, inside = "map", [key, StructField("valueType", value)]
        else:
            name = kind.simpleString()
            shown, inside = NAMES.get(name, name), []
        yield f"{indent}|-- {field.name}: {shown}"
        yield from _lines(inside, deeper)
