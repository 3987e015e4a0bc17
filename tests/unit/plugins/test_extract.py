"""The extract against a real PostgreSQL and a real S3 API: exact, atomic, repeatable."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowException
from pyarrow import parquet as pq

from retail_lake.hooks import multipart, parquet
from retail_lake.hooks.snapshot import Extract, ExtractColumn
from retail_lake.operators import extract as module
from retail_lake.operators.extract import PostgresToS3ParquetOperator, day_bounds
from tests.unit.plugins.conftest import connect

TABLE = "public.tills"
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


@pytest.fixture
def tills(postgres: dict[str, Any], client: Callable[[str], Any]) -> Iterator[Any]:
    """A cursor on the till database with an empty table, whose secret `tills` is stored."""
    secrets = client("secretsmanager")
    if not any(item["Name"] == "tills" for item in secrets.list_secrets()["SecretList"]):
        secrets.create_secret(Name="tills", SecretString=json.dumps(postgres))
    connection = connect(postgres)
    with connection.cursor() as cursor:
        cursor.execute(DDL)
        yield cursor
    connection.close()


@pytest.fixture
def operator(bucket: str) -> PostgresToS3ParquetOperator:
    """The operator on the fresh bucket, for 30 March 2025 (23 hours in London)."""
    return make_operator(bucket)


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


def test_values_are_exact(tills: Any, operator: Any, context: Any, client: Any) -> None:
    """NULL, the empty string, quotes, newlines, 18 digits and microseconds survive."""
    noon = datetime(2025, 3, 30, 12, 0, 0, 123456, UTC)
    insert(
        tills,
        ("b", noon, "", Decimal("9999999999999999.99"), -5, date(9999, 12, 31), True),
        ("a", noon, None, None, None, None, None),
        ("Z", noon, 'say "hi",\nthen\r\n\\N \\. ünïcode NULL', Decimal("-0.01"), 7, noon, False),
    )
    (result,) = operator.execute(context)
    table = read(client("s3"), operator.bucket, result["file"])
    assert table.schema.field("amount").type == pa.decimal128(18, 2)
    assert table.schema.field("sold_at").type == pa.timestamp("us", tz="UTC")
    assert table.column_names == [column.name for column in COLUMNS]
    assert table.to_pylist() == [
        {
            "id": "Z",
            "sold_at": noon,
            "note": 'say "hi",\nthen\r\n\\N \\. ünïcode NULL',
            "amount": Decimal("-0.01"),
            "quantity": 7,
            "day": date(2025, 3, 30),
            "is_return": False,
        },
        dict.fromkeys(table.column_names) | {"id": "a", "sold_at": noon},
        {
            "id": "b",
            "sold_at": noon,
            "note": "",
            "amount": Decimal("9999999999999999.99"),
            "quantity": -5,
            "day": date(9999, 12, 31),
            "is_return": True,
        },
    ]


def test_day_is_half_open_in_the_lake_zone(
    tills: Any, operator: Any, context: Any, client: Any
) -> None:
    """30 March 2025 in London is [00:00 UTC, 23:00 UTC): the clocks go forward."""
    for name, hour in [
        ("before", datetime(2025, 3, 29, 23, 59, 59, 999999, UTC)),
        ("first", datetime(2025, 3, 30, 0, 0, tzinfo=UTC)),
        ("last", datetime(2025, 3, 30, 22, 59, 59, 999999, UTC)),
        ("after", datetime(2025, 3, 30, 23, 0, tzinfo=UTC)),
    ]:
        insert(tills, (name, hour, None, None, None, None, None))
    (result,) = operator.execute(context)
    assert read(client("s3"), operator.bucket, result["file"])["id"].to_pylist() == [
        "first",
        "last",
    ]


def test_day_bounds_meet() -> None:
    """Each day ends where the next begins, also when it has 23 or 25 hours."""
    zone = ZoneInfo("Europe/London")
    hours = {}
    for day in (date(2025, 3, 29), date(2025, 3, 30), date(2025, 10, 26)):
        start, end = day_bounds(day, zone)
        hours[day.isoformat()] = (end - start).total_seconds() / 3600
    assert hours == {"2025-03-29": 24, "2025-03-30": 23, "2025-10-26": 25}


def test_same_rows_are_the_same_object(
    tills: Any, operator: Any, context: Any, client: Any, bucket: str
) -> None:
    """A second extract writes the same key, whatever the physical order of the rows."""
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    insert(tills, *[(name, noon, name, Decimal(1), 1, noon, False) for name in "dcba"])
    (first,) = operator.execute(context)
    tills.execute("UPDATE public.tills SET note = note WHERE id IN ('c', 'a')")
    context["ti"].try_number = 2
    (second,) = operator.execute(context)
    assert second == first
    sha = first["sha256"][:16]
    assert set(keys(client("s3"), bucket)) == {
        f"bronze/tills/ingest_date=2025-03-30/_manifest-{sha}.json",
        f"bronze/tills/ingest_date=2025-03-30/{sha}.parquet",
    }


def test_manifest_describes_the_object(
    tills: Any, operator: Any, context: Any, client: Any, bucket: str
) -> None:
    """The manifest names file, rows, bytes, digest, instant and snapshot."""
    insert(tills, ("a", datetime(2025, 3, 30, 12, tzinfo=UTC), None, None, None, None, None))
    (result,) = operator.execute(context)
    sha = result["sha256"][:16]
    key = f"bronze/tills/ingest_date=2025-03-30/_manifest-{sha}.json"
    manifest = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    head = client("s3").head_object(Bucket=bucket, Key=result["file"])
    assert manifest["file"] == f"{sha}.parquet"
    assert (manifest["rows"], manifest["bytes"]) == (1, head["ContentLength"])
    assert manifest["sha256"] == result["sha256"]
    assert datetime.fromisoformat(manifest["extracted_at"]).tzinfo is not None
    assert manifest["snapshot"].count(":") == 2


def test_a_day_without_rows_is_valid(tills: Any, operator: Any, context: Any, client: Any) -> None:
    """No rows give a file with the schema."""
    (result,) = operator.execute(context)
    table = read(client("s3"), operator.bucket, result["file"])
    assert (table.num_rows, result["rows"]) == (0, 0)
    assert table.schema.field("amount").type == pa.decimal128(18, 2)


def test_large_extract_is_sent_in_parts(
    tills: Any, operator: Any, context: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a row group and more bytes than a part arrive complete and in key order."""
    monkeypatch.setattr(multipart.MultipartObject.__init__, "__defaults__", (5 * multipart.MIB,))
    tills.execute(
        "INSERT INTO public.tills (id, sold_at, note, amount, quantity) "
        "SELECT lpad(i::text, 9, '0'), '2025-03-30 12:00+00', "
        "md5(i::text) || md5((-i)::text), i / 100.0, i FROM generate_series(1, 150000) i"
    )
    (result,) = operator.execute(context)
    assert result["rows"] == 150_000
    assert result["bytes"] > 5 * multipart.MIB
    table = read(client("s3"), operator.bucket, result["file"])
    assert table["quantity"].to_pylist() == list(range(1, 150_001))
    assert table["amount"][149_999].as_py() == Decimal("1500.00")


