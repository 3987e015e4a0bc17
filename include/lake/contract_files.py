"""Reads ``include/contracts``: lake.yaml and one ODCS v3.1.0 file per dataset.

The files keep the shape of the Open Data Contract Standard v3.1.0, so its tools can read them.
What the standard has no word for stands in ``customProperties``. Of the standard's optional
keys only those that the lake acts upon are accepted: a key that nothing reads is a promise
nobody keeps.
"""

import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Any, cast

from include.lake import contract_columns, contract_sources, layout
from include.lake.contracts import (
    NOTHING,
    SALES_INPUTS,
    Column,
    Contract,
    Enrichment,
    Lake,
    Rule,
    Source,
)
from include.lake.costs import read_costs
from include.lake.drift import DriftPolicy, Verdict
from include.lake.odcs import API_VERSION, IDENTIFIER, custom_properties, zone
from include.lake.shipped import shipped
from include.lake.strict_yaml import ContractError, Cursor, parse

_VERSION = r"[0-9]+\.[0-9]+\.[0-9]+"
#: columns of ``sales`` that a snapshot may be found by, and filled from
_ENRICHED = {
    "key": ("product_id", "customer_token", "store_id"),
    "fill": ("product_name", "category", "region", "store_id", "payment_method"),
}
_DATABASES = ("bronze", "silver", "gold", "ops", "analytics")


def read_lake(root: Traversable | None = None) -> Lake:
    """The lake of a folder of contracts (see ``contracts.load_lake``)."""
    folder = shipped("include", "contracts") if root is None else root
    files = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    if "lake.yaml" not in files:
        raise ContractError(f"{folder}:1: document: no lake.yaml; add it, it names the zone")
    settings = _parse(files.pop("lake.yaml")).mapping(("time_zone", "databases", "costs"))
    time_zone = zone(settings["time_zone"])
    databases = settings["databases"].mapping(_DATABASES)
    names = {layer: databases[layer].text(IDENTIFIER, "a database name") for layer in _DATABASES}
    if not files:
        raise ContractError(f"{folder}:1: document: there is no contract; add <dataset>.yaml")
    return Lake(
        time_zone=time_zone,
        costs=read_costs(settings["costs"]),
        contracts=tuple(read_contract(files[name], time_zone) for name in sorted(files)),
        **{f"{layer}_database": name for layer, name in names.items()},
    )


def read_contract(file: Traversable, time_zone: str) -> Contract:
    """One contract.

    Args:
        file: ``<dataset>.yaml``.
        time_zone: zone of timestamps for which the contract names none.

    Raises:
        ContractError: the file breaks the format.
    """
    top = _parse(file).mapping(
        required=(
            "apiVersion", "kind", "id", "name", "version", "status", "domain", "description",
            "servers", "schema", "slaProperties", "team", "customProperties",
        ),
        optional=("tags",),
    )  # fmt: skip
    top["apiVersion"].one_of((API_VERSION,))
    top["kind"].one_of(("DataContract",))
    top["id"].text(r"[a-z0-9:._-]+", "an identifier")
    top["status"].one_of(("active",))
    top["domain"].text()
    for tag in top["tags"].items() if "tags" in top else ():
        tag.text()
    dataset = top["name"].text(IDENTIFIER, "a dataset name (it becomes folder, table and task)")
    if file.name != f"{dataset}.yaml":
        top["name"].fail(f"{dataset!r} is not the file's name; call the file {dataset}.yaml")
    known = ("channel", "businessTime", "sales", "snapshot", "enriches", "drift")
    custom = custom_properties(top["customProperties"], (), known)
    schema = _schema(top["schema"], dataset)
    columns = contract_columns.read_columns(schema["properties"], time_zone)
    time = _business_time(custom["businessTime"], columns) if "businessTime" in custom else None
    source = contract_sources.read_source(top["servers"], time, columns)
    _need_formats(schema["properties"], source, columns)
    return Contract(
        dataset=dataset,
        version=top["version"].text(_VERSION, "a version like 1.0.0"),
        title=schema["businessName"].text(),
        owner=_owner(top["team"]),
        description=_description(top["description"]),
        source=source,
        columns=columns,
        rules=_rules(schema["quality"]) if "quality" in schema else (),
        lateness_days=_lateness(top["slaProperties"]),
        drift=_drift(custom["drift"]) if "drift" in custom else DriftPolicy(),
        **_contribution(top["customProperties"], custom, columns),
    )


def _contribution(
    cursor: Cursor, custom: dict[str, Cursor], columns: tuple[Column, ...]
) -> dict[str, Any]:
    """What the dataset gives silver: rows of ``sales``, or a snapshot of its arrival day."""
    if "snapshot" not in custom:
        missing = {"channel", "businessTime", "sales"} - set(custom)
        if missing:
            cursor.fail(f"has no {', '.join(sorted(missing))}; a channel of sales needs all three")
        if "enriches" in custom:
            custom["enriches"].fail("only a snapshot enriches sales; remove it")
        return {
            "channel": custom["channel"].text(IDENTIFIER, "a channel name"),
            "sales": _sales(custom["sales"], columns),
        }
    for name in ("channel", "sales"):
        if name in custom:
            custom[name].fail("a snapshot has no share in sales; remove it, or remove snapshot")
    return {
        "channel": None,
        "sales": {},
        "snapshot": custom["snapshot"].one_of(layout.SNAPSHOTS),
        "enriches": _enrichment(custom["enriches"], columns) if "enriches" in custom else None,
    }


