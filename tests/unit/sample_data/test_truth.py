"""The truth is what DuckDB finds in the raw files, and adds up whatever the order of the runs."""

import csv
import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from include.lake.contracts import Contract, load_lake
from include.sample_data import Accounts, generate, truth
from include.sample_data.__main__ import main
from include.sample_data.customers import REFUSED, named
from include.sample_data.feed import FeedDay
from tests.unit.sample_data import oracle

DELIVERIES = {
    "clocks go forward": ("2024-03-29", "2024-04-01"),  # with a Saturday
    "clocks go back": ("2024-10-27", "2024-10-29"),
    "leap day": ("2024-02-29", "2024-02-29"),
}


class Delivery:
    """A written delivery, its truth, and the oracle's reading of it."""

    def __init__(self, root: Path, first: str, last: str, scale: str) -> None:
        assert main(["--from", first, "--to", last, "--out", str(root), "--scale", scale]) == 0
        self.root = root
        self.truth: dict[str, Any] = json.loads((root / "truth.json").read_text())
        self.database = oracle.read(root)
        start, end = date.fromisoformat(first), date.fromisoformat(last)
        self.days = [start + timedelta(days=n) for n in range((end - start).days + 1)]


@pytest.fixture(scope="module", params=DELIVERIES)
def delivery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return Delivery(tmp_path_factory.mktemp("delivery"), *DELIVERIES[request.param], "1")


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("daily_sales", ("day", "channel")),
        ("sales_by_region", ("day", "channel", "region")),
        ("sales_by_category", ("day", "category")),
    ],
)
def test_sums_are_what_the_oracle_finds(delivery: Delivery, name: str, keys: tuple[str]) -> None:
    assert delivery.truth[name] == oracle.sums(delivery.database, *keys)
    assert delivery.truth[name]


def test_quarantine_is_what_the_oracle_finds(delivery: Delivery) -> None:
    found: dict[str, dict[str, int]] = {}
    for dataset, reason, rows in delivery.database.execute(
        "SELECT dataset, reason, count(*) FROM rows WHERE reason IS NOT NULL GROUP BY ALL"
    ).fetchall():
        found.setdefault(dataset, {})[reason] = rows
    assert delivery.truth["quarantine"] == found


def test_faults_lie_where_the_truth_says(delivery: Delivery) -> None:
    found = Counter(
        delivery.database.execute(
            "SELECT dataset, file, reason, mark FROM rows WHERE reason IS NOT NULL"
        ).fetchall()
    )
    said: Counter[tuple[str, str, str, str]] = Counter()
    for fault in delivery.truth["faults"]:
        dataset, day = fault["dataset"], fault["ingest_date"]
        path = delivery.root / dataset / f"ingest_date={day}" / fault["file"]
        path = path if path.exists() else delivery.root / dataset / fault["file"]
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        lines = content.decode().split("\n")
        table = path.parent.name == dataset and path.suffix == ".csv"  # below its header
        mark = mark_of(dataset, lines[fault["row"] - (0 if table else 1)])
        said[fault["dataset"], fault["file"], fault["reason"], mark] += 1
    assert said == found


def mark_of(dataset: str, line: str) -> str:
    if dataset == "product_feed":
        return oracle.element_mark(ElementTree.fromstring(line))
    if dataset in ("ecommerce_orders", "marketplace_sales"):
        return line
    separator = ";" if dataset == "vendor_sales" else ","
    cells = 2 if dataset in ("vendor_sales", "inventory_levels") else 1
    return separator.join(next(csv.reader([line], delimiter=separator))[:cells])


LEDGER = """
WITH seen AS (
    SELECT *, row_number() OVER (
        PARTITION BY dataset, day, id ORDER BY arrived DESC, file DESC, place DESC) > 1 AS loses
    FROM rows WHERE reason IS NULL AND ({known})
)
SELECT dataset, arrived::VARCHAR, file, count(*) AS rows_in,
    count(*) - count(reason) - coalesce(max(lost), 0) AS silver, count(reason) AS quarantined,
    coalesce(max(lost), 0)::BIGINT AS duplicates
FROM rows LEFT JOIN (
    SELECT dataset, file, count(*) AS lost FROM seen WHERE loses GROUP BY ALL) USING (dataset, file)
WHERE {window} GROUP BY dataset, rows.arrived, file ORDER BY dataset, rows.arrived, file
"""