def test_database_lost_in_the_middle_leaves_nothing(
    tills: Any,
    operator: Any,
    context: Any,
    client: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session that dies in mid-COPY is an error, not a short extract; no object, no upload."""
    monkeypatch.setattr(multipart.MultipartObject.__init__, "__defaults__", (5 * multipart.MIB,))
    monkeypatch.setattr(parquet, "BLOCK_BYTES", 65_536)  # Arrow reads up to 32 blocks ahead
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 10_000)
    tills.execute(
        "INSERT INTO public.tills (id, sold_at, note) SELECT i, '2025-03-30 12:00+00', "
        "md5(i::text) || md5((-i)::text) || md5((i * 2)::text) FROM generate_series(1, 300000) i"
    )
    killed = threading.Event()

    def kill(rows: int) -> None:
        if rows == 100_000:
            tills.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'daily.load'"
            )
            killed.set()

    monkeypatch.setattr(operator, "_progress", kill)
    with pytest.raises(AirflowException, match=r"COPY of public\.tills failed"):
        operator.execute(context)
    assert killed.is_set()
    assert keys(client("s3"), bucket) == []
    assert not client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_drift_names_the_columns(tills: Any, operator: Any, context: Any) -> None:
    """A missing and a retyped column stop the extract and are named."""
    tills.execute(
        "ALTER TABLE public.tills DROP COLUMN note, ALTER COLUMN quantity TYPE text, "
        "ALTER COLUMN sold_at TYPE timestamp"
    )
    with pytest.raises(AirflowException) as raised:
        operator.execute(context)
    message = str(raised.value)
    assert "note is missing" in message
    assert "quantity is text, declared integer" in message
    assert "sold_at is timestamp without time zone, declared timestamp" in message


def test_value_that_does_not_fit_is_not_quoted(
    tills: Any, operator: Any, context: Any, client: Any, bucket: str
) -> None:
    """A third decimal is refused, naming the column but not the value."""
    tills.execute("ALTER TABLE public.tills ALTER COLUMN amount TYPE numeric")
    insert(
        tills, ("a", datetime(2025, 3, 30, 12, tzinfo=UTC), None, Decimal("77.123"), 1, None, None)
    )
    with pytest.raises(AirflowException) as raised:
        operator.execute(context)
    assert "amount: a value does not fit its declared type decimal(18,2)" in str(raised.value)
    assert "77.123" not in str(raised.value)
    assert keys(client("s3"), bucket) == []


def test_session_can_only_read(postgres: dict[str, Any], tills: Any) -> None:
    """The snapshot's transaction refuses to write."""
    from retail_lake.hooks.snapshot import Snapshot

    snapshot = Snapshot(postgres, "test")
    with (
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
        snapshot.connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM public.tills")
    snapshot.close()


def test_rows_that_move_meanwhile_are_not_seen(
    tills: Any, operator: Any, context: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows committed after the snapshot are not in the extract."""
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    insert(tills, ("a", noon, None, None, None, None, None))
    original = module.Snapshot.require_types

    def write_then_check(snapshot: Any, extract: Extract) -> None:
        insert(tills, ("b", noon, None, None, None, None, None))
        original(snapshot, extract)

    monkeypatch.setattr(module.Snapshot, "require_types", write_then_check)
    (result,) = operator.execute(context)
    assert read(client("s3"), operator.bucket, result["file"])["id"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_by": ()}, "must name its key columns"),
        ({"order_by": ("secret_column",)}, "must name its key columns"),
        ({"time_column": "day"}, "must be a declared timestamp column"),
    ],
)
def test_an_extract_without_order_or_instant_is_refused(
    change: dict[str, Any], message: str
) -> None:
    """What would make the bytes or the day vague is refused when it is declared."""
    fields = {"order_by": ("id",), "time_column": "sold_at"} | change
    with pytest.raises(ValueError, match=message):
        Extract("public", "tills", COLUMNS, **fields)


def test_names_are_quoted(tills: Any, bucket: str, context: Any, client: Any) -> None:
    """A table name is an identifier, never SQL."""
    tills.execute('DROP TABLE IF EXISTS public."a; DROP TABLE tills"')
    tills.execute('CREATE TABLE public."a; DROP TABLE tills" ("i""d" text, at timestamptz)')
    columns = (ExtractColumn('i"d', "string"), ExtractColumn("at", "timestamp"))
    odd = Extract("public", "a; DROP TABLE tills", columns, ('i"d',), "at")
    (result,) = make_operator(bucket, odd).execute(context)
    assert read(client("s3"), bucket, result["file"]).column_names == ['i"d', "at"]
    tills.execute("SELECT count(*) FROM public.tills")
    assert tills.fetchone() == (0,)
