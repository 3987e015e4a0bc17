"""Releases of a small lake, built without Spark: silver files of a few sales, gold by real CTAS."""

import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from include.lake import layout
from include.lake.catalog import SALES_COLUMNS
from include.lake.contracts import load_lake
from include.lake.deployment import Deployment
from include.lake.marts import load_marts
from include.lake.releases import Pointer
from include.laptop.published import objects
from retail_lake.hooks.catalog import CatalogHook
from tests.integration.crash.tasks import Run, Worker

LAKE, MARTS = load_lake(), load_marts()
DAYS = (date(2024, 7, 1), date(2024, 7, 2))
TOKEN = "00000000000000aa"
TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "decimal(18,2)": pa.decimal128(18, 2),
}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in SALES_COLUMNS.items()])
UNFINISHED = ("QUEUED", "RUNNING")
#: Sha256 of the files of each published partition.
Hashes = Mapping[tuple[str, ...], Sequence[str]]
#: Files by mart and day.
Files = Mapping[str, Mapping[str, Sequence[bytes]]]
#: Contents that releases alternate between; each gives other numbers in every mart.
CONTENTS = 4


def sales(content: int) -> Iterator[dict[str, Any]]:
    """The sales of a content by day; the last content has none on the second day."""
    for place, day in enumerate(DAYS[: 1 if content == CONTENTS - 1 else 2]):
        for number in range(3 + content):
            price = Decimal(100 * (content + 1) + number) / 100
            quantity = 1 + number + place
            yield {
                "transaction_id": f"T{day:%d}{number}",
                "channel": ("web", "store")[number % 2],
                "sold_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC).replace(
                    tzinfo=None
                ),
                "product_id": f"P{number}",
                "product_name": f"Product {number}",
                "category": ("Food", "Toys", "Books")[(number + content) % 3],
                "quantity": quantity,
                "unit_price": price,
                "total_amount": price * quantity,
                "calculated_total": price * quantity,
                "amount_matches": True,
                "customer_token": f"customer {number}",
                "region": ("North", "South")[number % 2],
                "store_id": f"S{number % 2}",
                "payment_method": "Cash",
                "is_return": False,
                "source_file": f"bronze/{content}",
                "source_row": number,
                "ingest_date": day,
            }


