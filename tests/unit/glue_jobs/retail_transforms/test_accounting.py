from collections.abc import Iterable, Iterator
from datetime import date
from zlib import crc32

import pyarrow as pa
import pytest
from pyspark.sql import Row

from retail_transforms.accounting import (
    AccountingError,
    LedgerRow,
    Seen,
    Tally,
    accounted,
    ledger,
)

DAY = date(2026, 3, 10)
FILES = [("orders", "a", DAY), ("orders", "b", DAY), ("tills", "c", DAY)]


def test_every_file_has_a_row_that_adds_up() -> None:
    rows = ledger(FILES, {"a": 6, "c": 1}, {"a": 3, "c": 1, "old": 9}, {"a": 2}, {"a": 1, "old": 2})
    assert rows == (
        LedgerRow("orders", "a", DAY, 6, 3, 2, 1),
        LedgerRow("orders", "b", DAY, 0, 0, 0, 0),
        LedgerRow("tills", "c", DAY, 1, 1, 0, 0),
    )
    assert rows[0].document()["ingest_date"] == "2026-03-10"


@pytest.mark.parametrize("rows_in", [5, 7])
def test_lost_or_invented_rows_are_an_error_that_names_the_file(rows_in: int) -> None:
    with pytest.raises(AccountingError, match=r"1 files do not add up.*source_file='a'"):
        ledger(FILES, {"a": rows_in}, {"a": 3}, {"a": 2}, {"a": 1})


def test_rows_of_an_unlisted_file_are_an_error() -> None:
    with pytest.raises(AccountingError, match=r"does not list: \['x'\]"):
        ledger(FILES, {"x": 1}, {"x": 1}, {}, {})


def tally(*rows: tuple[str | None, str, str, date | None, str | None, int]) -> Tally:
    names = ("_dataset", "_outcome", "source_file", "sale_date", "_reason", "rows", "ingest_date")
    return Tally(Row(**dict(zip(names, (*row, DAY), strict=True))) for row in rows)


def test_outcomes_are_added_up_over_tasks_and_runs() -> None:
    delivered = tally(
        ("orders", "clean_orders", "a", DAY, None, 2),
        ("orders", "clean_orders", "a", DAY, None, 1),
        ("orders", "quarantine", "a", None, "unreadable", 1),
        ("tills", "clean_tills", "c", DAY, None, 4),
    )
    found = delivered + tally(
        (None, "sales", "a", DAY, None, 3), (None, "sales", "b", DAY, None, 1)
    )
    assert delivered.by_file() == {"a": 4, "c": 4}
    assert found.by_file("sales", "quarantine") == {"a": 4, "b": 1}
    assert found.by_partition("sales", "sale_date") == {(DAY,): 4}
    assert delivered.business_days() == {DAY}
    assert found.reasons() == {"orders": {"unreadable": 1}}


@pytest.mark.parametrize(
    ("rows", "files", "wrong"),
    [(3, ("a", "a", "b"), False), (2, ("a", "b"), True), (3, ("a", "b", "b"), True)],
)
def test_what_was_read_and_what_became_of_it_must_agree(
    rows: int, files: tuple[str, ...], wrong: bool
) -> None:
    found = tally(
        ("orders", "clean_orders", "a", DAY, None, 2), ("orders", "quarantine", "b", None, "x", 1)
    )
    seen = {"orders": Seen(rows, sum(crc32(file.encode()) for file in files))}
    if not wrong:
        found.require(seen)
        return
    with pytest.raises(AccountingError, match=rf"orders: {rows} rows were read, 3 accounted for"):
        found.require(seen)


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ([("a", 2), ("b", 1), ("a", 1)], None),
        ([("a", 2), ("b", 1)], r"rows read \{'a': 1\}, accounted for \{\};"),
        ([("a", 4), ("b", 1)], r"rows read \{\}, accounted for \{'a': 1\};"),
        ([("a", 3), ("c", 1)], r"rows read \{'b': 1\}, accounted for \{'c': 1\};"),
        ([], r"rows read \{'a': 3, 'b': 1\}, accounted for"),
    ],
)
def test_a_task_that_reads_and_writes_accounts_for_every_row(
    counts: list[tuple[str, int]], problem: str | None
) -> None:
    given = [
        pa.record_batch({"source_file": pa.array(files, pa.string())})
        for files in (["a", "b"], ["a", "a"], [])
    ]
    types = pa.schema([("source_file", "string"), ("rows", "int64")])
    found = [pa.record_batch([[file], [rows]], schema=types) for file, rows in counts]

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        assert sum(batch.num_rows for batch in batches) == 4
        yield from found

    checked = accounted(work)(given)
    if problem is None:
        assert list(checked) == found
    else:
        with pytest.raises(AccountingError, match=problem):
            list(checked)
