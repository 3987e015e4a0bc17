"""A small lake on a real catalog: what the release operators are tested on."""

import json
from dataclasses import dataclass
from typing import Any

from include.lake import layout, releases
from include.lake.contracts import Lake
from retail_lake.operators.publish import PublishOperator

DAY = "2025-03-01"
MART = "daily_sales"
PARQUET = {
    "Columns": [{"Name": "revenue", "Type": "decimal(18,2)"}],
    "SerdeInfo": {"SerializationLibrary": "parquet"},
}


def release(number: int) -> str:
    """A release id of the day."""
    return f"r20250301_{number:012x}"


@dataclass
class World:
    """A bucket and databases with the pointer, one mart and the crawled bronze tables."""

    bucket: str
    database: str
    lake: Lake
    glue: Any
    s3: Any
    context: dict[str, Any]

    @property
    def pointer(self) -> tuple[str, str]:
        return self.database, "published"

    def table(self, name: str, keys: dict[str, str], descriptor: dict[str, Any]) -> None:
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys.items()],
                "StorageDescriptor": {"Location": f"s3://{self.bucket}/{name}/", **descriptor},
            },
        )

    def put(self, key: str, body: bytes = b"") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def write(self, key: str, document: dict[str, Any]) -> str:
        self.put(key, json.dumps(document).encode())
        return f"s3://{self.bucket}/{key}"

    def read(self, address: str) -> str:
        key = address.removeprefix(f"s3://{self.bucket}/")
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def location(self) -> str:
        table = self.glue.get_table(DatabaseName=self.database, Name="published")["Table"]
        return str(table["StorageDescriptor"]["Location"])

    def published(self) -> dict[tuple[str, str], str]:
        """What readers see: (table, business day) → release."""
        pointer = releases.parse_pointer(self.read(f"{self.location()}pointer.jsonl"))
        return {(row.table, str(row.sale_date)): row.release for row in pointer}

    def history(self) -> dict[str, str]:
        """Location of every version that the pointer's history has."""
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName="published_history"
        )
        listed = [one for page in pages for one in page["Partitions"]]
        found = {one["Values"][0]: one["StorageDescriptor"]["Location"] for one in listed}
        assert len(found) == len(listed), "a version has one partition"
        return found

    def stage(self, name: str, attempt: int = 1) -> str:
        """A mart that is built for the day and not published."""
        table = f"{MART}__{name}_{attempt}"
        self.table(table, {"sale_date": "date"}, PARQUET)
        self.glue.batch_create_partition(
            DatabaseName=self.database,
            TableName=table,
            PartitionInputList=[
                {
                    "Values": [DAY],
                    "StorageDescriptor": {
                        **PARQUET,
                        "Location": f"s3://{self.bucket}/gold/{name}/try={attempt}/",
                    },
                }
            ],
        )
        return f"{self.database}.{table}"

    def publisher(self, name: str, base: str, stage: bool = True) -> PublishOperator:
        """The operator for a release of the day that was built on a state."""
        days = {"window": {"from": DAY, "to": DAY}, "datasets": {"ecommerce_orders": []}}
        listed = self.write(f"{name}/inputs.json", {"release": name, **days})
        row = {"values": [DAY, DAY, name], "location": "s3://b/clean/", "rows": 12}
        sales = {"values": [DAY, name], "location": "s3://b/sales/", "rows": 12}
        tables = [
            {"table": "clean_ecommerce_orders", "partitions": [row]},
            {"table": "sales", "partitions": [sales]},
        ]
        document = {"release": name, "affected_days": [DAY], "tables": tables}
        return PublishOperator(
            task_id="publish",
            release=name,
            inputs=listed,
            manifest=self.write(f"{name}/silver.json", document),
            base_location=base,
            bucket=self.bucket,
            staged={MART: self.stage(name) if stage else f"{self.database}.{MART}__{name}_1"},
            pointer=self.pointer,
            layout=layout,
            rules=releases,
        )
