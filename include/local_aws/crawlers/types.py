"""The types a crawler finds, and how two findings for one column become one type.

    null < boolean;  null < tinyint < smallint < int < bigint < double;  float < double;
    everything < string

Structs are merged field by field and arrays by their elements. A type is a Glue type's name, an
`Array`, a `Struct`, a `Map`, or None as long as only nulls were seen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

INTEGERS = ("tinyint", "smallint", "int", "bigint")
FLOATS = ("float", "double")
INTEGER = re.compile(r"[+-]?\d{1,19}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Array:
    """A list of `element`s."""

    element: "Type"


@dataclass(frozen=True)
class Struct:
    """Named fields in the order they were first seen; names are lower-cased."""

    fields: tuple[tuple[str, "Type"], ...]


@dataclass(frozen=True)
class Map:
    """Keys of one type to values of one type."""

    key: "Type"
    value: "Type"


Type: TypeAlias = str | Array | Struct | Map | None


def of_json(value: Any) -> Type:
    """Give the type of a parsed JSON value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "bigint" if -LARGEST <= value <= LARGEST else "double"
    if isinstance(value, float):
        return "double"
    if isinstance(value, list):
        return Array(merge_all(of_json(item) for item in value))
    if isinstance(value, dict):
        fields: dict[str, Type] = {}
        for key, item in value.items():  # keys that differ in case only are one column
            fields[key.lower()] = merge(fields.get(key.lower()), of_json(item))
        return Struct(tuple(fields.items()))
    return "string"


def of_text(text: str) -> Type:
    """Give the type of a delimited file's field; an empty one is null."""
    text = text.strip()
    if not text:
        return None
    if INTEGER.fullmatch(text) and abs(int(text)) <= LARGEST:
        return "bigint"
    if NUMBER.fullmatch(text):
        return "double"
    return "boolean" if text.lower() in {"true", "false"} else "string"


def merge(left: Type, right: Type) -> Type:
    """Give the smallest type that holds what both hold."""
    if left == right or right is None:
        return left
    if left is None:
        return right
    if isinstance(left, str) and isinstance(right, str):
        return _merge_names(left, right)
    if isinstance(left, Array) and isinstance(right, Array):
        return Array(merge(left.element, right.element))
    if isinstance(left, Map) and isinstance(right, Map):
        return Map(merge(left.key, right.key), merge(left.value, right.value))
    if isinstance(left, Struct) and isinstance(right, Struct):
        fields = dict(left.fields)
        for name, found in right.fields:
            fields[name] = merge(fields.get(name), found)
        return Struct(tuple(fields.items()))
    return "string"


def _merge_names(left: str, right: str) -> str:
    """Merge two different types that have no parts."""
    names = {left, right}
    if names <= set(INTEGERS):
        return max(left, right, key=INTEGERS.index)
    if names <= set(INTEGERS + FLOATS):
        return "double"
    decimals = [DECIMAL.fullmatch(name) for name in (left, right)]
    if decimals[0] and decimals[1]:
        digits = max(int(match[1]) - int(match[2]) for match in decimals if match)
        scale = max(int(match[2]) for match in decimals if match)
        if digits + scale <= 38:
            return f"decimal({digits + scale},{scale})"
    return "string"


def merge_all(found: Iterable[Type]) -> Type:
    """Give the smallest type that holds all."""
    result: Type = None
    for item in found:
        result = merge(result, item)
    return result


def render(found: Type) -> str:
    """Give the type as Glue writes it; what was always null is a string."""
    if found is None:
        return "string"
    if isinstance(found, str):
        return found
    if isinstance(found, Array):
        return f"array<{render(found.element)}>"
    if isinstance(found, Map):
        return f"map<{render(found.key)},{render(found.value)}>"
    return f"struct<{','.join(f'{name}:{render(item)}' for name, item in found.fields)}>"
