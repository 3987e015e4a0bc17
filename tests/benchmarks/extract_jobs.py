"""The contestants of P1 and P2, one per process: `-m tests.benchmarks.extract_jobs JOB ROWS`.

Prints a JSON object: seconds from connecting to the end, rows, most resident memory. What has to be
loaded first is loaded before the clock starts. Runs in Airflow's environment.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2

from tests.benchmarks.extract import START_SECONDS

#: name, database type, declared type, value of row i (NULL where nothing is known)
COLUMNS = (
    ("transaction_id", "text NOT NULL", "string", "'T' || lpad(i::text, 10, '0')"),
    ("store_id", "text NOT NULL", "string", "'store-' || i % 250"),
    (
        *("sold_at", "timestamptz NOT NULL", "timestamp"),
        "'2025-03-28Z'::timestamptz + i * '7ms'::interval",
    ),
    ("product_id", "text NOT NULL", "string", "'P' || (i * 7919) % 40000"),
    (
        *("product_name", "text", "string"),
        "CASE WHEN i % 11 > 0 THEN 'Käse № ' || (i * 7919) % 40000 || ', gereift' END",
    ),
    (
        *("category", "text", "string"),
        "(ARRAY['Grocery', 'Électronique', 'Home & Garden', '玩具', NULL])[1 + i % 5]",
    ),
    ("quantity", "integer NOT NULL", "integer", "1 + i % 9"),
    ("unit_price", "numeric(12,2) NOT NULL", "decimal", "(99 + (i * 31) % 100000) / 100.0"),
    (
        *("total_amount", "numeric(14,2)", "decimal"),
        "CASE WHEN i % 97 > 0 THEN (1 + i % 9) * (99 + (i * 31) % 100000) / 100.0 END",
    ),
    ("payment_method", "text", "string", "(ARRAY['card', 'cash', 'voucher'])[1 + i % 3]"),
    ("customer_id", "text", "string", "CASE WHEN i % 10 > 2 THEN md5(i::text) END"),
    ("is_return", "boolean NOT NULL", "boolean", "i % 40 = 0"),
)
PRECISION = {"unit_price": (12, 2), "total_amount": (14, 2)}
DAY = date(2025, 3, 28)
NAMES = ", ".join(column[0] for column in COLUMNS)


def main() -> None:
    """Runs one contestant."""
    job, rows = sys.argv[1], int(sys.argv[2])
    started, found = JOBS[job](rows)
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"seconds": round(seconds, 4), "rows": found, "max_rss_mb": round(peak, 1)}))


def secret() -> dict[str, Any]:
    """The database's secret."""
    found: dict[str, Any] = json.loads(os.environ["BENCHMARK_DATABASE"])
    return found