def between(first: date, last: date) -> str:
    return f"arrived BETWEEN DATE '{first}' AND DATE '{last}'"


@pytest.mark.parametrize("order", ["day by day", "backwards", "one run", "last first, then all"])
def test_ledgers_are_what_the_oracle_finds(delivery: Delivery, order: str) -> None:
    single = [(day, day) for day in delivery.days]
    whole = (delivery.days[0], delivery.days[-1])
    windows = {
        "day by day": single,
        "backwards": single[::-1],
        "one run": [whole],
        "last first, then all": [single[-1], whole],
    }[order]
    runs = truth(delivery.days, windows=windows)["runs"]
    assert [(run["from"], run["to"]) for run in runs] == [(str(a), str(b)) for a, b in windows]
    for place, (run, window) in enumerate(zip(runs, windows, strict=True)):
        known = " OR ".join(between(*w) for w in windows[: place + 1])
        rows = delivery.database.execute(LEDGER.format(known=known, window=between(*window)))
        names = ("dataset", "ingest_date", "file", "rows_in", "silver", "quarantined", "duplicates")
        said = [tuple(file[name] for name in names) for file in run["files"] if file["rows_in"]]
        assert said == rows.fetchall()
        for file in run["files"]:
            assert file["rows_in"] == file["silver"] + file["quarantined"] + file["duplicates"]
            assert file["quarantined"] == sum(file["reasons"].values())
    if order == "day by day":
        assert runs == delivery.truth["runs"]


def test_every_delivered_row_is_in_the_books(delivery: Delivery) -> None:
    written = delivery.database.execute("SELECT count(*) FROM rows").fetchone()
    files = [file for run in delivery.truth["runs"] for file in run["files"]]
    assert written == (sum(file["rows_in"] for file in files),)
    assert len(files) == 15 * len(delivery.days)


def test_larger_deliveries_are_right_too(tmp_path: Path) -> None:
    large = Delivery(tmp_path, "2024-11-28", "2024-11-30", "4")
    assert large.truth["daily_sales"] == oracle.sums(large.database, "day", "channel")


def test_the_smallest_delivery_still_has_every_fault() -> None:
    days = [date(2024, 1, 9)]
    small = {k: set(v) for k, v in truth(days, scale=0.01)["quarantine"].items()}
    assert small == {k: set(v) for k, v in truth(days)["quarantine"].items()}


def possible(contract: Contract) -> set[str]:
    """All reasons that a contract can give."""
    drop = contract.source.kind == "s3_drop"
    reasons = {"unreadable"} if drop else set()
    for column in contract.columns:
        if column.derived:
            continue
        if column.required:
            reasons.add(f"required:{column.name}")
        if column.type != "string":
            reasons.add(f"invalid:{column.name}")
        if {column.minimum, column.exclusive_minimum, column.maximum} != {None}:
            reasons.add(f"out_of_range:{column.name}")
        if column.pattern:
            reasons.add(f"bad_pattern:{column.name}")
        if column.accepted:
            reasons.add(f"not_accepted:{column.name}")
    reasons |= {f"rule:{rule.name}" for rule in contract.rules}
    time = contract.source.business_time
    return reasons | ({f"in_future:{time}", f"too_late:{time}"} if drop and time else set())


def test_every_reason_of_every_contract_is_planted_every_day() -> None:
    planted = {k: set(v) for k, v in truth([date(2026, 11, 19)])["quarantine"].items()}
    contracts = {contract.dataset: contract for contract in load_lake().contracts}
    assert planted.keys() == contracts.keys()
    for dataset, contract in contracts.items():
        if contract.source.kind == "s3_drop":
            assert planted[dataset] == possible(contract)
        elif contract.source.kind == "rest_api":  # which finds its records by their time
            unsaid = {"required:sold_at", "invalid:sold_at"}
            assert planted[dataset] == possible(contract) - unsaid
        else:  # a table's types and constraints leave less room
            room = ("required", "invalid")
            assert planted[dataset] <= {r for r in possible(contract) if not r.startswith(room)}
            ranges = {r.split(":")[0] for r in possible(contract)} - {*room}
            assert {reason.split(":")[0] for reason in planted[dataset]} == ranges


