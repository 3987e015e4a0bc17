from datetime import date

import pytest
from pyspark.sql import SparkSession

from retail_transforms.accounting import AccountingError, LedgerRow, Tally, ledger, tallied

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


def test_frames_are_counted_together_whatever_columns_they_have(spark: SparkSession) -> None:
    judged = spark.createDataFrame(
        [("a", DAY, DAY, None), ("a", DAY, DAY, None), ("a", DAY, None, "unreadable")],
        "source_file string, ingest_date date, sale_date date, _reason string",
    )
    sales = spark.createDataFrame([("b", DAY)], "source_file string, sale_date date")
    tally = Tally(tallied({"orders": judged, "sales": sales}).collect())
    assert tally.by_file("orders", "sales") == {"a": 3, "b": 1}
    assert tally.by_partition("sales", "sale_date") == {(DAY,): 1}
    assert tally.business_days() == {DAY}
    assert tally.reasons() == {"orders": {"unreadable": 1}}