def _enrichment(cursor: Cursor, columns: tuple[Column, ...]) -> Enrichment:
    parts = cursor.mapping(("key", "fill"))
    stored = {column.stored_name for column in columns}
    keys = {column.stored_name for column in columns if column.primary_key is not None}
    found = {
        part: {name: value.one_of(stored) for name, value in parts[part].entries().items()}
        for part in ("key", "fill")
    }
    for part, names in found.items():
        unknown = sorted(set(names) - set(_ENRICHED[part]))
        if unknown or not names:
            parts[part].fail(f"takes {', '.join(_ENRICHED[part])} of sales, not {unknown}")
    if set(found["key"].values()) != keys:
        parts["key"].fail(f"must be the primary key {sorted(keys)}, or a sale would find two rows")
    return Enrichment(**found)


def _drift(cursor: Cursor) -> DriftPolicy:
    given = cursor.mapping((), ("added", "reordered"))
    chosen = {name: value.one_of(("allow", "fail")) for name, value in given.items()}
    return DriftPolicy(**cast("dict[str, Verdict]", chosen))


def _parse(file: Traversable) -> Cursor:
    return parse(file.read_text(encoding="utf-8"), file.name)


def _schema(cursor: Cursor, dataset: str) -> dict[str, Cursor]:
    objects = cursor.items()
    if len(objects) != 1:
        cursor.fail("must list exactly one object; a further table is a contract of its own")
    schema = objects[0].mapping(
        ("name", "logicalType", "businessName", "properties"),
        ("physicalName", "physicalType", "description", "dataGranularityDescription", "quality"),
    )
    schema["logicalType"].one_of(("object",))
    schema["name"].one_of((dataset,))
    for key in ("physicalName", "physicalType", "description", "dataGranularityDescription"):
        if key in schema:
            schema[key].text()
    return schema


def _description(cursor: Cursor) -> str:
    parts = cursor.mapping(("purpose", "usage", "limitations"))
    return " ".join(part.text() for part in parts.values())


def _owner(cursor: Cursor) -> str:
    team = cursor.mapping(("name",), ("description",))
    return team["name"].text()


def _lateness(cursor: Cursor) -> int:
    days: dict[str, int] = {}
    for item in cursor.items():
        entry = item.mapping(("property", "value", "unit"), ("description", "element", "driver"))
        name = entry["property"].one_of(("latency", "frequency"))
        entry["unit"].one_of(("d",))
        if name in days:
            entry["property"].fail(f"{name} is given twice; keep one")
        days[name] = entry["value"].integer(0 if name == "latency" else 1, 31)
    for name in ("latency", "frequency"):
        if name not in days:
            cursor.fail(f"has no {name}; say how late (latency) and how often (frequency) in days")
    if days["frequency"] != 1:
        cursor.fail("frequency must be 1 d; the pipeline waits for every dataset every day")
    return days["latency"]


def _rules(cursor: Cursor) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for item in cursor.items():
        entry = item.mapping(("name", "type", "engine", "implementation", "description"))
        entry["type"].one_of(("custom",))
        entry["engine"].one_of(("spark",))
        name = entry["name"].text(IDENTIFIER, "a rule name")
        if any(rule.name == name for rule in rules):
            entry["name"].fail(f"rule {name} stands twice; quarantine reasons must tell them apart")
        rules.append(Rule(name, entry["implementation"].text(), entry["description"].text()))
    return tuple(rules)


def _sales(cursor: Cursor, columns: tuple[Column, ...]) -> Mapping[str, str]:
    given = cursor.mapping(SALES_INPUTS)
    restricted = [column.name for column in columns if column.is_restricted]
    given["customer_id"].one_of((*restricted, NOTHING))
    for name, value in given.items():
        leaked = set(restricted) & set(re.findall(r"\w+", value.text()))
        if leaked and name != "customer_id":
            value.fail(
                f"uses {', '.join(sorted(leaked))}, which is restricted: silver holds only its "
                f"token. Take another column"
            )
    return {name: given[name].text() for name in SALES_INPUTS}


def _business_time(cursor: Cursor, columns: tuple[Column, ...]) -> str:
    name = cursor.text()
    column = next((column for column in columns if column.name == name), None)
    if column is None or column.type != "timestamp" or not column.required:
        cursor.fail(f"{name!r} must be a required timestamp column; it decides the sale_date")
    return name


def _need_formats(cursor: Cursor, source: Source, columns: tuple[Column, ...]) -> None:
    for column in columns:
        if source.format == "parquet":  # typed already
            if (column.decimal_separator, column.grouping_separator) != (".", None):
                cursor.fail(
                    f"column {column.name} has separators, but numbers in Parquet are no text; "
                    f"remove decimalSeparator and groupingSeparator"
                )
            continue
        dated = column.type in ("timestamp", "date") and column.derived is None
        if dated and not column.formats:
            cursor.fail(
                f"column {column.name} has no logicalTypeOptions.format; dates in text files are "
                f"never guessed. Add the pattern, e.g. format: yyyy-MM-dd"
            )
