"""A month in random order, four days at a time, gives the bytes of the same month in one run.

Every day brings a late order, a correction of the day before and a row twice, so that a day built
on the wrong state, or a run that undoes another's work, gives other numbers. That one run over many
days gives the bytes of a run per day in order: ``tests/unit/glue_jobs/test_44_days.py``.
"""

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from include.lake.contracts import load_lake
from tests.e2e.conftest import RUN_SECONDS, Lake
from tests.e2e.test_3_failures import order, orders
from tests.e2e.test_5_rollback import roll

FIRST = date(2024, 9, 2)
DAYS = [FIRST + timedelta(days=number) for number in range(30)]
AT_ONCE = 4
MONTH_SECONDS = 60 * len(DAYS) + RUN_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * MONTH_SECONDS)]


def arrivals(number: int) -> list[dict[str, Any]]:
    """What is delivered on one of the days, in the order of the file."""
    day, first = DAYS[number], 1000 + 10 * number
    rows = [order(first + piece, day, quantity=1 + piece) for piece in range(3)]
    rows.append(rows[-1])
    if number >= 1:  # the day before is corrected
        rows.append(order(first - 10, DAYS[number - 1], quantity=5 + number))
    if number >= 2:
        rows.append(order(first + 5, DAYS[number - 2]))
    return rows


def revenue() -> dict[str, Decimal]:
    """Revenue by business day: of each order, what arrived last counts."""
    last = {row["transaction_id"]: row for number in range(len(DAYS)) for row in arrivals(number)}
    found = {str(day): Decimal(0) for day in DAYS}
    for row in last.values():
        found[row["timestamp"][:10]] += Decimal(str(row["total_amount"]))
    return found


def version() -> str:
    """The current version of the pointer."""
    table = boto3.client("glue").get_table(DatabaseName=load_lake().ops_database, Name="published")
    return str(table["Table"]["VersionId"])


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s")


def at_once(runs: list[dict[str, Any]]) -> int:
    """How many of the runs ran at the same time."""
    moments = []
    for run in runs:
        moments.append((datetime.fromisoformat(run["start_date"]), 1))
        moments.append((datetime.fromisoformat(run["end_date"]), -1))
    running, most = 0, 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def run_in_random_order(lake: Lake) -> list[dict[str, Any]]:
    """Asks for all days at once, shuffled; as many run as the DAG allows."""
    shuffled = random.Random(11).sample(DAYS, len(DAYS))
    started = [lake.runs.trigger(day) for day in shuffled]
    for run in started:
        lake.runs.succeed(run, MONTH_SECONDS)
    return [lake.runs.call("GET", f"/dagRuns/{run}") for run in started]


def test_a_month_in_random_order_four_at_a_time_is_the_month_in_one_run(lake: Lake) -> None:
    lake.deliver(lake.scheduled_day, {})  # the schedule's own run waits no longer for its files
    if (scheduled := lake.runs.waiting_run()) is not None:
        lake.runs.succeed(scheduled, RUN_SECONDS)
    for number, day in enumerate(DAYS):
        lake.deliver(day, orders(*arrivals(number)))
    before = version()

    with timed("30 days in random order"):
        runs = run_in_random_order(lake)
    assert at_once(runs) == AT_ONCE
    shuffled = lake.published().digests()
    assert totals(lake) == revenue()
    sold = {row.sale_date for row in lake.published().pointer if row.table == "sales"}
    assert sold >= set(DAYS)

    roll(lake, before)
    with timed("30 days in order, as one run"):
        run = lake.runs.trigger(DAYS[0], DAYS[-1])
        lake.runs.succeed(run, MONTH_SECONDS)
    in_order = lake.published().digests()
    print(json.dumps({"random order": shuffled, "in order": in_order}, indent=2))
    assert in_order == shuffled


def totals(lake: Lake) -> dict[str, Decimal]:
    rows = lake.query(
        "SELECT sale_date, sum(revenue) FROM daily_sales"
        f" WHERE sale_date BETWEEN DATE '{DAYS[0]}' AND DATE '{DAYS[-1]}' GROUP BY 1"
    )
    return {str(day): Decimal(str(sum_)) for day, sum_ in rows}
