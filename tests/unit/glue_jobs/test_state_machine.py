"""Deliveries and runs in any order, against a model of a few lines.

The rules deliver, correct and repeat files, run days in and out of order, run them again, and let
runs overtake each other. After every step readers see what the model says, to the penny, and at the
end one run over all days gives the same bytes. ``include.lake`` is the real thing in both tests;
silver is built by the real job in one, for few examples, and in the other, for many, by a plain
engine that knows nothing but the same ``inputs.json``.
"""

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pyspark.sql import SparkSession

from include.lake import layout
from include.lake.contracts import Lake, load_lake
from include.lake.inputs import InputsError
from include.lake.releases import SupersededError
from include.lake.window import Window
from tests.unit.glue_jobs.published_lake import Engine, Opened, PublishedLake, spark_engine

WEB = "ecommerce_orders"
START = date(2026, 3, 28)  # the clocks change on the second day
DAYS = [START + timedelta(days=n) for n in range(4)]
LATENESS = 3


@dataclass(frozen=True)
class Order:
    """A row as a test writes it; a price below zero is refused."""

    number: int
    business_day: date
    pence: int

    def text(self) -> str:
        """Its line in a file; shortly after midnight, so that the day is that of the zone."""
        price = self.pence / 100
        return json.dumps(
            {
                "transaction_id": f"TXN{self.number:06}",
                "timestamp": f"{self.business_day}T00:30:00",
                "product_id": "P1",
                "product_name": "Tea",
                "category": "Food",
                "quantity": 1,
                "unit_price": price,
                "total_amount": price,
                "customer_id": None,
                "region": "North",
                "payment_method": "Cash",
            }
        )

    def is_valid(self, arrival: date) -> bool:
        return self.pence > 0 and 0 <= (arrival - self.business_day).days <= LATENESS


Files = dict[str, tuple[Order, ...]]  # of an arrival day by name
ROWS = st.lists(
    st.builds(
        Order,
        number=st.integers(1, 3),
        business_day=st.sampled_from([START - timedelta(days=2), *DAYS]),
        pence=st.sampled_from([-1, 1, 10, 110, 1999]),
    ),
    max_size=4,
).map(tuple)
DAY = st.sampled_from(DAYS)
NAME = st.sampled_from(["a.jsonl", "b.jsonl.gz"])


@dataclass(frozen=True)
class Waiting:
    """A run that was opened and has not been published."""

    opened: Opened
    files: dict[date, Files]
    affected: frozenset[date]


