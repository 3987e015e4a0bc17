"""Our tables in a local AWS of its own, filled by hand: no Airflow, no job, no crawler."""

import io
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from include.infrastructure.tables import apply_tables
from include.lake import catalog, contracts, deployment, layout, marts

ROOT = Path(__file__).parents[1]
GLUE_PYTHON = ROOT / ".venv-glue" / "bin" / "python"
DEPLOYMENT = deployment.load(ROOT / "tests" / "integration" / "deployment.json")
LAKE = contracts.load_lake()
MARTS = {mart.name: mart for mart in marts.load_marts()}

Row = dict[str, Any]


class LocalLake:
    """The lake's catalog over an empty bucket.

    Attributes:
        glue: boto3 client.
        s3: boto3 client.
    """

    def __init__(self) -> None:
        self.glue, self.s3, self._athena = map(boto3.client, ("glue", "s3", "athena"))
        self._tables: dict[str, dict[str, Any]] = {}
        for bucket in (DEPLOYMENT.lake_bucket, DEPLOYMENT.results_bucket):
            self.s3.create_bucket(Bucket=bucket)
        tables = catalog.tables(LAKE, MARTS.values(), DEPLOYMENT)
        for database in sorted({table.database for table in tables}):
            self.glue.create_database(DatabaseInput={"Name": database})
        apply_tables(self.glue, self.s3, tables, lambda _: None)

    def put(
        self, database: str, table: str, values: Sequence[str], rows: Sequence[Row]
    ) -> tuple[str, bytes]:
        """Adds a partition with one Parquet file of these rows; gives its folder and the file."""
        file = self.file(database, table, rows)
        (location,) = self.add(database, table, {tuple(values): file})
        return location, file

    def file(self, database: str, table: str, rows: Sequence[Row]) -> bytes:
        """A Parquet file for a table, as the job writes it."""
        columns = self._table(database, table)["StorageDescriptor"]["Columns"]
        schema = pa.schema([(each["Name"], arrow_type(each["Type"])) for each in columns])
        known = [{name: row.get(name) for name in schema.names} for row in rows]
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(known, schema), file, compression="zstd")
        return file.getvalue()

    def add(self, database: str, table: str, files: Mapping[tuple[str, ...], bytes]) -> list[str]:
        """Adds partitions of one file each, by their values; gives their folders."""
        definition = self._table(database, table)
        keys = [key["Name"] for key in definition["PartitionKeys"]]
        root = definition["StorageDescriptor"]["Location"].rstrip("/")
        folders = {
            values: root
            + "".join(f"/{key}={value}" for key, value in zip(keys, values, strict=True))
            for values in files
        }
        for values, folder in folders.items():
            self._upload(f"{folder}/part-0.parquet", files[values])
        locations = {values: f"{folder}/" for values, folder in folders.items()}
        self.register(database, table, locations)
        return list(locations.values())

    def register(self, database: str, table: str, locations: Mapping[tuple[str, ...], str]) -> None:
        """Adds partitions that lie in folders."""
        storage = self._table(database, table)["StorageDescriptor"]
        partitions = [
            {"Values": list(values), "StorageDescriptor": {**storage, "Location": location}}
            for values, location in locations.items()
        ]
        for start in range(0, len(partitions), 100):
            answer = self.glue.batch_create_partition(
                DatabaseName=database,
                TableName=table,
                PartitionInputList=partitions[start : start + 100],
            )
            assert not answer.get("Errors"), answer["Errors"]

    def publish(self, rows: Sequence[Mapping[str, str | None]], pointer: str) -> None:
        """Makes these partitions the published ones."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        location = f"s3://{DEPLOYMENT.lake_bucket}/ops/published/{pointer}/"
        self._upload(location + layout.POINTER_FILE, text.encode())
        table = self.glue.get_table(DatabaseName=LAKE.ops_database, Name="published")["Table"]
        kept = ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
        table_input = {key: table[key] for key in kept}
        table_input["StorageDescriptor"]["Location"] = location
        self.glue.update_table(DatabaseName=LAKE.ops_database, TableInput=table_input)

    def query(self, sql: str) -> tuple[list[Row], dict[str, Any]]:
        """Rows (texts, None for NULL) and statistics of a statement."""
        results = f"s3://{DEPLOYMENT.results_bucket}/"
        query = self._athena.start_query_execution(
            QueryString=sql, ResultConfiguration={"OutputLocation": results}
        )["QueryExecutionId"]
        while True:
            found = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        assert found["Status"]["State"] == "SUCCEEDED", f"{found['Status']}\n{sql}"
        pages = self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        lines = [
            [cell.get("VarCharValue") for cell in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]] if lines else []
        return rows, dict(found["Statistics"])

    def files(self, location: str) -> dict[str, bytes]:
        """Objects below a folder, by address."""
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {
            f"s3://{bucket}/{item['Key']}": self.s3.get_object(Bucket=bucket, Key=item["Key"])[
                "Body"
            ].read()
            for page in pages
            for item in page.get("Contents", [])
        }

    def rows(self, location: str, columns: Mapping[str, str]) -> list[Row]:
        """Rows of the Parquet files below a folder."""
        schema = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
        return [
            row
            for body in self.files(location).values()
            for row in pq.read_table(io.BytesIO(body)).select(schema.names).to_pylist()
        ]

    def _table(self, database: str, table: str) -> dict[str, Any]:
        name = f"{database}.{table}"
        if name not in self._tables:
            found = self.glue.get_table(DatabaseName=database, Name=table)["Table"]
            self._tables[name] = found
        return self._tables[name]

    def _upload(self, address: str, body: bytes) -> None:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)


@contextmanager
def local_lake(folder: Path) -> Iterator[LocalLake]:
    """One whose state lies in a folder; everything ends with the block."""
    command = [str(GLUE_PYTHON), "-m", "include.local_aws"]
    state = ["--state", str(folder)]
    before = dict(os.environ)
    try:
        up = subprocess.run(
            [*command, "up", *state], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert up.returncode == 0, up.stderr
        for line in shlex.split(up.stdout):
            name, equals, value = line.partition("=")
            if equals:
                os.environ[name] = value
        yield LocalLake()
    finally:
        subprocess.run([*command, "down", *state], cwd=ROOT, capture_output=True, check=True)
        moved = folder / "database" / "moved-to"  # root's PostgreSQL lives elsewhere
        if moved.exists():
            shutil.rmtree(moved.read_text().strip())
        os.environ.clear()
        os.environ.update(before)


def arrow_type(kind: str) -> pa.DataType:
    """The type in Parquet of a column of the catalog."""
    if kind.startswith("decimal"):
        return pa.decimal128(*map(int, kind[8:-1].split(",")))
    simple = {
        "string": pa.string(),
        "bigint": pa.int64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us"),
    }
    return simple[kind]


def column_bytes(file: bytes, columns: Sequence[str] | None = None) -> int:
    """Compressed bytes of a Parquet file's column chunks: of all columns, or of some."""
    footer = pq.ParquetFile(io.BytesIO(file)).metadata
    return sum(
        chunk.total_compressed_size
        for group in range(footer.num_row_groups)
        for number in range(footer.num_columns)
        for chunk in [footer.row_group(group).column(number)]
        if columns is None or chunk.path_in_schema in columns
    )
