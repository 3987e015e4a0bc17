"""Tables and partitions of the Glue Data Catalog, through boto3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from awsglue.errors import NotSupportedHere
from awsglue.reading import known_format

SERDES = {
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "csv": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "orc": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
}
INPUTS = {
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "orc": "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat",
}
OUTPUTS = {
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "orc": "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat",
}
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
NOT_INPUT = {"DatabaseName", "CreateTime", "UpdateTime", "CreatedBy", "CatalogId", "VersionId"} | {
    "IsRegisteredWithLakeFormation",
    "IsMultiDialectView",
    "FederatedTable",
    "Status",
}
MOST_PARTITIONS = 100
"""Per BatchCreatePartition call (Glue API reference)."""


@cache
def client() -> Any:
    """The Glue client of the run."""
    return boto3.client("glue")


@dataclass(frozen=True)
class Partition:
    """Values of the partition keys, as text, and where the files are."""

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Table:
    """A table as the readers and sinks need it.

    Attributes:
        database: Its database.
        name: Its name.
        location: Of its files.
        kind: `json`, `csv`, `parquet`, `orc` or `xml`.
        columns: Hive types by name, without partition keys.
        keys: Hive types of the partition keys, in order.
        options: Format options that its SerDe and parameters amount to.
        document: As the API gave it.
    """

    database: str
    name: str
    location: str
    kind: str
    columns: Mapping[str, str]
    keys: Mapping[str, str]
    options: Mapping[str, Any]
    document: Mapping[str, Any] = field(repr=False)

    def partitions(self, expression: str = "") -> list[Partition]:
        """The registered partitions that a catalog expression lets through."""
        asked = {"DatabaseName": self.database, "TableName": self.name}
        if expression:
            asked["Expression"] = expression
        pages = client().get_paginator("get_partitions").paginate(**asked)
        return [
            Partition(tuple(item["Values"]), item["StorageDescriptor"]["Location"])
            for page in pages
            for item in page["Partitions"]
        ]


def document(database: str, name: str) -> dict[str, Any]:
    """A table as the API gives it."""
    found: dict[str, Any] = client().get_table(DatabaseName=database, Name=name)["Table"]
    return found


def table(database: str, name: str) -> Table:
    """Read a table.

    Raises:
        NotSupportedHere: It is a view, not in S3, or of a format that cannot be read here.
        EntityNotFoundException: There is none.
    """
    found = document(database, name)
    storage = found.get("StorageDescriptor") or {}
    location = storage.get("Location", "")
    if not location.startswith(("s3://", "s3a://")):
        raise NotSupportedHere(f"table {database}.{name} at {location!r}: only tables in S3 are")
    kind = _kind(found)
    return Table(
        database,
        found["Name"],
        location,
        kind,
        {column["Name"]: column.get("Type", "string") for column in storage.get("Columns", [])},
        {key["Name"]: key.get("Type", "string") for key in found.get("PartitionKeys") or []},
        OPTIONS[kind](found) if kind in OPTIONS else {},
        found,
    )


def _kind(document: Mapping[str, Any]) -> str:
    storage = document["StorageDescriptor"]
    serde = (storage.get("SerdeInfo") or {}).get("SerializationLibrary", "").lower()
    words = {"json": "json", "parquet": "parquet", "orc": "orc", "csv": "csv", "lazy": "csv"}
    for word, kind in words.items():
        if word in serde:
            return kind
    return known_format((document.get("Parameters") or {}).get("classification"))


def _csv_options(document: Mapping[str, Any]) -> dict[str, Any]:
    serde = document["StorageDescriptor"].get("SerdeInfo", {}).get("Parameters") or {}
    parameters = document.get("Parameters") or {}
    lines = parameters.get("skip.header.line.count", serde.get("skip.header.line.count", "0"))
    if lines not in ("0", "1"):
        raise NotSupportedHere(f"skip.header.line.count {lines}: 0 and 1 are")
    options: dict[str, Any] = {"withHeader": lines == "1"}
    separator = serde.get("separatorChar") or serde.get("field.delim") or serde.get("delimiter")
    options["separator"] = separator or parameters.get("delimiter") or ","
    if serde.get("quoteChar"):
        options["quoteChar"] = serde["quoteChar"]
    if serde.get("escapeChar"):
        options["escaper"] = serde["escapeChar"]
    return options


def _xml_options(document: Mapping[str, Any]) -> dict[str, Any]:
    parameters = document.get("Parameters") or {}
    return {"rowTag": parameters["rowTag"]} if parameters.get("rowTag") else {}


OPTIONS = {"csv": _csv_options, "xml": _xml_options}


def storage(location: str, kind: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """A StorageDescriptor."""
    parameters = {"parquet": {"serialization.format": "1"}, "csv": {"field.delim": ","}}
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        "Location": location,
        "InputFormat": INPUTS.get(kind, TEXT_INPUT),
        "OutputFormat": OUTPUTS.get(kind, TEXT_OUTPUT),
        "SerdeInfo": {
            "SerializationLibrary": SERDES[kind],
            "Parameters": parameters.get(kind, {}),
        },
    }


def create(
    database: str,
    name: str,
    location: str,
    kind: str,
    columns: Mapping[str, str],
    keys: Sequence[tuple[str, str]],
) -> None:
    """Create a table for files that were written."""
    header = {"skip.header.line.count": "1"} if kind == "csv" else {}
    client().create_table(
        DatabaseName=database,
        TableInput={
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": kind, "EXTERNAL": "TRUE"} | header,
            "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
            "StorageDescriptor": storage(location, kind, columns),
        },
    )


def add_columns(existing: Table, columns: Mapping[str, str]) -> None:
    """Give a table the columns that it lacks and the types that changed."""
    merged = {**existing.columns, **columns}
    if merged == existing.columns:
        return
    document = {key: value for key, value in existing.document.items() if key not in NOT_INPUT}
    listed = [{"Name": name, "Type": kind} for name, kind in merged.items()]
    document["StorageDescriptor"] = {**document["StorageDescriptor"], "Columns": listed}
    client().update_table(DatabaseName=existing.database, TableInput=document)


def add_partitions(existing: Table, partitions: Sequence[Partition]) -> None:
    """Register partitions; those that are registered stay as they are.

    Raises:
        RuntimeError: One could not be registered.
    """
    for start in range(0, len(partitions), MOST_PARTITIONS):
        batch = [
            {
                "Values": list(partition.values),
                "StorageDescriptor": {
                    **existing.document["StorageDescriptor"],
                    "Location": partition.location,
                },
            }
            for partition in partitions[start : start + MOST_PARTITIONS]
        ]
        answer = client().batch_create_partition(
            DatabaseName=existing.database, TableName=existing.name, PartitionInputList=batch
        )
        for error in answer.get("Errors", []):
            if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException":
                raise RuntimeError(f"{existing.name} {error['PartitionValues']}: {error}")


def drop_partitions(existing: Table, values: Sequence[Sequence[str]]) -> None:
    """Remove partitions from the catalog."""
    for start in range(0, len(values), 25):
        client().batch_delete_partition(
            DatabaseName=existing.database,
            TableName=existing.name,
            PartitionsToDelete=[{"Values": list(item)} for item in values[start : start + 25]],
        )
