"""Late, corrected and repeated files after the day was published, and columns that drift."""

import json
from datetime import date
from typing import Any

import pytest

from tests.e2e.conftest import Lake
from tests.e2e.test_3_failures import fail, order, text_of, unchanged

pytestmark = pytest.mark.slow  # several runs of the DAG
DAY, NEXT, LATER = (date(2024, 6, day) for day in (4, 5, 6))
DATASET = "ecommerce_orders"


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def deliver(lake: Lake, day: date, **files: bytes) -> None:
    """Delivers files of orders; an underscore in a name stands for the point."""
    lake.deliver(day, {DATASET: {name.replace("_", "."): body for name, body in files.items()}})


def restated(lake: Lake, day: date) -> dict[tuple[str, str], dict[str, tuple[Any, Any]]]:
    """By release and files: measure of ``daily_sales`` → old and new value."""
    found: dict[tuple[str, str], dict[str, tuple[Any, Any]]] = {}
    for release, files, key, measure, old, new in lake.query(
        "SELECT release, array_join(files, ' '), row_key, measure, old_value, new_value"
        f" FROM restatements WHERE sale_date = DATE '{day}' AND mart = 'daily_sales'"
    ):
        assert json.loads(str(key)) == {"sale_date": str(day), "channel": "web"}
        found.setdefault((str(release), str(files)), {})[str(measure)] = (old, new)
    return found


def revenue(lake: Lake, day: date) -> list[list[str | None]]:
    return lake.query(
        f"SELECT channel, revenue FROM daily_sales WHERE sale_date = DATE '{day}' ORDER BY 1"
    )


@pytest.fixture(scope="module")
def first(lake: Lake) -> str:
    """Releases the day for the first time."""
    deliver(lake, DAY, orders_jsonl=lines(order(601, DAY), order(602, DAY)))
    return str(lake.run(DAY)["release"])


def test_what_comes_late_changes_its_own_day_and_says_so(lake: Lake, first: str) -> None:
    assert restated(lake, DAY) == {}, "nobody had seen the day"
    before = lake.published()
    deliver(
        lake,
        NEXT,
        late_jsonl=lines(order(603, DAY, 1)),
        orders_jsonl=lines(order(604, NEXT)),
    )
    release = lake.run(NEXT)["release"]

    assert revenue(lake, DAY) == [["web", "50.00"]]
    file = f"bronze/{DATASET}/ingest_date={NEXT}/late.jsonl"
    assert restated(lake, DAY) == {
        (release, file): {
            "gross_revenue": ("40.00", "50.00"),
            "revenue": ("40.00", "50.00"),
            "transactions": ("2", "3"),
            "units": ("4", "5"),
        }
    }
    assert restated(lake, NEXT) == {}
    moved = {row.sale_date for row in set(lake.published().pointer) ^ set(before.pointer)} - {None}
    assert moved == {DAY, NEXT}, "no other business day was touched"


def test_a_corrected_row_wins_and_a_repeated_file_changes_nothing(lake: Lake, first: str) -> None:
    known = restated(lake, DAY)
    corrected = order(601, DAY, 3)
    deliver(lake, DAY, orders2_jsonl=lines(corrected))
    report = lake.run(DAY)
    assert revenue(lake, DAY) == [["web", "60.00"]]
    (books,) = (row for row in report["rows"] if row["dataset"] == DATASET)
    assert (books["rows_in"], books["silver"], books["duplicates"]) == (3, 2, 1)
    folder = f"bronze/{DATASET}/ingest_date={DAY}"
    files = f"{folder}/orders.jsonl {folder}/orders2.jsonl"
    found = restated(lake, DAY)
    assert found == known | {
        (report["release"], files): {
            "gross_revenue": ("50.00", "60.00"),
            "revenue": ("50.00", "60.00"),
            "units": ("5", "6"),
        }
    }

    deliver(lake, DAY, copy_jsonl=lines(order(602, DAY)))
    report = lake.run(DAY)
    (books,) = (row for row in report["rows"] if row["dataset"] == DATASET)
    assert (books["rows_in"], books["silver"], books["duplicates"]) == (4, 2, 2)
    assert revenue(lake, DAY) == [["web", "60.00"]]
    assert restated(lake, DAY) == found, "what was told stays, and there is nothing to add"


def test_a_column_more_is_told_once_and_a_lost_one_stops_the_day(
    lake: Lake, alert_queue: str
) -> None:
    rows = [{**order(610 + number, LATER), "coupon": "X"} for number in range(3)]
    deliver(lake, LATER, orders_jsonl=lines(*rows))
    lake.run(LATER)
    notices = [each for each in lake.alerts(alert_queue) if each.get("notice")]
    assert [list(each["columns"]) for each in notices] == [["coupon"]]
    assert notices[0]["dataset"] == DATASET

    for row in rows:
        row["pieces"] = row.pop("quantity")
    deliver(lake, LATER, renamed_jsonl=lines(*rows))
    with unchanged(lake):
        states = fail(lake, LATER)
        assert states["check_drift"] == "failed"
        assert states["bronze_to_silver"] == "upstream_failed"
    alerts: list[dict[str, Any]] = []  # what was received and not deleted comes again
    while not any(each.get("failed") for each in alerts):
        received = lake.alerts(alert_queue)
        assert received, "the failure is told as well"
        alerts += received
    assert [each for each in alerts if each.get("notice") and each != notices[0]] == []
    assert "renamed.jsonl lacks columns quantity" in text_of(alerts)
