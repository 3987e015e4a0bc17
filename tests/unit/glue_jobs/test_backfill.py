"""A month in random order, four days under way at a time, gives the month in order byte for byte.

The days overlap: each brings a late order, a correction of the day before and an order again. No
run waits for its turn here, so those that are overtaken are refused and built anew.
"""

import hashlib
import random
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake, load_lake
from include.lake.releases import SupersededError
from tests.unit.glue_jobs.published_lake import Engine, PublishedLake, spark_engine
from tests.unit.glue_jobs.test_state_machine import WEB, Order, plain_engine, totals, web_only

FIRST = date(2026, 3, 14)  # the clocks change on the 29th
DAYS = [FIRST + timedelta(days=number) for number in range(30)]
AT_ONCE = 4
BOOKS = ("run_ledger",)  # which of two equal rows counts as the duplicate depends on the order


def arrivals(number: int) -> list[Order]:
    """What comes on one of the days."""
    first = 10 * number
    rows = [Order(first + piece, DAYS[number], 100 * (piece + 1)) for piece in range(3)]
    rows.append(Order(first + 3, DAYS[number], -1))  # for quarantine
    if number >= 1:
        rows.append(Order(first - 10, DAYS[number - 1], 5000 + number))
    if number >= 2:
        rows.append(Order(first + 5, DAYS[number - 2], 700))
        rows.append(Order(first - 19, DAYS[number - 2], 200))  # as it was delivered
    return rows


def pence() -> dict[date, tuple[int, int]]:
    """Rows and pence by business day: of each order, what came last counts."""
    last = {row.number: row for number in range(len(DAYS)) for row in arrivals(number)}
    kept = [row for row in last.values() if row.pence > 0]
    return {
        day: (len(found), sum(found))
        for day in DAYS
        for found in [[row.pence for row in kept if row.business_day == day]]
    }


def delivered(folder: Path, lake: Lake, engine: Engine) -> PublishedLake:
    """A lake with the month's files and nothing published."""
    made = PublishedLake(folder, lake, engine)
    for number, day in enumerate(DAYS):
        text = "".join(f"{row.text()}\n" for row in arrivals(number))
        made.deliver(WEB, day, "orders.jsonl", text)
    return made


def contents(lake: PublishedLake) -> dict[tuple[str, ...], list[str]]:
    """Sha256 of the files of each published partition."""
    return {
        row.key: sorted(
            hashlib.sha256(file.read_bytes()).hexdigest()
            for file in Path(
                lake.locations[row.table, row.partition_values].removeprefix("file://")
            ).glob("*.parquet")
        )
        for row in lake.pointer
        if row.table not in BOOKS
    }


def run_in_random_order(lake: PublishedLake, choice: random.Random) -> int:
    """Start and finish runs at random; return how many were superseded."""
    waiting, running = choice.sample(DAYS, len(DAYS)), []
    superseded = 0
    while waiting or running:
        may_start = waiting and len(running) < AT_ONCE
        if may_start and (not running or choice.random() < 0.7):
            day = waiting.pop()
            opened = lake.open(day)
            running.append((day, opened, lake.build(opened)))
            continue
        day, opened, manifest = running.pop(choice.randrange(len(running)))
        try:
            lake.publish(opened, manifest)
        except SupersededError:
            superseded += 1
            waiting.insert(choice.randint(0, len(waiting)), day)
    return superseded


def check(folder: Path, lake: Lake, engine: Engine, seeds: range) -> None:
    in_order = delivered(folder / "in_order", lake, engine)
    for day in DAYS:
        in_order.run(day)
    assert totals(in_order) == pence()
    for seed in seeds:
        shuffled = delivered(folder / f"shuffled_{seed}", lake, engine)
        superseded = run_in_random_order(shuffled, random.Random(seed))
        print(f"order {seed}: {superseded} runs were overtaken and built anew")
        assert contents(shuffled) == contents(in_order)
        assert superseded, "an order in which no run overtakes another shows nothing"


def test_a_month_in_random_order(tmp_path: Path) -> None:
    lake = web_only(load_lake())
    check(tmp_path, lake, plain_engine(lake), range(3))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_month_in_random_order_built_by_the_job(
    tmp_path: Path, spark: SparkSession, lake: Lake
) -> None:
    small = web_only(lake)
    check(tmp_path, small, spark_engine(spark, small), range(1))