def machine(engine_of: Callable[[Lake], Engine], lake: Lake) -> type[RuleBasedStateMachine]:
    """The machine over an engine."""

    class Deliveries(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(tempfile.mkdtemp())
            self.lake = PublishedLake(self.folder / "lake", lake, engine_of(lake))
            self.bronze: dict[date, Files] = {}
            self.published: dict[date, Files] = {}
            self.publications: list[tuple[frozenset[date], frozenset[date]]] = []
            self.waiting: tuple[Waiting, int] | None = None

        # --- the model

        def business_days(self, files: dict[date, Files]) -> frozenset[date]:
            return frozenset(
                row.business_day
                for arrival, delivered in files.items()
                for rows in delivered.values()
                for row in rows
                if row.is_valid(arrival)
            )

        def sales(self, published: dict[date, Files]) -> dict[date, tuple[int, int]]:
            """Rows and pence by business day: of each order, what came last counts."""
            last: dict[tuple[date, int], int] = {}
            for arrival in sorted(published):
                for name in sorted(published[arrival]):
                    for row in published[arrival][name]:
                        if row.is_valid(arrival):
                            last[row.business_day, row.number] = row.pence
            days = {day for day, _ in last}
            return {
                day: (len(pence), sum(pence))
                for day in days
                for pence in [[value for (when, _), value in last.items() if when == day]]
            }

        # --- what may happen

        @initialize(rows=ROWS)
        def first_day(self, rows: tuple[Order, ...]) -> None:
            self.deliver(START, "a.jsonl", rows)

        @rule(day=DAY, name=NAME, rows=ROWS)
        def deliver(self, day: date, name: str, rows: tuple[Order, ...]) -> None:
            """A file arrives; under a name that is there already it is a corrected one."""
            self.bronze.setdefault(day, {})[name] = rows
            text = "".join(f"{row.text()}\n" for row in rows)
            self.lake.deliver(WEB, day, name, text)

        @precondition(lambda self: any(self.bronze.values()))
        @rule(data=st.data(), day=DAY)
        def repeat(self, data: st.DataObject, day: date) -> None:
            """Rows that were delivered before come again, on whatever day."""
            delivered = [rows for files in self.bronze.values() for rows in files.values()]
            self.deliver(day, "again.jsonl", data.draw(st.sampled_from(delivered)))

        @rule(day=DAY)
        def run(self, day: date) -> None:
            if day not in self.bronze:
                with pytest.raises(InputsError, match="the delivery is missing"):
                    self.lake.open(day)
                return
            self.finish(self.begin(day, day), 0, fresh=True)

        @precondition(lambda self: set(DAYS[:2]) <= set(self.bronze))
        @rule()
        def run_two_days_at_once(self) -> None:
            self.finish(self.begin(DAYS[0], DAYS[1]), 0, fresh=True)

        @precondition(lambda self: self.publications)
        @rule(data=st.data())
        def run_again(self, data: st.DataObject) -> None:
            """A day whose files have not changed since: the same bytes."""
            same = [day for day, files in self.published.items() if files == self.bronze[day]]
            if same:
                before = self.lake.hashes()
                day = data.draw(st.sampled_from(sorted(same)))
                self.finish(self.begin(day, day), 0, fresh=True)
                assert self.lake.hashes() == before

        @precondition(lambda self: self.waiting is None)
        @rule(data=st.data())
        def begin_and_wait(self, data: st.DataObject) -> None:
            day = data.draw(st.sampled_from(sorted(self.bronze)))
            self.waiting = (self.begin(day, day), len(self.publications))

        @precondition(lambda self: self.waiting is not None)
        @rule()
        def finish_the_one_that_waits(self) -> None:
            assert self.waiting is not None
            run, seen = self.waiting
            self.waiting = None
            self.finish(run, seen, fresh=False)

        def begin(self, first: date, last: date) -> Waiting:
            opened = self.lake.open(first, last)
            files = {day: dict(self.bronze[day]) for day in opened.window}
            before = {day: self.published[day] for day in files if day in self.published}
            affected = self.business_days(files) | self.business_days(before) | set(files)
            manifest = self.lake.build(opened)  # before anything else can change the files
            assert {date.fromisoformat(day) for day in manifest["affected_days"]} == affected
            for row in manifest["ledger"]:
                assert row["rows_in"] == row["silver"] + row["quarantined"] + row["duplicates"]
                name = row["source_file"].rpartition("/")[2]
                delivered = files[date.fromisoformat(row["ingest_date"])][name]
                arrival = date.fromisoformat(row["ingest_date"])
                refused = [each for each in delivered if not each.is_valid(arrival)]
                assert (row["rows_in"], row["quarantined"]) == (len(delivered), len(refused))
            return Waiting(opened, files, affected)

        def finish(self, run: Waiting, seen: int, *, fresh: bool) -> None:
            manifest = self.lake.manifests[run.opened.document["release"]]
            overtaken = (
                any(
                    window & set(run.files) or affected & run.affected
                    for window, affected in self.publications[seen:]
                )
                and not fresh
            )
            if overtaken:
                before = self.lake.pointer
                with pytest.raises(SupersededError, match="superseded"):
                    self.lake.publish(run.opened, manifest)
                assert self.lake.pointer == before
                return
            self.lake.publish(run.opened, manifest)
            self.published |= run.files
            self.publications.append((frozenset(run.files), run.affected))

        # --- what always holds

        @invariant()
        def readers_see_what_the_model_says(self) -> None:
            assert totals(self.lake) == self.sales(self.published)

        def teardown(self) -> None:
            try:
                self.one_run_over_all_days_gives_the_same_bytes()
            finally:
                shutil.rmtree(self.folder)

        def one_run_over_all_days_gives_the_same_bytes(self) -> None:
            for day in DAYS:
                if day not in self.bronze:
                    self.deliver(day, "a.jsonl", ())
            for day in reversed(DAYS):  # the last first: every other day is late
                if self.published.get(day) != self.bronze[day]:
                    self.finish(self.begin(day, day), 0, fresh=True)
            self.readers_see_what_the_model_says()
            whole = PublishedLake(self.folder / "whole", lake, engine_of(lake))
            for day, files in self.bronze.items():
                for name, rows in files.items():
                    text = "".join(f"{row.text()}\n" for row in rows)
                    whole.deliver(WEB, day, name, text)
            whole.run(DAYS[0], DAYS[-1])
            assert whole.hashes() == self.lake.hashes()

    return Deliveries


def totals(lake: PublishedLake) -> dict[date, tuple[int, int]]:
    """Rows and pence of the published sales by business day, as DuckDB reads the files."""
    files = [str(file) for each in lake.files().values() for file in each]
    if not files:
        return {}
    rows = duckdb.execute(
        "SELECT regexp_extract(filename, 'sale_date=([0-9-]+)', 1)::DATE, count(*),"
        " sum(total_amount * 100)::BIGINT FROM read_parquet($files, filename = true) GROUP BY 1",
        {"files": files},
    ).fetchall()
    return {day: (count, pence) for day, count, pence in rows}


# --- the plain engine


def plain_engine(lake: Lake) -> Engine:
    """Silver of ``inputs.json`` in plain Python: nothing of the job's code."""
    clean = lake.contract(WEB).silver_table

    def build(document: dict[str, Any], token: str) -> dict[str, Any]:
        release, root = document["release"], document["lake_bucket"].removeprefix("file://")
        rows, ledger = [], []
        for entry in document["datasets"][WEB]:
            delivered = list(read_lines(Path(root), entry))
            rows += [row for row in delivered if row["is_valid"]]
            ledger.append((entry, delivered))
        first, last = (date.fromisoformat(document["window"][end]) for end in ("from", "to"))
        window = [day.isoformat() for day in Window(first, last)]
        affected = sorted(
            {row["sale_date"] for row in rows}
            | {row["sale_date"] for row in document["replaced"]}
            | set(window)
        )
        known = list(rows)
        for partition in document["upstream"]:
            if partition["sale_date"] in affected:
                for file in Path(partition["location"].removeprefix("file://")).glob("*.parquet"):
                    known += pq.read_table(file, partitioning=None).to_pylist()
        kept: dict[tuple[str, str], dict[str, Any]] = {}
        for row in sorted(known, key=lambda row: (row["ingest_date"], row["source_file"],
                                                  row["source_row"])):  # fmt: skip
            kept[row["sale_date"], row["transaction_id"]] = row
        sales: dict[tuple[str, ...], list[dict[str, Any]]] = {(day,): [] for day in affected}
        for (day, _), row in sorted(kept.items()):
            sales[day,].append(row)
        arrivals: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            arrivals.setdefault((row["ingest_date"], row["sale_date"]), []).append(row)
        tables = {
            "sales": sales,
            clean: arrivals,
            "quarantine": {},
            "run_ledger": {(day,): [] for day in window},
        }
        won = [row["source_file"] for row in kept.values()]
        return {
            "release": release,
            "tables": [written(root, release, token, name, tables[name]) for name in tables],
            "ledger": [book(entry, found, won.count(entry["key"])) for entry, found in ledger],
            "affected_days": affected,
        }

    return build


def read_lines(root: Path, entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    data = (root / entry["key"]).read_bytes()
    text = gzip.decompress(data) if entry["key"].endswith(".gz") else data
    for number, line in enumerate(text.splitlines(), start=1):
        order = json.loads(line, parse_float=Decimal)
        day = order["timestamp"][:10]
        age = (date.fromisoformat(entry["ingest_date"]) - date.fromisoformat(day)).days
        yield {
            "transaction_id": order["transaction_id"],
            "total_amount": order["total_amount"],
            "source_file": entry["key"],
            "source_row": number,
            "ingest_date": entry["ingest_date"],
            "sale_date": day,
            "is_valid": order["total_amount"] > 0 and 0 <= age <= LATENESS,
        }


SCHEMA = pa.schema(
    [
        *[(name, pa.string()) for name in ("transaction_id", "source_file")],
        *[(name, pa.string()) for name in ("ingest_date", "sale_date")],
        ("source_row", pa.int64()),
        ("total_amount", pa.decimal128(18, 2)),
    ]
)


def written(
    root: str, release: str, token: str, table: str, partitions: dict[tuple[str, ...], Any]
) -> dict[str, Any]:
    keys = layout.partition_keys(table)[:-1]
    prefix = f"{root}/{layout.run_prefix('silver', table, release, token)}"
    entries = []
    for values, rows in sorted(partitions.items()):
        path = "/".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        folder = Path(prefix) / path
        if rows:
            folder.mkdir(parents=True)
            columns = [{name: row[name] for name in SCHEMA.names} for row in rows]
            pq.write_table(pa.Table.from_pylist(columns, SCHEMA), folder / "0.parquet")
        entries.append(
            {"values": [*values, release], "location": f"file://{folder}/", "rows": len(rows)}
        )
    return {"database": "retail_silver", "table": table, "partitions": entries}


def book(entry: dict[str, Any], delivered: list[dict[str, Any]], silver: int) -> dict[str, Any]:
    refused = sum(not row["is_valid"] for row in delivered)
    return {
        "dataset": WEB,
        "source_file": entry["key"],
        "ingest_date": entry["ingest_date"],
        "rows_in": len(delivered),
        "silver": silver,
        "quarantined": refused,
        "duplicates": len(delivered) - refused - silver,
    }


#: Without shrinking, which would take minutes: the steps of a failure are few enough to read.
BOUNDED = (Phase.explicit, Phase.reuse, Phase.generate)


def web_only(lake: Lake) -> Lake:
    return replace(lake, contracts=(lake.contract(WEB),))


def test_many_orders_of_deliveries_and_runs() -> None:
    run_state_machine_as_test(
        machine(plain_engine, web_only(load_lake())),
        settings=settings(
            max_examples=60,
            stateful_step_count=14,
            deadline=None,
            phases=BOUNDED,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_orders_of_deliveries_and_runs_of_the_job(spark: SparkSession, lake: Lake) -> None:
    run_state_machine_as_test(
        machine(lambda small: spark_engine(spark, small), web_only(lake)),
        settings=settings(
            max_examples=2,
            stateful_step_count=5,
            deadline=None,
            phases=BOUNDED,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