def connect() -> Any:
    """A connection; the server may have begun to listen a moment ago."""
    access = secret()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return psycopg2.connect(
                host=access["host"],
                port=access["port"],
                dbname=access["dbname"],
                user=access["username"],
                password=access["password"],
            )
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def fill(rows: int) -> tuple[float, int]:
    """Makes the table anew, with indexes of its key and, as any day's extract needs, its time."""
    started = time.monotonic()
    columns = ", ".join(f"{name} {kind}" for name, kind, *_ in COLUMNS)
    values = ", ".join(value for *_, value in COLUMNS)
    with closing(connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("DROP TABLE IF EXISTS public.sales")
        cursor.execute(f"CREATE UNLOGGED TABLE public.sales ({columns})")
        cursor.execute(
            f"INSERT INTO sales SELECT {values} FROM generate_series(1::bigint, {rows}) i"
        )
        cursor.execute("ALTER TABLE public.sales ADD PRIMARY KEY (transaction_id)")
        cursor.execute("CREATE INDEX ON public.sales (sold_at)")
        cursor.execute("VACUUM (ANALYZE, FREEZE) public.sales")
    return started, rows


def ours(rows: int) -> tuple[float, int]:
    """The operator, with a real client of S3."""
    import boto3
    from pyarrow import csv, parquet  # noqa: F401 - before the clock starts

    from retail_extract.business_day import BusinessDay
    from retail_extract.multipart import MultipartObject
    from retail_lake.hooks.retries import ADAPTIVE_RETRIES
    from retail_lake.operators.extract import DatabaseToS3ParquetOperator

    operator = DatabaseToS3ParquetOperator(
        task_id="extract_sales",
        secret_id="tills",
        contract=contract(),
        days=[DAY.isoformat()],
        time_zone="UTC",
        bucket="lake",
        layout=None,  # type: ignore[arg-type] - asked only for the names around the object
    )
    client = boto3.session.Session().client("s3", config=_config(ADAPTIVE_RETRIES))
    started = time.monotonic()
    target = MultipartObject(client, "lake", "staging/extract")
    told = operator.fill(target, BusinessDay.of(DAY, ZoneInfo("UTC")), secret(), "benchmark")
    target.finish()
    return started, int(told["rows"])


def _config(settings: dict[str, Any]) -> Any:
    from botocore.config import Config

    return Config(**settings)


def copy(rows: int) -> tuple[float, int]:
    """The limit: the table as binary COPY, in no order, drained to nothing."""
    return _drained("COPY public.sales TO STDOUT (FORMAT binary)")


def copy_in_order(rows: int) -> tuple[float, int]:
    """The same, in the order that makes our bytes repeatable."""
    order = 'sold_at, transaction_id COLLATE "C"'
    query = f"SELECT {NAMES} FROM public.sales ORDER BY {order}"
    return _drained(f"COPY ({query}) TO STDOUT (FORMAT binary)")


def _drained(statement: str) -> tuple[float, int]:
    started = time.monotonic()
    with closing(connect()) as connection, connection.cursor() as cursor:
        with Path(os.devnull).open("wb") as nothing:
            cursor.copy_expert(statement, nothing)
        return started, int(cursor.rowcount)


def sql_to_s3(rows: int) -> tuple[float, int]:
    """The provider's operator itself, to Parquet."""
    import pandas as pd
    from airflow.providers.amazon.aws.transfers.sql_to_s3 import SqlToS3Operator
    from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: F401

    found: list[int] = []
    original = SqlToS3Operator._fix_dtypes

    def counting(frame: pd.DataFrame, file_format: Any) -> None:
        found.append(len(frame))
        original(frame, file_format)

    SqlToS3Operator._fix_dtypes = staticmethod(counting)  # type: ignore[method-assign, assignment]
    operator = SqlToS3Operator(
        task_id="extract_sales",
        query=f"SELECT {NAMES} FROM public.sales",
        sql_conn_id="tills",
        s3_bucket="lake",
        s3_key="sales.parquet",
        file_format="parquet",
        replace=True,
    )
    started = time.monotonic()
    operator.execute({})  # type: ignore[typeddict-item]
    return started, sum(found)


def contract() -> Any:
    """What the operator needs to know of the table; a day that holds all its rows."""
    columns = [
        SimpleNamespace(
            source=name,
            type=kind,
            precision=PRECISION.get(name, (None, None))[0],
            scale=PRECISION.get(name, (None, None))[1],
            primary_key=1 if name == "transaction_id" else None,
            time_zone=None,
        )
        for name, _, kind, _ in COLUMNS
    ]
    source = SimpleNamespace(
        schema="public", table="sales", time_column="sold_at", rows="of_the_day"
    )
    return SimpleNamespace(
        dataset="sales",
        source=source,
        delivered_columns=columns,
        column=lambda name: SimpleNamespace(source=name),
    )


JOBS: dict[str, Callable[[int], tuple[float, int]]] = {
    "fill": fill,
    "ours": ours,
    "copy": copy,
    "copy_in_order": copy_in_order,
    "sql_to_s3": sql_to_s3,
}

if __name__ == "__main__":
    main()
