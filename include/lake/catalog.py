"""The Glue tables that follow from contracts and marts.

Physical tables have a partition per release; readers go through the views (see ``views``), which
join on ``retail_ops.published`` and so see exactly one release of each partition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from include.lake import layout, lineage
from include.lake.contracts import Contract, Lake
from include.lake.deployment import Deployment
from include.lake.marts import Mart
from include.lake.views import HISTORY

#: Columns of ``retail_silver.sales`` in order, without its partition keys (sale_date, release).
SALES_COLUMNS: Mapping[str, str] = {
    "transaction_id": "string",
    "channel": "string",
    "sold_at": "timestamp",
    "product_id": "string",
    "product_name": "string",
    "category": "string",
    "quantity": "bigint",
    "unit_price": "decimal(18,2)",
    "total_amount": "decimal(18,2)",
    "calculated_total": "decimal(18,2)",
    "amount_matches": "boolean",
    "customer_token": "string",
    "region": "string",
    "store_id": "string",
    "payment_method": "string",
    "is_return": "boolean",
    "source_file": "string",
    "source_row": "bigint",
    "ingest_date": "date",
}
#: What the job adds to the contract's columns in every dataset's silver table.
PROVENANCE_COLUMNS: Mapping[str, str] = {"source_file": "string", "source_row": "bigint"}
QUARANTINE_COLUMNS: Mapping[str, str] = {
    "dataset": "string",
    "source_file": "string",
    "source_row": "bigint",
    "reason": "string",
    "raw": "string",
}
RUN_LEDGER_COLUMNS: Mapping[str, str] = {
    "dataset": "string",
    "source_file": "string",
    "rows_in": "bigint",
    "silver": "bigint",
    "quarantined": "bigint",
    "duplicates": "bigint",
}
QUALITY_RESULTS_COLUMNS: Mapping[str, str] = {
    "mart": "string",
    "check_name": "string",
    "severity": "string",
    "observed": "string",
    "passed": "boolean",
}
RESTATEMENTS_COLUMNS: Mapping[str, str] = {
    "mart": "string",
    "row_key": "string",
    "measure": "string",
    "old_value": "string",
    "new_value": "string",
    "files": "array<string>",
}
RUN_COSTS_COLUMNS: Mapping[str, str] = {
    "run_id": "string",
    "task": "string",
    "kind": "string",
    "table_name": "string",
    "execution_id": "string",
    "state": "string",
    "quantity": "decimal(20,3)",
    "unit": "string",
    "billed": "decimal(20,3)",
    "price": "decimal(18,4)",
    "priced_unit": "string",
    "amount": "decimal(18,8)",
    "currency": "string",
    "seconds": "decimal(12,3)",
}
PUBLISHED_COLUMNS: Mapping[str, str] = {
    "table_name": "string",
    "ingest_date": "string",
    "sale_date": "string",
    "release": "string",
}
_PARTITION_TYPES = {
    **{"ingest_date": "date", "sale_date": "date", "release": "string"},
    **{"version": "int", "published_at": "string"},
}
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
_JSON_LINES = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe", "Parameters": {}},
}


@dataclass(frozen=True)
class CatalogTable:
    """One table to create or update.

    Attributes:
        table_input: Glue's TableInput.
        create_only: true for the pointer, whose location belongs to the publications: create it
            if it is absent, never update it.
    """

    database: str
    table_input: Mapping[str, Any]
    create_only: bool = False

    @property
    def name(self) -> str:
        """Name within the database."""
        return str(self.table_input["Name"])


def tables(lake: Lake, marts: Iterable[Mart], deployment: Deployment) -> list[CatalogTable]:
    """Every physical table of ours.

    Args:
        lake: the contracts.
        marts: the gold tables.
        deployment: for the bucket that they lie in.
    """
    bucket, marts = deployment.lake_bucket, tuple(marts)

    def table(layer: str, name: str, columns: Mapping[str, str], text: str) -> CatalogTable:
        database = {"silver": lake.silver_database, "gold": lake.gold_database}.get(
            layer, lake.ops_database
        )
        location = layout.uri(bucket, layout.table_prefix(layer, name))
        table_input = _table_input(name, columns, text, location)
        return CatalogTable(database, lineage.described(table_input, lake, marts))

    found = [
        table("silver", contract.silver_table, clean_columns(contract), contract.description)
        for contract in lake.contracts
    ]
    found += [
        table("silver", "sales", SALES_COLUMNS, "All channels, one row per sale or return line"),
        table("ops", "quarantine", QUARANTINE_COLUMNS, "Refused rows with reason, file and row"),
        table("ops", "run_ledger", RUN_LEDGER_COLUMNS, "Per file: what became of its rows"),
        _json(table("ops", "quality_results", QUALITY_RESULTS_COLUMNS, "Results of all checks")),
        _json(table("ops", "run_costs", RUN_COSTS_COLUMNS, "What AWS bills for each execution")),
        _json(table("ops", "restatements", RESTATEMENTS_COLUMNS, "Published values that changed")),
        _pointer(lake, bucket),
        # Nothing lies at its location: each of its partitions is the file of one version.
        _json(table("ops", HISTORY, PUBLISHED_COLUMNS, "What each kept version of it names")),
    ]
    return found + [
        table(
            "gold",
            mart.name,
            {column.name: column.type for column in mart.data_columns},
            mart.description,
        )
        for mart in marts
    ]


def clean_columns(contract: Contract) -> dict[str, str]:
    """Columns of a dataset's silver table without its partition keys, in order."""
    stored = {column.stored_name: column.stored_type for column in contract.columns}
    return {**stored, **PROVENANCE_COLUMNS}


def _table_input(
    name: str, columns: Mapping[str, str], description: str, location: str
) -> dict[str, Any]:
    keys = layout.partition_keys(name)
    return {
        "Name": name,
        "Description": description[:2048],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "PartitionKeys": [{"Name": key, "Type": _PARTITION_TYPES[key]} for key in keys],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
            "Location": location,
            **_PARQUET,
        },
    }


def _json(table: CatalogTable) -> CatalogTable:
    """The same table, over JSON Lines."""
    table_input = dict(table.table_input)
    table_input["Parameters"] = {"EXTERNAL": "TRUE", "classification": "json"}
    table_input["StorageDescriptor"] = {**table_input["StorageDescriptor"], **_JSON_LINES}
    return CatalogTable(table.database, table_input, table.create_only)


def _pointer(lake: Lake, bucket: str) -> CatalogTable:
    location = layout.uri(bucket, layout.EMPTY_POINTER_PREFIX)
    text = "Which release readers see of each partition; moved by publications only"
    table_input = _table_input("published", PUBLISHED_COLUMNS, text, location)
    table_input["PartitionKeys"] = []
    return CatalogTable(
        lake.ops_database, _json(CatalogTable("", table_input)).table_input, create_only=True
    )
