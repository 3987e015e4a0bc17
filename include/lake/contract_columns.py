"""Reads the columns of a contract: ``schema[0].properties`` of an ODCS v3.1.0 file."""

import re
from decimal import Decimal
from typing import Any

from include.lake.contracts import Column, ColumnType
from include.lake.datetime_patterns import datetime_pattern
from include.lake.odcs import IDENTIFIER, custom_properties, zone
from include.lake.strict_yaml import Cursor

#: ODCS logicalType → our type
_TYPES: dict[str, ColumnType] = {
    "string": "string",
    "integer": "integer",
    "number": "decimal",
    "timestamp": "timestamp",
    "date": "date",
    "boolean": "boolean",
}
_PHYSICAL = {
    "string": r"string",
    "integer": r"bigint",
    "decimal": r"decimal\(([1-9][0-9]?),([0-9][0-9]?)\)",
    "timestamp": r"timestamp",
    "date": r"date",
    "boolean": r"boolean",
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "string": ("pattern",),
    "integer": ("minimum", "exclusiveMinimum", "maximum"),
    "decimal": ("minimum", "exclusiveMinimum", "maximum"),
    "timestamp": ("format", "timezone", "defaultTimezone"),
    "date": ("format",),
    "boolean": (),
}
#: customProperties of a column, by type
_PROPERTIES: dict[str, tuple[str, ...]] = {
    "string": ("aliases",),
    "integer": ("decimalSeparator", "groupingSeparator"),
    "decimal": ("decimalSeparator", "groupingSeparator"),
}
_DECIMAL_SEPARATORS = (".", ",")
_GROUPING_SEPARATORS = (".", ",", "'")
_CLASSIFICATIONS = ("public", "internal", "restricted")
# Columns that the job adds to every clean table.
_RESERVED = ("source_file", "source_row", "ingest_date", "sale_date", "release")


def read_columns(cursor: Cursor, time_zone: str) -> tuple[Column, ...]:
    """The columns in contract order.

    Args:
        cursor: the ``properties`` list.
        time_zone: zone of timestamps whose contract names none.

    Raises:
        ContractError: a column breaks the format, names are not unique, or the key has gaps.
    """
    columns: list[Column] = []
    for item in cursor.items():
        column = _column(item, time_zone)
        for other in columns:
            if column.stored_name in (other.name, other.stored_name):
                item.fail(f"column {column.stored_name} stands twice; rename or remove one")
            if column.derived is None is other.derived and (
                other.source.lower() == column.source.lower()
            ):
                item.fail(f"{column.source!r} is read twice; derive one from the other")
        columns.append(column)
    positions = sorted(column.primary_key for column in columns if column.primary_key is not None)
    if positions != list(range(1, len(positions) + 1)) or not positions:
        cursor.fail(f"primaryKeyPosition must count 1, 2, …, but is {positions}; number the key")
    return tuple(columns)


def _column(cursor: Cursor, time_zone: str) -> Column:
    entry = cursor.mapping(
        ("name", "logicalType", "physicalType", "description"),
        (
            "physicalName", "required", "primaryKey", "primaryKeyPosition", "logicalTypeOptions",
            "classification", "quality", "transformLogic", "customProperties",
        ),
    )  # fmt: skip
    name = entry["name"].text(IDENTIFIER, "a column name")
    if name in _RESERVED:
        entry["name"].fail(f"{name} is added by the job itself; choose another name")
    kind = _TYPES[entry["logicalType"].one_of(_TYPES)]
    derived = entry["transformLogic"].text() if "transformLogic" in entry else None
    if derived is not None and "physicalName" in entry:
        entry["physicalName"].fail("a derived column is not in the file; remove physicalName")
    source = entry["physicalName"].text() if "physicalName" in entry else name
    precision, scale = _precision(entry["physicalType"], kind)
    options = _options(entry.get("logicalTypeOptions"), kind)
    accepted = _accepted(entry.get("quality"), kind)
    custom = _custom(entry.get("customProperties"), kind)
    if derived is not None and custom:
        entry["customProperties"].fail(
            "says how a file writes the column, but a derived one is in no file; remove it"
        )
    point, group = _separators(custom)
    return Column(
        name=name,
        source=source,
        type=kind,
        precision=precision,
        scale=scale,
        required=entry["required"].boolean() if "required" in entry else False,
        primary_key=_primary_key(cursor, entry),
        formats=options.get("formats", ()),
        time_zone=options.get("time_zone", time_zone) if kind == "timestamp" else None,
        minimum=options.get("minimum"),
        exclusive_minimum=options.get("exclusiveMinimum"),
        maximum=options.get("maximum"),
        pattern=options.get("pattern"),
        accepted=accepted,
        aliases=_aliases(custom["aliases"], accepted) if "aliases" in custom else {},
        decimal_separator=point,
        grouping_separator=group,
        derived=derived,
        classification=(
            entry["classification"].one_of(_CLASSIFICATIONS) if "classification" in entry else None
        ),
        description=entry["description"].text(),
    )


