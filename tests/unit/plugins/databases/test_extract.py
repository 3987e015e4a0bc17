"""The extract against a real PostgreSQL and a real S3 API: exact, atomic, repeatable."""

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowException

from retail_extract import multipart, mysql, parquet, postgres
from retail_extract.business_day import BusinessDay
from tests.unit.plugins.databases.tills import (
    COLUMNS,
    EXTRACT,
    Tills,
    keys,
    make_operator,
    read,
)


def test_values_are_exact(tills: Any, operator: Any, context: Any, client: Any) -> None:
    """NULL, the empty string, quotes, newlines, 18 digits and microseconds survive."""
    noon = datetime(2025, 3, 30, 12, 0, 0, 123456, UTC)
    tills.insert(
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
        tills.insert((name, hour, None, None, None, None, None))
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
        bounds = BusinessDay.of(day, zone)
        hours[day.isoformat()] = (bounds.end - bounds.start).total_seconds() / 3600
    assert hours == {"2025-03-29": 24, "2025-03-30": 23, "2025-10-26": 25}


def test_same_rows_are_the_same_object(
    tills: Any, operator: Any, context: Any, client: Any, bucket: str
) -> None:
    """A second extract writes the same key, whatever the physical order of the rows."""
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    tills.insert(*[(name, noon, name, Decimal(1), 1, noon, False) for name in "dcba"])
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
    tills.insert(("a", datetime(2025, 3, 30, 12, tzinfo=UTC), None, None, None, None, None))
    (result,) = operator.execute(context)
    sha = result["sha256"][:16]
    key = f"bronze/tills/ingest_date=2025-03-30/_manifest-{sha}.json"
    manifest = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    head = client("s3").head_object(Bucket=bucket, Key=result["file"])
    assert manifest["file"] == f"{sha}.parquet"
    assert (manifest["rows"], manifest["bytes"]) == (1, head["ContentLength"])
    assert manifest["sha256"] == result["sha256"]
    assert datetime.fromisoformat(manifest["extracted_at"]).tzinfo is not None
    assert manifest["snapshot"]


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
    tills.fill(150_000)
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
    monkeypatch.setattr(postgres, "BLOCK_BYTES", 65_536)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 10_000)
    tills.fill(300_000)
    killed = threading.Event()

    def kill(rows: int) -> None:
        if rows == 100_000:
            tills.kill_reader()
            killed.set()

    monkeypatch.setattr(operator, "_progress", kill)
    with pytest.raises(AirflowException, match=r"of public\.tills failed"):
        operator.execute(context)
    assert killed.is_set()
    assert keys(client("s3"), bucket) == []
    assert not client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_rows_are_read_whole(
    tills: Tills,
    operator: Any,
    context: Any,
    client: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever a stream is cut into blocks: long rows, quoted line ends, byte order marks."""
    for module, name in ((postgres, "BLOCK_BYTES"), (mysql, "BATCH_BYTES")):
        monkeypatch.setattr(module, name, 256)
    noon = datetime(2025, 3, 30, 12, tzinfo=UTC)
    notes = ["x" * 50_000, '"\r\n\n",', "", None, "\ufeff", "a\n" * 20, '""', "," * 300]
    names = ["\ufeff" * (i % 3) + f"{i:03}" for i in range(64)]
    for i, name in enumerate(names):
        tills.insert((name, noon, notes[i % len(notes)], Decimal(i), None, None, None))
    (result,) = operator.execute(context)
    table = read(client("s3"), bucket, result["file"])
    assert dict(zip(table["id"].to_pylist(), table["note"].to_pylist(), strict=True)) == {
        name: notes[i % len(notes)] for i, name in enumerate(names)
    }


def test_a_snapshot_has_all_rows_until_the_end_of_the_day(
    tills: Tills, bucket: str, context: Any, client: Any
) -> None:
    """Rows of any earlier day, none of a later one; rows without a time are in every extract."""
    null = {
        "postgres": "ALTER COLUMN sold_at DROP NOT NULL",
        "mariadb": "MODIFY sold_at timestamp(6) NULL",
    }
    tills.execute(f"ALTER TABLE public.tills {null[tills.engine]}")
    for name, moment in [
        ("long ago", datetime(1999, 1, 1, tzinfo=UTC)),
        ("last", datetime(2025, 3, 30, 22, 59, 59, 999999, UTC)),
        ("next day", datetime(2025, 3, 30, 23, tzinfo=UTC)),
        ("never", None),
    ]:
        tills.insert((name, moment, None, None, None, None, None))
    found = {}
    for rows in ("until_day_end", "of_the_day"):
        operator = make_operator(bucket, tills.secret_id, replace(EXTRACT, rows=rows))
        (result,) = operator.execute(context)
        found[rows] = set(read(client("s3"), bucket, result["file"])["id"].to_pylist())
        key = f"bronze/tills/ingest_date=2025-03-30/_manifest-{result['sha256'][:16]}.json"
        manifest = json.loads(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
        assert manifest["to"] == "2025-03-30T23:00:00+00:00"
        start = {"until_day_end": None, "of_the_day": "2025-03-30T00:00:00+00:00"}
        assert manifest["from"] == start[rows]
    assert found == {
        "until_day_end": {"long ago", "last", "never"},
        "of_the_day": {"last", "never"},
    }
