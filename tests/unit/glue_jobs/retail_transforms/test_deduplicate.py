import random
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from retail_transforms.deduplicate import KEY, latest_first, with_first

SCHEMA = (
    "sale_date string, channel string, transaction_id string, "
    "ingest_date string, source_file string, source_row int"
)
ROWS = [
    ("2026-03-10", "web", "T1", "2026-03-10", "z.jsonl", 9),
    ("2026-03-10", "web", "T1", "2026-03-11", "a.jsonl", 1),  # latest arrival wins
    ("2026-03-10", "web", "T2", "2026-03-10", "a.jsonl", 2),
    ("2026-03-10", "web", "T2", "2026-03-10", "b.jsonl", 1),  # then the last file
    ("2026-03-10", "web", "T3", "2026-03-10", "a.jsonl", 2),
    ("2026-03-10", "web", "T3", "2026-03-10", "a.jsonl", 10),  # then the last row
    ("2026-03-10", "store", "T1", "2026-03-10", "s.parquet", 1),  # another channel, another sale
    ("2026-03-09", "web", "T1", "2026-03-10", "a.jsonl", 3),  # another business day
]
KEPT = {ROWS[1], ROWS[3], ROWS[5], ROWS[6], ROWS[7]}


def kept(frame: DataFrame, size: int) -> list[tuple[Any, ...]]:
    """The rows that are the first of their key, read in batches of that size."""
    rows = frame.collect()
    names = frame.columns
    table = pa.Table.from_pylist([row.asDict() for row in rows]).select(names)
    found = pa.Table.from_batches(with_first(table.to_batches(size), KEY)).to_pylist()
    assert len(found) == len(rows)
    return [tuple(row[name] for name in names) for row in found if row["_first"]]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_same_row_is_kept_however_rows_are_ordered(spark: SparkSession, size: int) -> None:
    for seed in (1, 2):
        shuffled = random.Random(seed).sample(ROWS, len(ROWS))
        frame = spark.createDataFrame(shuffled, SCHEMA).repartition(3)
        found = kept(latest_first(frame.repartition(1, "sale_date")), size)
        assert set(found) == KEPT
        assert found == sorted(found, key=lambda row: row[:3])


def test_null_is_the_same_as_null() -> None:
    batches = pa.table({"a": [None, None, "x", "x", None]}, pa.schema([("a", "string")]))
    (found,) = with_first(batches.to_batches(), ["a"])
    assert found["_first"].to_pylist() == [True, False, True, False, True]