def test_delivered_columns_are_the_contracts() -> None:
    day = generate(date(2026, 11, 19))
    delivered = {file.dataset: file for file in day.everything}
    for contract in load_lake().contracts:
        sources = [column.source for column in contract.columns if not column.derived]
        file = delivered[contract.dataset]
        header, first = file.header, next(file.rows()).text
        if contract.source.format == "xml":
            assert [child.tag for child in ElementTree.fromstring(first)] == sources
        elif header is None:
            assert list(json.loads(first)) == sources
        else:
            assert re.split("[,;]", header) == sources


def test_a_corrected_order_counts_with_its_new_quantity() -> None:
    before, after = date(2026, 11, 18), date(2026, 11, 19)
    orders: dict[str, list[dict[str, Any]]] = {}
    for day in (before, after):
        for file in generate(day).files:
            for row in file.rows():
                if row.sale and row.sale.channel == "web" and row.sale.day == before:
                    order = json.loads(row.text)
                    orders.setdefault(order["transaction_id"], []).append(order)
    corrected = [v for v in orders.values() if len({order["quantity"] for order in v}) > 1]
    assert [len(copies) for copies in corrected] == [2]
    ((first, second),) = corrected
    assert second["quantity"] == first["quantity"] + 1
    same = [name for name in first if name not in ("quantity", "total_amount")]
    assert [first[name] for name in same] == [second[name] for name in same]


@pytest.mark.parametrize("channel", ["web", "wholesale", "vendor"])
def test_late_rows_and_copies_of_every_kind_are_there(channel: str) -> None:
    day = date(2026, 11, 19)
    places: dict[str, list[tuple[str, date]]] = {}
    late = set()
    for delivered in (day - timedelta(days=1), day):
        for file in generate(delivered).files:
            for row in file.rows():
                if row.sale and row.sale.channel == channel:
                    places.setdefault(row.text, []).append((file.name, delivered))
                    if delivered == day:
                        late.add((day - row.sale.day).days)
    assert late == {0, 1, 2, 3}
    copies = [spot for spot in places.values() if len(spot) > 1]
    kinds = {(len({name for name, _ in s}), len({d for _, d in s})) for s in copies}
    assert kinds == {(1, 1), (2, 1), (2, 2)}  # one file, two files of a day, two days


def test_returns_missing_customers_and_other_totals_occur_every_day() -> None:
    day = date(2026, 11, 19)
    sales = [row.sale for f in generate(day).everything for row in f.rows() if row.sale]
    for channel in ("web", "wholesale", "vendor", "store", "marketplace"):
        of_channel = [sale for sale in sales if sale.channel == channel]
        assert any(sale.customer is None for sale in of_channel)
        assert any(sale.is_return for sale in of_channel) == (channel != "web")
        assert any(sale.total != sale.calculated for sale in of_channel) == (channel != "wholesale")
        assert all(sale.is_return == (sale.quantity < 0) == (sale.total < 0) for sale in of_channel)


def test_what_the_marketplace_does_not_say_is_filled_or_unknown_every_day() -> None:
    day = date(2026, 11, 19)
    sales = {
        json.loads(row.text)["sale_id"]: (json.loads(row.text), row.sale)
        for file in generate(day).sources
        if file.dataset == "marketplace_sales"
        for row in file.rows()
        if row.sale
    }
    skus = {record["sku"] for record, sale in sales.values() if sale.category == "Unknown"}
    assert skus == {FeedDay(day).unknown.code, "X-4711"}
    assert {sale.category for _, sale in sales.values()} >= {"Clearance", "Electronics"}
    buyers = {record["buyer_id"] for record, sale in sales.values() if sale.region != "Unknown"}
    assert max(len(str(buyer)) for buyer in buyers) == len("CUST00000")  # new on that day
    nowhere = {record["buyer_id"] for record, sale in sales.values() if sale.region == "Unknown"}
    assert {None, *(named(number) for number in REFUSED)} & nowhere > {None}
    assert not nowhere & buyers


def test_a_row_without_an_intended_outcome_is_an_error() -> None:
    file = generate(date(2026, 11, 19)).files[0]
    aimless = (replace(row, sale=None, reason=None) for row in file.rows())
    with pytest.raises(ValueError, match=r"orders-2026-11-19-1\.jsonl row 1: neither"):
        list(Accounts().watch(replace(file, rows=lambda: aimless)))