def revenue(content: int) -> Decimal:
    """What all of it is worth."""
    return sum((row["total_amount"] for row in sales(content)), Decimal(0))


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A silver file."""
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), file)
    return file.getvalue()


@dataclass
class Publications:
    """Builds releases and makes the runs whose task `publish` publishes them.

    Attributes:
        files: of the marts, by content and days.
    """

    deployed: Deployment
    worker: Worker
    files: dict[tuple[int, tuple[date, ...]], Files] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.s3, self.athena = boto3.client("s3"), boto3.client("athena")
        self.glue = boto3.client("glue")

    def build(self, content: int, days: Sequence[date] = DAYS) -> Run:
        """Build a release on what is published; return the run at the point where it would publish.

        Args:
            content: which of the CONTENTS.
            days: of it.
        """
        number = self.worker.number("publication")
        name = f"r{DAYS[0]:%Y%m%d}_{number:012x}"
        run = Run(self.worker, "retail_sales_daily", f"publication {number}")
        run.give("open_release", return_value={"release": name})
        run.give(
            "check_drift",
            return_value={
                "inputs": self._write(layout.inputs_key(name), inputs(name, days)),
                "base_location": self.location(),
            },
        )
        manifest = self._silver(name, content, days)
        run.give(
            "bronze_to_silver",
            return_value={
                "manifest": self._write(layout.silver_manifest_key(name, TOKEN), manifest)
            },
        )
        run.give("restatements", days=[], return_value={})
        for mart, table in self._gold(name, content, days).items():
            run.give(f"gold.build_{mart}", return_value={"staged_table": table})
            run.give(f"gold.check_{mart}", return_value={"observed": {"rows_exist": "1"}})
        return run

    def location(self) -> str:
        """Where the pointer lies."""
        return str(
            CatalogHook().table(LAKE.ops_database, "published")["StorageDescriptor"]["Location"]
        )

    def _uri(self, key: str) -> str:
        return layout.uri(self.deployed.lake_bucket, key)

    def _write(self, key: str, document: Mapping[str, Any]) -> str:
        body = json.dumps(document).encode()
        self.s3.put_object(Bucket=self.deployed.lake_bucket, Key=key, Body=body)
        return self._uri(key)

    def _silver(self, name: str, content: int, days: Sequence[date]) -> dict[str, Any]:
        """Write and register the sales; return what the job's manifest would say."""
        partitions = []
        for day in days:
            rows = [row for row in sales(content) if row["ingest_date"] == day]
            if rows:
                prefix = f"{layout.run_prefix('silver', 'sales', name, TOKEN)}sale_date={day}/"
                self.s3.put_object(
                    Bucket=self.deployed.lake_bucket, Key=f"{prefix}0.parquet", Body=parquet(rows)
                )
                place = {"values": [str(day), name], "location": self._uri(prefix)}
                partitions.append({**place, "rows": len(rows)})
        CatalogHook().register(LAKE.silver_database, "sales", partitions)
        return {
            "release": name,
            "affected_days": list(map(str, days)),
            "tables": [{"table": "sales", "partitions": partitions}],
        }

    def _gold(self, name: str, content: int, days: Sequence[date]) -> dict[str, str]:
        """Stage all marts; return the table of each."""
        tables = {mart.name: staged(mart.name, name) for mart in MARTS}
        found = self.files.get((content, tuple(days)))
        if found is None:
            self._create(name)
            self.files[content, tuple(days)] = {
                mart: self._read(table) for mart, table in tables.items()
            }
        else:
            for mart, table in tables.items():
                self._copy(name, mart, table, found[mart])
        return tables

    def _create(self, name: str) -> None:
        """Build all marts by their CTAS, at once."""
        running = []
        for mart in MARTS:
            folder = self._uri(layout.gold_prefix(mart.name, name, 1))
            answer = self.athena.start_query_execution(
                QueryString=mart.ctas(staged(mart.name, name), folder, name),
                WorkGroup=self.deployed.pipeline_workgroup,
            )
            running.append(answer["QueryExecutionId"])
        for execution in running:
            wait_for(self.athena, execution)

    def _read(self, table: str) -> dict[str, list[bytes]]:
        """The files of a staged table by day."""
        return {
            one["values"][0]: [body for _, body in objects(one["location"])]
            for one in CatalogHook().partitions(*table.split("."))
        }

    def _copy(self, name: str, mart: str, table: str, files: Mapping[str, Sequence[bytes]]) -> None:
        """Stage a mart with files of its own, as a CTAS made them for the first release like it.

        That a CTAS makes the same bytes again: `test_chain_crashes.py`.
        """
        partitions = []
        for day, bodies in files.items():
            folder = f"{layout.gold_prefix(mart, name, 1)}sale_date={day}/"
            for number, body in enumerate(bodies):
                key = f"{folder}{number}.parquet"
                self.s3.put_object(Bucket=self.deployed.lake_bucket, Key=key, Body=body)
            partitions.append({"values": [day], "location": self._uri(folder)})
        database, new = table.split(".")
        published = CatalogHook().table(database, mart)
        self.glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": new,
                "TableType": "EXTERNAL_TABLE",
                "StorageDescriptor": published["StorageDescriptor"],
                "PartitionKeys": published["PartitionKeys"][:1],
            },
        )
        CatalogHook().register(database, new, partitions)


def staged(mart: str, name: str) -> str:
    """The table of a mart that is built and not published."""
    return layout.staged_table(LAKE.gold_database, mart, name, 1)


def hashes(pointer: Pointer) -> Hashes:
    """What readers see, byte by byte."""
    database = {"sales": LAKE.silver_database}
    found = {}
    for row in pointer:
        place = database.get(row.table, LAKE.gold_database)
        (location,) = CatalogHook().locations(place, row.table, [row.partition_values]).values()
        digests = [hashlib.sha256(body).hexdigest() for _, body in objects(location)]
        found[row.key] = sorted(digests)
    return found


def inputs(name: str, days: Sequence[date]) -> dict[str, Any]:
    """What is needed of a release's input list."""
    return {"release": name, "window": {"from": str(days[0]), "to": str(days[-1])}}


def wait_for(athena: Any, execution: str) -> None:
    """Wait until a query has succeeded."""
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] not in UNFINISHED:
            break
        time.sleep(0.02)
    assert status["State"] == "SUCCEEDED", status
