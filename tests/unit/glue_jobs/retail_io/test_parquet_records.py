"""Rows of Parquet as JSON, held against Python's own."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retail_io import parquet_records
from retail_io.csv_records import SourceError
from retail_io.parquet_records import as_json, records

MOMENT = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
TEXTS = ["a", None, "", 'say "x"', "back\\slash", "tab\tnul\0", "é😀\u2028"]


def parquet(**columns: pa.Array) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(TEXTS), TEXTS),
        (pa.array(TEXTS, pa.large_string()), TEXTS),
        (pa.array([1, None, -(2**63)]), [1, None, -(2**63)]),
        (pa.array([True, None, False]), [True, None, False]),
        (pa.array([1.5, None]), [1.5, None]),
        (pa.array([MOMENT, None]), ["2026-03-10T12:00:00.123456Z", None]),
        (
            pa.array([MOMENT], pa.timestamp("us", "Asia/Kolkata")),
            ["2026-03-10T12:00:00.123456Z"],
        ),
        (pa.array([MOMENT.replace(tzinfo=None)]), ["2026-03-10T12:00:00.123456"]),
        (pa.array([date(2026, 3, 10), None]), ["2026-03-10", None]),
        (pa.array([["x", None], None]), [["x", None], None]),
        (pa.array([None, None]), [None, None]),
    ],
)
def test_each_row_is_one_object(values: pa.Array, expected: list[Any]) -> None:
    rows = pa.record_batch({"n": pa.repeat(1, len(values)), 'the "x"': values})
    found = [json.loads(text) for text in as_json(rows).to_pylist()]
    assert found == [{"n": 1, 'the "x"': value} for value in expected]


def test_decimals_keep_their_digits() -> None:
    rows = pa.record_batch({"a": pa.array([Decimal("19.10"), None], pa.decimal128(18, 2))})
    assert as_json(rows).to_pylist() == ['{"a":19.10}', '{"a":null}']


def test_rows_are_numbered_through_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_records, "_BATCH_ROWS", 3)
    data = parquet(a=pa.array(range(7)), b=pa.array(["x"] * 7).dictionary_encode())
    batches = list(records("f", [data[:100], data[100:]], ["b"]))
    assert [batch.num_rows for batch in batches] == [3, 3, 1]
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert rows == [
        {"source_file": "f", "source_row": n + 1, "raw": f'{{"a":{n},"b":"x"}}', "read": True}
        | {"_0": "x"}
        for n in range(7)
    ]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"id,name\n", parquet(a=pa.array([1]))[:-9]])
def test_what_is_no_parquet_fails_with_its_name(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"^f\.parquet: .*; extract it again$"):
        list(records("f.parquet", [data], ["a"]))
