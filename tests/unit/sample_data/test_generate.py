"""The same day is the same bytes, alone or among others, and everything streams."""

import gzip
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from xml.etree import ElementTree

import pytest

from include.sample_data import Day, DeliveredFile, generate
from include.sample_data.catalogue import products
from include.sample_data.feed import FeedDay
from include.sample_data.london import Moment

DAY = date(2024, 6, 5)
PINNED = {
    "ecommerce_orders/orders-2024-06-05-1.jsonl": "949036be85e1fad7",
    "ecommerce_orders/orders-2024-06-05-2.jsonl.gz": "30b59bddda04c9a4",
    "ecommerce_orders/orders-2024-06-05-3.jsonl": "f98a0187b580a895",
    "wholesale_invoices/invoices-2024-06-05-1.csv": "d2d3a5be74f1056a",
    "wholesale_invoices/invoices-2024-06-05-2.csv": "32522d8d357041f2",
    "vendor_sales/V017-2024-06-05-1.csv": "b302177b97ae09d7",
    "vendor_sales/V017-2024-06-05-2.csv": "769d1dcf0ba4763d",
    "vendor_sales/V042-2024-06-05-1.csv": "670a135cf8c43ead",
    "vendor_sales/V042-2024-06-05-2.csv.gz": "623371621773d3eb",
    "product_feed/catalogue-2024-06-05-1.xml": "d879c1790531d175",
    "product_feed/catalogue-2024-06-05-2.xml.gz": "828e0b15ee33ff28",
    "store_transactions/2024-06-05.csv": "eeaeecffc556838b",
    "inventory_levels/2024-06-05.csv": "a67d369052b6e2d4",
    "customers/2024-06-05.csv": "f0693da5913cf15e",
    "marketplace_sales/2024-06-05.jsonl": "2b5444a5ccef020a",
}
#: What is as large on every scale, and does not differ by seed where it is the catalogue.
STATES = ("product_feed", "inventory_levels", "customers")


def digests(day: Day) -> dict[str, str]:
    return {
        f"{file.dataset}/{file.name}": hashlib.sha256(file.content).hexdigest()[:16]
        for file in day.everything
    }


def test_a_fixed_day_has_the_bytes_it_always_had() -> None:
    assert digests(generate(DAY)) == PINNED


def test_a_day_does_not_depend_on_the_days_made_before_it() -> None:
    for back in (3, 2, 1):
        digests(generate(DAY - timedelta(days=back)))
    assert digests(generate(DAY)) == PINNED


def test_another_seed_or_day_is_other_data() -> None:
    contents = {
        file.content
        for day in (generate(DAY), generate(DAY, seed=8), generate(DAY + timedelta(days=1)))
        for file in day.everything
    }
    assert len(contents) == 3 * 15 - 2  # the catalogue of a day is the same for any seed


def test_a_scale_multiplies_the_sales() -> None:
    def rows(scale: float, states: bool) -> int:
        files = generate(DAY, scale=scale).everything
        return sum(1 for f in files if (f.dataset in STATES) == states for _ in f.rows())

    assert 2000 <= rows(1, False) <= 4500
    assert rows(3, False) == pytest.approx(3 * rows(1, False), rel=0.02)
    assert rows(3, True) == rows(1, True) < 1200


def test_files_of_any_scale_are_made_piece_by_piece() -> None:
    for file in generate(DAY, scale=5000).everything:
        if file.dataset in STATES:
            continue
        start = list(islice(file.chunks(), 3))
        assert len(start) == 3
        assert max(map(len, start)) < 200_000


def test_the_gzip_file_holds_whole_lines_of_json() -> None:
    (file,) = (f for f in generate(DAY).files if f.name.endswith(".jsonl.gz"))
    lines = gzip.decompress(file.content).decode().splitlines()
    assert lines == [row.text for row in file.rows()]
    assert sum(1 for line in lines if line.endswith("}") and json.loads(line)) > 300


def test_a_large_gzip_file_is_whole_too() -> None:
    (file,) = (f for f in generate(DAY, scale=20).files if f.name.endswith(".jsonl.gz"))
    assert gzip.decompress(file.content).count(b"\n") == sum(1 for _ in file.rows())


def test_every_dropped_dataset_arrives_in_more_than_one_file() -> None:
    datasets = [file.dataset for file in generate(DAY).files]
    assert {name: datasets.count(name) for name in datasets} == {
        "ecommerce_orders": 3,
        "wholesale_invoices": 2,
        "vendor_sales": 4,
        "product_feed": 2,
    }


