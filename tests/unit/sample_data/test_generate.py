"""The same day is the same bytes, alone or among others, and everything streams."""

import gzip
import hashlib
import json
from datetime import date, timedelta
from itertools import islice

import pytest

from include.sample_data import Day, DeliveredFile, generate
from include.sample_data.london import Moment

DAY = date(2024, 6, 5)
PINNED = {
    "orders-2024-06-05-1.jsonl": "949036be85e1fad7",
    "orders-2024-06-05-2.jsonl.gz": "30b59bddda04c9a4",
    "orders-2024-06-05-3.jsonl": "f98a0187b580a895",
    "invoices-2024-06-05-1.csv": "d2d3a5be74f1056a",
    "invoices-2024-06-05-2.csv": "32522d8d357041f2",
    "V017-2024-06-05-1.csv": "b302177b97ae09d7",
    "V017-2024-06-05-2.csv": "769d1dcf0ba4763d",
    "V042-2024-06-05-1.csv": "670a135cf8c43ead",
    "V042-2024-06-05-2.csv.gz": "623371621773d3eb",
    "2024-06-05.csv": "eeaeecffc556838b",
}


def everything(day: Day) -> list[DeliveredFile]:
    return [*day.files, day.store_file]


def digests(day: Day) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.content).hexdigest()[:16] for f in everything(day)}


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
        for file in everything(day)
    }
    assert len(contents) == 30


def test_a_scale_multiplies_the_rows() -> None:
    def rows(scale: float) -> int:
        return sum(1 for f in everything(generate(DAY, scale=scale)) for _ in f.rows())

    assert 2000 <= rows(1) <= 4000
    assert rows(3) == pytest.approx(3 * rows(1), rel=0.02)


def test_files_of_any_scale_are_made_piece_by_piece() -> None:
    for file in everything(generate(DAY, scale=5000)):
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


def test_every_dataset_but_the_tills_arrives_in_more_than_one_file() -> None:
    datasets = [file.dataset for file in generate(DAY).files]
    assert {name: datasets.count(name) for name in datasets} == {
        "ecommerce_orders": 3,
        "wholesale_invoices": 2,
        "vendor_sales": 4,
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