def _precision(cursor: Cursor, kind: str) -> tuple[int | None, int | None]:
    match = re.fullmatch(_PHYSICAL[kind], cursor.text())
    if match is None:
        cursor.fail(f"does not fit the logicalType; it must match {_PHYSICAL[kind]}")
    if kind != "decimal":
        return None, None
    precision, scale = int(match[1]), int(match[2])
    if not scale <= precision <= 38:
        cursor.fail("is no decimal of Spark and Athena; precision ≤ 38 and scale ≤ precision")
    return precision, scale


def _primary_key(cursor: Cursor, entry: dict[str, Cursor]) -> int | None:
    is_key = entry["primaryKey"].boolean() if "primaryKey" in entry else False
    if is_key != ("primaryKeyPosition" in entry):
        cursor.fail("primaryKey: true and primaryKeyPosition belong together; give both or none")
    if not is_key:
        return None
    if "required" not in entry or not entry["required"].boolean():
        cursor.fail("a key column cannot be null; add required: true")
    return entry["primaryKeyPosition"].integer(1, 9)


def _options(cursor: Cursor | None, kind: str) -> dict[str, Any]:
    if cursor is None:
        return {}
    given = cursor.mapping((), _OPTIONS[kind])
    options: dict[str, Any] = {}
    for key in ("minimum", "exclusiveMinimum", "maximum"):
        if key in given:
            options[key] = given[key].decimal()
    low = options.get("minimum", options.get("exclusiveMinimum", Decimal("-Infinity")))
    if "maximum" in options and low > options["maximum"]:
        cursor.fail("the minimum lies above the maximum, so no row could pass; swap them")
    if "pattern" in given:
        options["pattern"] = _pattern(given["pattern"])
    if "format" in given:
        options["formats"] = (_datetime_format(given["format"]),)
    if "timezone" in given:
        given["timezone"].boolean()
    if "defaultTimezone" in given:
        options["time_zone"] = zone(given["defaultTimezone"])
    return options


def _datetime_format(cursor: Cursor) -> str:
    text = cursor.text()
    try:
        datetime_pattern(text)
    except ValueError as error:
        cursor.fail(f"{text!r} {error}")
    return text


def _pattern(cursor: Cursor) -> str:
    pattern = cursor.text()
    try:
        re.compile(pattern)
    except re.error as error:
        cursor.fail(f"is not a regular expression ({error}); correct it")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        cursor.fail("must begin with ^ and end with $; the whole value is matched")
    return pattern


def _accepted(cursor: Cursor | None, kind: str) -> tuple[str, ...]:
    if cursor is None:
        return ()
    rules = cursor.items()
    if len(rules) != 1:
        cursor.fail("a column takes one rule (invalidValues); put others on the schema")
    rule = rules[0].mapping(("type", "metric", "arguments", "mustBe"), ("description", "name"))
    rule["type"].one_of(("library",))
    rule["metric"].one_of(("invalidValues",))
    rule["mustBe"].integer(0, 0)
    if kind != "string":
        cursor.fail("a list of values is for text columns; use minimum and maximum for numbers")
    values = rule["arguments"].mapping(("validValues",))["validValues"]
    accepted = tuple(value.text() for value in values.items())
    if len(set(accepted)) != len(accepted):
        values.fail("lists a value twice; remove one")
    return accepted


def _custom(cursor: Cursor | None, kind: str) -> dict[str, Cursor]:
    if cursor is None:
        return {}
    if kind not in _PROPERTIES:
        cursor.fail(f"a {kind} takes no custom property; remove it")
    return custom_properties(cursor, (), _PROPERTIES[kind])


def _aliases(cursor: Cursor, accepted: tuple[str, ...]) -> dict[str, str]:
    aliases = {}
    for spelling, value in cursor.entries().items():
        if spelling != spelling.lower():
            value.fail("aliases are looked up in lower case; write the spelling in lower case")
        aliases[spelling] = value.one_of(accepted)
    return aliases


def _separators(custom: dict[str, Cursor]) -> tuple[str, str | None]:
    """How numbers are written: what stands before decimals, and between thousands if anything."""
    point, group = ".", None
    if "decimalSeparator" in custom:
        point = custom["decimalSeparator"].one_of(_DECIMAL_SEPARATORS)
    if "groupingSeparator" in custom:
        group = custom["groupingSeparator"].one_of(_GROUPING_SEPARATORS)
        if group == point:
            custom["groupingSeparator"].fail(
                f"{group!r} is what the decimals stand behind, so 1{group}234 would be two numbers;"
                f" give the decimalSeparator, or another groupingSeparator"
            )
    return point, group
