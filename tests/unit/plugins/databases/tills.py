"""A table of tills, and what the tests of its extract share."""

import io
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from pyarrow import parquet as pq

from retail_extract.table import Extract, ExtractColumn
from retail_lake.operators.extract import DatabaseToS3ParquetOperator

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
DDL = {
    "postgres": """
        CREATE TABLE public.tills (
          id text PRIMARY KEY, sold_at timestamptz NOT NULL, note text, amount numeric(18,2),
          quantity integer, day date, is_return boolean, secret_column text)""",
    "mariadb": """
        CREATE TABLE public.tills (
          id varchar(40) PRIMARY KEY, sold_at timestamp(6) NOT NULL, note text,
          amount decimal(18,2), quantity integer, day date, is_return tinyint(1),
          secret_column text) COLLATE utf8mb4_unicode_ci""",
}
KILL = {
    "postgres": "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE usename = 'reader'",
    "mariadb": "KILL USER reader@localhost",
}


@dataclass
class Tills:
    """The table of tills in one kind of database.

    Attributes:
        engine: `postgres` or `mariadb`.
        cursor: of the administrator; each statement is committed.
        secret: of a user who may only read; stored as `secret_id`.
    """

    engine: str
    cursor: Any
    secret: dict[str, Any]
    secret_id: str

    def create(self) -> None:
        """Make the table, empty."""
        self.execute("DROP TABLE IF EXISTS public.tills")
        self.execute(DDL[self.engine])

    def execute(self, statement: str, values: tuple[Any, ...] | None = None) -> None:
        """Run a statement as the administrator."""
        self.cursor.execute(statement, values)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return a SELECT's rows as the administrator sees them."""
        self.cursor.execute(statement)
        return list(self.cursor.fetchall())

    def insert(self, *rows: tuple[Any, ...]) -> None:
        """Insert rows of the seven read columns."""
        for row in rows:
            self.execute(
                "INSERT INTO public.tills (id, sold_at, note, amount, quantity, day, is_return) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                row,
            )

    def fill(self, count: int) -> None:
        """Insert `count` rows of noon, 30 March 2025: quantities from 1, cents as amounts."""
        numbers = {
            "postgres": f"generate_series(1, {count}) AS s(i)",
            "mariadb": f"(SELECT seq AS i FROM seq_1_to_{count}) AS s",
        }[self.engine]
        text = {"postgres": "i::text", "mariadb": "i"}[self.engine]
        self.execute(
            "INSERT INTO public.tills (id, sold_at, note, amount, quantity) "
            f"SELECT lpad({text}, 9, '0'), '2025-03-30 12:00:00', "
            f"concat(md5({text}), md5(concat('x', i)), md5(concat('y', i))), i / 100.0, i "
            f"FROM {numbers}"
        )

    def kill_reader(self) -> None:
        """End the sessions of the user who reads."""
        self.execute(KILL[self.engine])


class Layout:
    """Keys like the lake's."""

    def extract_staging_key(self, token: str) -> str:
        return f"staging/{token}"

    def extract_key(self, dataset: str, day: date, sha16: str, suffix: str) -> str:
        return f"bronze/{dataset}/ingest_date={day}/{sha16}.{suffix}"

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
            time_zone=column.time_zone,
            primary_key=1 if column.name in extract.order_by else None,
        )
        for column in extract.columns
    ]
    return SimpleNamespace(
        dataset="tills",
        source=SimpleNamespace(
            schema=extract.schema, table=extract.table, time_column="at", rows=extract.rows
        ),
        delivered_columns=columns,
        column=lambda name: SimpleNamespace(source=extract.time_column),
    )


def make_operator(
    bucket: str, secret_id: str, extract: Extract = EXTRACT, **kwargs: Any
) -> DatabaseToS3ParquetOperator:
    """Make the operator; `days` is the day of the clock change."""
    return DatabaseToS3ParquetOperator(
        task_id="extract_tills",
        secret_id=secret_id,
        contract=contract(extract),
        days=["2025-03-30"],
        time_zone="Europe/London",
        bucket=bucket,
        layout=Layout(),
        **kwargs,
    )


def keys(s3: Any, bucket: str) -> list[str]:
    """List every key of a bucket."""
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def read(s3: Any, bucket: str, key: str) -> pa.Table:
    """Read a Parquet object."""
    return pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
