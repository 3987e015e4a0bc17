"""A table of tills, and what the tests of its extract share."""

import io
from datetime import date
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from pyarrow import parquet as pq

from retail_lake.hooks.snapshot import Extract, ExtractColumn
from retail_lake.operators.extract import PostgresToS3ParquetOperator

COLUMNS = (
    ExtractColumn("id", "string"),
    ExtractColumn("sold_at", "timestamp"),
    ExtractColumn("note", "string"),
    ExtractColumn("amount", "decimal", 18, 2),
    ExtractColumn("quantity", "integer"),
    ExtractColumn("day", "date"),
    ExtractColumn("is_return", "boolean"),
)
EXTRACT = Extract("public", "tills", COLUMNS, ("id",), "sold_at")
DDL = """
DROP TABLE IF EXISTS public.tills;
CREATE TABLE public.tills (
  id text PRIMARY KEY, sold_at timestamptz NOT NULL, note text, amount numeric(18,2),
  quantity integer, day date, is_return boolean, secret_column text)
"""


class Layout:
    """Keys like the lake's."""

    def extract_staging_key(self, token: str) -> str:
        return f"staging/{token}.parquet"

    def extract_key(self, dataset: str, day: date, sha16: str) -> str:
        return f"bronze/{dataset}/ingest_date={day}/{sha16}.parquet"

    def extract_manifest_key(self, dataset: str, day: date, sha16: str) -> str:
        return f"bronze/{dataset}/ingest_date={day}/_manifest-{sha16}.json"


def contract(extract: Extract) -> Any:
    """A contract that says what the extract says, with other names in silver."""
    columns = [
        SimpleNamespace(
            source=column.name,
            type=column.type,
            precision=column.precision,
            scale=column.scale,
            primary_key=1 if column.name in extract.order_by else None,
        )
        for column in extract.columns
    ]
    return SimpleNamespace(
        dataset="tills",
        source=SimpleNamespace(
            schema=extract.schema, table=extract.table, business_time="business_time"
        ),
        delivered_columns=columns,
        column=lambda name: SimpleNamespace(source=extract.time_column),
    )


def make_operator(bucket: str, extract: Extract = EXTRACT) -> PostgresToS3ParquetOperator:
    """Make the operator; `days` is the day of the clock change."""
    return PostgresToS3ParquetOperator(
        task_id="extract_tills",
        secret_id="tills",
        contract=contract(extract),
        days=["2025-03-30"],
        time_zone="Europe/London",
        bucket=bucket,
        layout=Layout(),
    )


def keys(s3: Any, bucket: str) -> list[str]:
    """List every key of a bucket."""
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def read(s3: Any, bucket: str, key: str) -> pa.Table:
    """Read a Parquet object."""
    return pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))


def insert(cursor: Any, *rows: tuple[Any, ...]) -> None:
    """Insert rows of the seven read columns."""
    for row in rows:
        cursor.execute(
            "INSERT INTO public.tills (id, sold_at, note, amount, quantity, day, is_return) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            row,
        )
