"""An Athena on the shared MiniStack: a database, a bucket, and a client that runs statements."""

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.local_aws import athena, catalog
from include.local_aws.front.context import Context, Handler

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON = "org.openx.data.jsonserde.JsonSerDe"
WAIT_SECONDS = 60


@dataclass
class Athena:
    """Runs statements through the handlers, as the front does.

    Attributes:
        context: surroundings of the handlers.
        handlers: all Athena and Glue handlers.
        bucket: a bucket of this test's own.
        database: a Glue database of this test's own.
    """

    context: Context
    handlers: dict[str, Handler]
    bucket: str
    database: str

    def call(self, action: str, **request: Any) -> dict[str, Any]:
        """Call an Athena action."""
        return self.handlers[f"AmazonAthena.{action}"](request)

    def glue(self, action: str, **request: Any) -> dict[str, Any]:
        """Call a Glue action."""
        target = f"AWSGlue.{action}"
        handler = self.handlers.get(target)
        return handler(request) if handler else self.context.forward(target, request)

    def start(self, sql: str, **request: Any) -> str:
        """Start a statement in the test's database; results go to the test's bucket."""
        defaults = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"},
        }
        return str(self.call("StartQueryExecution", **{**defaults, **request})["QueryExecutionId"])

    def wait(self, identity: str) -> dict[str, Any]:
        """Wait for a statement's end and give its QueryExecution."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            execution = self.call("GetQueryExecution", QueryExecutionId=identity)["QueryExecution"]
            if execution["Status"]["State"] not in {"QUEUED", "RUNNING"}:
                return dict(execution)
            time.sleep(0.01)
        raise AssertionError(f"query {identity} did not end in {WAIT_SECONDS} s")

    def run(self, sql: str, **request: Any) -> dict[str, Any]:
        """Run a statement that must succeed and give its QueryExecution."""
        execution = self.wait(self.start(sql, **request))
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return execution

    def fails(self, sql: str, **request: Any) -> str:
        """Run a statement that must fail and give its StateChangeReason."""
        execution = self.wait(self.start(sql, **request))
        assert execution["Status"]["State"] == "FAILED", execution["Status"]
        return str(execution["Status"]["StateChangeReason"])

    def rows(self, sql: str, **request: Any) -> list[tuple[str | None, ...]]:
        """Run a query and give its rows as text, without the header."""
        return self.result(self.run(sql, **request)["QueryExecutionId"])[1:]

    def result(self, identity: str) -> list[tuple[str | None, ...]]:
        """Give all result rows of a statement, the header included."""
        rows: list[tuple[str | None, ...]] = []
        token: dict[str, Any] = {}
        while True:
            page = self.call("GetQueryResults", QueryExecutionId=identity, **token)
            for row in page["ResultSet"]["Rows"]:
                rows.append(tuple(cell.get("VarCharValue") for cell in row["Data"]))
            if "NextToken" not in page:
                return rows
            token = {"NextToken": page["NextToken"]}

    def put(self, key: str, body: bytes | str) -> None:
        """Put an object into the test's bucket."""
        self.context.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def put_parquet(self, key: str, columns: dict[str, pa.Array], **options: Any) -> bytes:
        """Put a Parquet file and give its bytes."""
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, **options)
        self.put(key, sink.getvalue())
        return sink.getvalue()

    def get(self, key: str) -> bytes:
        """Give the bytes of an object of the test's bucket."""
        return bytes(
            self.context.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        )

    def keys(self, prefix: str) -> list[str]:
        """List the keys under a prefix of the test's bucket."""
        page = self.context.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for item in page.get("Contents", [])]

    def table(
        self,
        name: str,
        columns: Sequence[tuple[str, str]],
        keys: Sequence[tuple[str, str]] = (),
        *,
        serde: str = PARQUET,
        serde_parameters: dict[str, str] | None = None,
        parameters: dict[str, str] | None = None,
        prefix: str | None = None,
    ) -> None:
        """Create an external table at `<bucket>/<prefix>`; the prefix defaults to its name."""
        self.glue(
            "CreateTable",
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": parameters or {},
                "PartitionKeys": [{"Name": n, "Type": t} for n, t in keys],
                "StorageDescriptor": self.storage(columns, serde, serde_parameters, prefix or name),
            },
        )

    def storage(
        self,
        columns: Sequence[tuple[str, str]],
        serde: str,
        serde_parameters: dict[str, str] | None,
        prefix: str,
    ) -> dict[str, Any]:
        """Describe storage for the Glue catalog."""
        return {
            "Columns": [{"Name": n, "Type": t} for n, t in columns],
            "Location": f"s3://{self.bucket}/{prefix}",
            "InputFormat": "in",
            "OutputFormat": "out",
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": serde_parameters or {}},
        }

    def partition(self, table: str, values: Sequence[str], prefix: str) -> None:
        """Register a partition at `<bucket>/<prefix>`."""
        described = self.glue("GetTable", DatabaseName=self.database, Name=table)["Table"]
        storage = {**described["StorageDescriptor"], "Location": f"s3://{self.bucket}/{prefix}"}
        self.glue(
            "CreatePartition",
            DatabaseName=self.database,
            TableName=table,
            PartitionInput={"Values": list(values), "StorageDescriptor": storage},
        )


@pytest.fixture
def engine(context: Context, bucket: str, unique: str) -> Iterator[Athena]:
    """An Athena with an empty database and an empty bucket."""
    handlers = {**catalog.actions(context), **athena.actions(context)}
    made = Athena(context, handlers, bucket, f"db_{unique}")
    made.glue("CreateDatabase", DatabaseInput={"Name": made.database})
    yield made
    context.shutdown()


@pytest.fixture
def sales(engine: Athena) -> Athena:
    """An Athena with `sales`: 3 days of 4 rows in Parquet, partitioned by sale_date and release."""
    engine.table(
        "sales",
        [("id", "bigint"), ("product", "string"), ("quantity", "int"), ("amount", "decimal(18,2)")],
        [("sale_date", "date"), ("release", "string")],
    )
    for day in (1, 2, 3):
        prefix = f"sales/release=r1/run=x/sale_date=2024-05-0{day}"
        engine.put_parquet(
            f"{prefix}/part-0.parquet",
            {
                "id": pa.array([day * 10 + i for i in range(4)], pa.int64()),
                "product": pa.array(["a", "b", "a", None]),
                "quantity": pa.array([1, 2, 3, -1], pa.int32()),
                "amount": pa.array([f"{day}.10", "2.00", "3.05", "-1.00"], pa.string()).cast(
                    pa.decimal128(18, 2)
                ),
            },
        )
        engine.partition("sales", [f"2024-05-0{day}", "r1"], prefix)
    return engine