def test_wholesale_delivers_only_headers_on_a_saturday() -> None:
    files = [f for f in generate(date(2024, 6, 8)).files if f.dataset == "wholesale_invoices"]
    assert {f.content.count(b"\n") for f in files} == {1}


def test_two_vendors_use_the_same_numbers_for_their_own_documents() -> None:
    numbers: dict[str, set[str]] = {}
    for file in generate(DAY).files:
        if file.dataset == "vendor_sales":
            cells = [row.text.split(";") for row in file.rows() if row.sale]
            numbers.setdefault(file.name[:4], set()).update(row[1] for row in cells)
            assert {row[0] for row in cells} == {file.name[:4]}
    assert len(numbers["V017"] & numbers["V042"]) > 100


def source(day: date, dataset: str) -> DeliveredFile:
    (file,) = (file for file in generate(day).sources if file.dataset == dataset)
    return file


@pytest.mark.parametrize("day", [DAY, date(2024, 3, 31), date(2024, 10, 27)])
def test_the_marketplace_lists_a_business_day_in_order(day: date) -> None:
    lines = [json.loads(row.text) for row in source(day, "marketplace_sales").rows()]
    moments = [datetime.fromisoformat(line["sold_at"]) for line in lines]
    assert moments == sorted(set(moments))
    start, end = (Moment.on(d, 0).utc for d in (day, day + timedelta(days=1)))
    assert moments[0] == start
    assert end - timedelta(seconds=1) < moments[-1] < end


def test_the_repeated_hour_has_sales_both_times() -> None:
    day = date(2024, 10, 27)
    lines = [json.loads(row.text) for row in source(day, "marketplace_sales").rows()]
    hours = {datetime.fromisoformat(line["sold_at"]).astimezone(UTC).hour for line in lines}
    assert {0, 1} <= hours


def test_customers_come_with_every_day_and_are_never_changed() -> None:
    today, tomorrow = (
        {row.text: row.stays for row in source(day, "customers").rows()}
        for day in (DAY, DAY + timedelta(days=1))
    )
    assert {text for text in today if text in tomorrow} == {
        text for text, stays in today.items() if not stays
    }
    assert (len(today), sum(today.values()), sum(tomorrow.values())) == (305, 5, 5)


def test_the_catalogue_is_a_document_of_all_products_but_one() -> None:
    found = []
    for file in generate(DAY).files:
        if file.dataset == "product_feed":
            content = gzip.decompress(file.content) if file.name.endswith(".gz") else file.content
            assert content.decode().split("\n")[file.first_row - 1] == next(file.rows()).text
            kept = [row.text for row in file.rows() if row.entry]
            assert len(ElementTree.fromstring(content)) == sum(1 for _ in file.rows())
            found += [ElementTree.fromstring(text).findtext("product_id") for text in kept]
    ours = {str(code) for code in found if not str(code).startswith("P9")}
    assert ours == {product.code for product in products()} - {FeedDay(DAY).unknown.code}
    assert len(found) == 60 + 3 + 2  # copies, and novelties that are nowhere else


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2200, 1, 1)])
def test_a_day_outside_the_calendar_is_refused(day: date) -> None:
    with pytest.raises(ValueError, match=f"day {day} is outside 2000-01-05 to 2199-12-31"):
        generate(day)


@pytest.mark.parametrize("scale", [0.0, -1.0, 5001.0, float("nan"), float("inf")])
def test_a_scale_without_meaning_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"must be above 0 and at most 5000"):
        generate(DAY, scale=scale)


@pytest.mark.parametrize(
    ("day", "hour", "fold", "utc"),
    [
        (date(2024, 3, 30), 12, 0, "2024-03-30T12:00:00+00:00"),
        (date(2024, 3, 31), 0, 0, "2024-03-31T00:00:00+00:00"),
        (date(2024, 3, 31), 1, 0, "2024-03-31T01:00:00+00:00"),  # skipped: an hour later
        (date(2024, 3, 31), 2, 0, "2024-03-31T01:00:00+00:00"),
        (date(2024, 7, 1), 0, 0, "2024-06-30T23:00:00+00:00"),
        (date(2024, 10, 27), 1, 0, "2024-10-27T00:00:00+00:00"),
        (date(2024, 10, 27), 1, 1, "2024-10-27T01:00:00+00:00"),
        (date(2024, 10, 27), 2, 0, "2024-10-27T02:00:00+00:00"),
        (date(2024, 10, 28), 0, 0, "2024-10-28T00:00:00+00:00"),
    ],
)
def test_london_changes_its_clocks(day: date, hour: int, fold: int, utc: str) -> None:
    assert Moment.on(day, hour * 3600, fold).utc.isoformat() == utc
