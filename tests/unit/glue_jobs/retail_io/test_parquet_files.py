"""Files follow from rows alone: neither how they come in batches nor who writes shows in them."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from retail_io import parquet_files
from retail_io.parquet_files import COUNTS, Target, WriteError, write_here, writer

FIRST = datetime(2026, 3, 10, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("place", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("price", pa.decimal128(18, 2)),
        ("number", pa.int64()),
        ("day", pa.date32()),
    ]
)
NAMES = {"key": "id", "place": "place", "at": "at", "price": "price", "number": "number"}


def rows(count: int, days: int = 2) -> pa.Table:
    draw = random.Random(1)
    made = []
    for number in range(count):
        at = FIRST + timedelta(days=number * days // count, microseconds=draw.randrange(10**9))
        price = Decimal(draw.randrange(500)) / 100
        place = draw.choice(["North", "South", None])
        made.append(
            {"id": f"T{number:06}", "place": place, "at": at, "price": price, "number": number}
            | {"day": at.date()}
        )
    return pa.Table.from_pylist(made, SCHEMA)


def target(folder: Path) -> Target:
    return Target(f"file://{folder}/", ("day",), NAMES)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_same_rows_give_the_same_bytes_in_whatever_batches_they_come(tmp_path: Path) -> None:
    table = rows(5000)
    for name, size in (("whole", 5000), ("pieces", 7)):
        batches = table.to_batches(max_chunksize=size)
        write_here(pa.Table.from_batches(batches), target(tmp_path / name))
    whole = content(tmp_path / "whole")
    assert sorted(whole) == [f"day=2026-03-{day}/part-00000-00000.zstd.parquet" for day in (10, 11)]
    assert content(tmp_path / "pieces") == whole
    found = pq.read_table(tmp_path / "whole", partitioning=None)
    assert (
        found.sort_by("key").to_pylist()
        == table.drop(["day"]).rename_columns(list(NAMES)).to_pylist()
    )


def test_columns_that_repeat_have_dictionaries_and_the_others_differences(tmp_path: Path) -> None:
    write_here(rows(5000, days=1), target(tmp_path))
    (file,) = tmp_path.rglob("*.parquet")
    group = pq.read_metadata(file).row_group(0)
    encodings = {
        group.column(n).path_in_schema: set(group.column(n).encodings) - {"RLE", "PLAIN"}
        for n in range(group.num_columns)
    }
    assert encodings == {
        "key": {"DELTA_BYTE_ARRAY"},
        "place": {"RLE_DICTIONARY"},
        "at": {"DELTA_BINARY_PACKED"},
        "price": {"RLE_DICTIONARY"},
        "number": {"DELTA_BINARY_PACKED"},
    }
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}
    assert {column.max_definition_level for column in pq.read_metadata(file).schema} == {1}


@pytest.mark.parametrize(
    ("numbers", "encoding"),
    [
        ([*range(500)] * 10, "DELTA_BINARY_PACKED"),  # rows of ten files, one after the other
        (random.Random(1).choices(range(5), k=5000), "RLE_DICTIONARY"),
        (random.Random(1).choices(range(500), k=5000), "RLE_DICTIONARY"),
        (random.Random(1).choices([-(2**63), 2**63 - 1], k=5000), "RLE_DICTIONARY"),
        ([None] * 5000, "RLE_DICTIONARY"),
    ],
    ids=["in_order", "few", "mixed", "far_apart", "none"],
)
def test_numbers_are_written_in_the_way_that_is_smaller(
    tmp_path: Path, numbers: list[int | None], encoding: str
) -> None:
    table = rows(5000, days=1).set_column(4, SCHEMA.field("number"), pa.array(numbers, pa.int64()))
    write_here(table, target(tmp_path / "ours"))
    (file,) = tmp_path.rglob("*.parquet")
    column = pq.read_metadata(file).row_group(0).column(4)
    assert set(column.encodings) - {"RLE", "PLAIN"} == {encoding}
    assert pq.read_table(file, partitioning=None)["number"].to_pylist() == numbers

    other = {"use_dictionary": True}
    if encoding == "RLE_DICTIONARY":
        other = {"use_dictionary": False, "column_encoding": {"number": "DELTA_BINARY_PACKED"}}
    pq.write_table(table.select(["number"]), tmp_path / "other", compression="zstd", **other)
    size = pq.read_metadata(tmp_path / "other").row_group(0).column(0).total_compressed_size
    assert column.total_compressed_size <= size + 100  # of a dictionary's page


def test_a_partition_goes_on_in_another_file_where_one_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "_GROUP_ROWS", 1000)
    monkeypatch.setattr(parquet_files, "TARGET_BYTES", 20_000)
    write_here(rows(5000, days=1), target(tmp_path))
    files = sorted(tmp_path.rglob("*.parquet"))
    counts = [pq.read_metadata(file).num_rows for file in files]
    assert sum(counts) == 5000
    assert len(files) > 1
    assert all(count % 1000 == 0 for count in counts)
    keys = [key for file in files for key in pq.read_table(file)["key"].to_pylist()]
    assert keys == sorted(keys)


def test_rows_of_a_partition_that_do_not_lie_together_are_refused(tmp_path: Path) -> None:
    table = rows(100)
    mixed = pa.concat_tables([table, table.slice(0, 10)])
    with pytest.raises(WriteError, match=r"rows of \(.*2026, 3, 10.*, 0\) are not together"):
        write_here(mixed, target(tmp_path))


def test_tasks_write_what_has_a_target_and_count_everything(
    spark: SparkSession, tmp_path: Path
) -> None:
    days = [date(2026, 3, 10), date(2026, 3, 11)]
    given: list[tuple[Any, ...]] = []
    for number in range(1000):
        outcome = ("kept", "refused", "lost")[number % 3]
        day = None if outcome == "refused" else days[number % 2]
        reason = "bad" if outcome == "refused" else None
        given.append((f"f{number % 4}", number, days[0], day, outcome, reason))
    frame = spark.createDataFrame(
        given,
        "source_file string, source_row bigint, ingest_date date, sale_date date, "
        "_outcome string, _reason string",
    ).selectExpr("*", "'orders' AS _dataset", "cast(source_row >= 500 as int) AS _part")
    frame = frame.repartition(5, "ingest_date", "_part").sortWithinPartitions(
        "ingest_date", "_part", "source_file", "source_row"
    )
    names = {"file": "source_file", "row": "source_row"}
    targets = {
        "kept": Target(f"file://{tmp_path}/kept/", ("ingest_date", "sale_date"), names),
        "refused": Target(f"file://{tmp_path}/refused/", ("ingest_date",), names, "orders"),
    }
    counted: Counter[tuple[Any, ...]] = Counter()
    for row in frame.mapInArrow(writer(targets), COUNTS).collect():
        kind = (row.source_file, row.ingest_date, row.sale_date, row._outcome, row._reason)
        counted[kind] += row.rows
    assert counted == Counter((file, *kind) for file, _, *kind in given)
    kept = "kept/ingest_date=2026-03-10/sale_date=2026-03-1"
    assert sorted(content(tmp_path)) == [
        *(f"{kept}{day}/part-0000{part}-00000.zstd.parquet" for day in (0, 1) for part in (0, 1)),
        *(
            f"refused/ingest_date=2026-03-10/orders-0000{part}-00000.zstd.parquet"
            for part in (0, 1)
        ),
    ]
    for outcome in targets:
        found = pq.read_table(tmp_path / outcome, partitioning=None).to_pylist()
        assert sorted((row["file"], row["row"]) for row in found) == sorted(
            (file, number) for file, number, *_, kind, _ in given if kind == outcome
        )
