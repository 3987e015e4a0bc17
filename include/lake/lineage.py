"""Which columns the columns of silver come from, as the contracts say.

Bronze's are named by their folder (``bronze/<dataset>``) and the name in the delivered file, others
by their table in the catalog. What gold's come from is in its SQL.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from include.lake import layout
from include.lake.contracts import Contract, Lake
from include.lake.marts import Mart

#: Parameter of a column in the catalog that has its origins, as JSON.
PARAMETER = "lineage"
_MOST_COMMENT = 255

#: A place and a column there.
Origin = tuple[str, str]
Origins = dict[str, list[Origin]]


def silver_origins(lake: Lake) -> dict[str, Origins]:
    """Origins by column by silver table; a column that comes from no other is not there."""
    found = {contract.silver_table: _clean(contract) for contract in lake.contracts}
    sales: dict[str, set[Origin]] = {}
    for contract in lake.channels:
        table = f"{lake.silver_database}.{contract.silver_table}"
        for name, columns in _sales(contract).items():
            sales.setdefault(name, set()).update((table, column) for column in columns)
    for contract in lake.snapshots:
        if contract.enriches:
            table = f"{lake.silver_database}.{contract.silver_table}"
            for name, column in contract.enriches.fill.items():
                sales.setdefault(name, set()).add((table, column))
    return {**found, "sales": {name: sorted(each) for name, each in sales.items() if each}}


def described(table_input: Mapping[str, Any], lake: Lake, marts: Iterable[Mart]) -> dict[str, Any]:
    """A table for the catalog whose columns have their comments, and their origins if it is silver.

    Args:
        table_input: Glue's TableInput.
        lake: the contracts.
        marts: the gold tables.
    """
    name = table_input["Name"]
    comments = {
        **{
            contract.silver_table: {each.stored_name: each.description for each in contract.columns}
            for contract in lake.contracts
        },
        **{mart.name: {each.name: each.description for each in mart.columns} for mart in marts},
    }.get(name, {})
    origins = silver_origins(lake).get(name, {})

    def column(each: Mapping[str, Any]) -> dict[str, Any]:
        own = {"Comment": comments.get(each["Name"], "")[:_MOST_COMMENT]}
        found = {PARAMETER: json.dumps(origins.get(each["Name"], []))}
        return {
            **each,
            **(own if own["Comment"] else {}),
            **({"Parameters": found} if each["Name"] in origins else {}),
        }

    storage = table_input["StorageDescriptor"]
    return {
        **table_input,
        "StorageDescriptor": {**storage, "Columns": [column(each) for each in storage["Columns"]]},
    }


def _clean(contract: Contract) -> Origins:
    """A stored column comes from the delivered one, a derived one from what it is derived of."""
    bronze = f"{layout.table_prefix('bronze', contract.dataset)}".rstrip("/")
    found: dict[str, set[Origin]] = {}
    for column in contract.columns:  # a derived column may use those before it
        if column.derived is None:
            found[column.name] = {(bronze, column.source)}
        else:
            found[column.name] = {
                origin for name in _named(column.derived, found) for origin in found[name]
            }
    stored = {column.name: column.stored_name for column in contract.columns}
    return {stored[name]: sorted(origins) for name, origins in found.items() if origins}


def _sales(contract: Contract) -> dict[str, set[str]]:
    """Columns of the clean table by the column of ``sales``; see the job's ``conformed``."""
    stored = {column.name: column.stored_name for column in contract.columns}
    found = {
        name: {stored[each] for each in _named(sql, stored)} for name, sql in contract.sales.items()
    }
    found["customer_token"] = found.pop("customer_id")
    found["calculated_total"] = found["quantity"] | found["unit_price"]
    found["amount_matches"] = found["calculated_total"] | found["total_amount"]
    return found | {name: {name} for name in ("source_file", "source_row")}


def _named(sql: str, columns: Iterable[str]) -> list[str]:
    """Those of the columns that a Spark SQL expression names."""
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", sql)))
    return [column for column in columns if column in words]
