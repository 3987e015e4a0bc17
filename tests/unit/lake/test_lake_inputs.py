"""The input manifest: what it lists, and that an incomplete delivery is never listed."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from include.lake import inputs
from include.lake.contracts import Enrichment, Lake, load_lake
from include.lake.inputs import BronzeObject, InputsError
from include.lake.releases import Pointer, PointerRow
from include.lake.window import Window

BUCKET = "retail-lake-local-lake-000000000000"
RELEASE, OLD = "r20260702_bbbbbbbbbbbb", "r20260701_aaaaaaaaaaaa"
DAY = date(2026, 7, 2)
WINDOW = Window(DAY, DAY)
A, B = "a" * 16, "b" * 16

DATASETS = ("ecommerce_orders", "wholesale_invoices", "store_transactions", "vendor_sales")

Listings = dict[str, dict[date, list[BronzeObject]]]


def prefix(dataset: str) -> str:
    return f"bronze/{dataset}/ingest_date=2026-07-02/"


def extract(name: str, size: int = 10) -> list[BronzeObject]:
    folder = prefix("store_transactions")
    return [
        BronzeObject(f"{folder}{name}.parquet", size, f'"{name}"'),
        BronzeObject(f"{folder}_manifest-{name}.json", 99, "m"),
    ]


def document(name: str, at: str, size: int = 10) -> dict[str, dict[str, Any]]:
    key = f"{prefix('store_transactions')}_manifest-{name}.json"
    return {key: {"file": f"{name}.parquet", "bytes": size, "extracted_at": at}}


@pytest.fixture(scope="module")
def lake() -> Lake:
    """A lake of four of the datasets: drops and one table."""
    lake = load_lake()
    return replace(lake, contracts=tuple(map(lake.contract, sorted(DATASETS))))


@pytest.fixture
def listings() -> Listings:
    def drop(dataset: str, *names: str) -> dict[date, list[BronzeObject]]:
        return {DAY: [BronzeObject(prefix(dataset) + name, 5, f"e-{name}") for name in names]}

    return {
        "ecommerce_orders": drop(
            "ecommerce_orders", "b.json.gz", "_SUCCESS", "a.json", ".hidden", "_tmp/x.json", "sub/"
        ),
        "wholesale_invoices": drop("wholesale_invoices", "_SUCCESS", "2026-07-02.csv"),
        "store_transactions": {DAY: extract(A)},
        "vendor_sales": drop("vendor_sales", "_SUCCESS", "V017.csv", "V042.csv.gz"),
    }


MANIFESTS = document(A, "2026-07-03T01:00:00+00:00")


def build(lake: Lake, listings: Listings, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "release": RELEASE,
        "window": WINDOW,
        "lake": lake,
        "lake_bucket": BUCKET,
        "listings": listings,
        "manifests": MANIFESTS,
        "pointer": Pointer(),
        "locations": {},
    }
    return inputs.build(**{**arguments, **changes})


def test_lists_data_objects_only_sorted_by_key(lake: Lake, listings: Listings) -> None:
    built = build(lake, listings)
    assert built["datasets"]["ecommerce_orders"] == [
        {
            "ingest_date": "2026-07-02",
            "key": f"bronze/ecommerce_orders/ingest_date=2026-07-02/{name}",
            "size": 5,
            "etag": f"e-{name}",
        }
        for name in ("a.json", "b.json.gz")
    ]
    assert [entry["etag"] for entry in built["datasets"]["store_transactions"]] == [A]
    assert {key: built[key] for key in ("release", "window", "time_zone", "lake_bucket")} == {
        "release": RELEASE,
        "window": {"from": "2026-07-02", "to": "2026-07-02"},
        "time_zone": "Europe/London",
        "lake_bucket": BUCKET,
    }
    assert built["upstream"] == built["replaced"] == []


def test_same_state_gives_the_same_bytes_in_any_listing_order(
    lake: Lake, listings: Listings
) -> None:
    turned = {name: {DAY: days[DAY][::-1]} for name, days in reversed(listings.items())}
    assert json.dumps(build(lake, listings)) == json.dumps(build(lake, turned))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "has no _SUCCESS: the delivery is missing or incomplete"),
        (("2026-07-02.csv",), "has no _SUCCESS"),
        (("_SUCCESS",), "has _SUCCESS but no file"),
        (("_SUCCESS", "_tmp/a.csv"), "has _SUCCESS but no file"),
        (("_SUCCESS", "a.csv", "../../x.csv"), "is a path and no name"),
        (("_SUCCESS", "./a.csv"), "is a path and no name"),
    ],
)
def test_incomplete_drop_is_an_error(
    lake: Lake, listings: Listings, names: tuple[str, ...], words: str
) -> None:
    folder = prefix("wholesale_invoices")
    listings["wholesale_invoices"] = {DAY: [BronzeObject(folder + name, 1, "e") for name in names]}
    with pytest.raises(InputsError, match=words):
        build(lake, listings)


def test_day_that_was_not_listed_is_an_error(lake: Lake, listings: Listings) -> None:
    two_days = Window(date(2026, 7, 1), DAY)
    with pytest.raises(InputsError, match="ingest_date=2026-07-01/ has no _SUCCESS"):
        build(lake, listings, window=two_days)


def test_object_of_another_day_is_refused(lake: Lake, listings: Listings) -> None:
    listings["wholesale_invoices"][DAY].append(BronzeObject("bronze/x/../y", 1, "e"))
    with pytest.raises(InputsError, match="does not lie under"):
        build(lake, listings)


def test_newest_extract_is_taken(lake: Lake, listings: Listings) -> None:
    listings["store_transactions"] = {DAY: extract(A) + extract(B)}
    # The later moment, not the later text: 01:30+01:00 is 00:30 UTC.
    documents = document(A, "2026-07-03T01:00:00+00:00") | document(B, "2026-07-03T01:30:00+01:00")
    built = build(lake, listings, manifests=documents)
    assert [entry["etag"] for entry in built["datasets"]["store_transactions"]] == [A]
    assert inputs.manifest_keys(listings["store_transactions"][DAY]) == sorted(documents)


@pytest.mark.parametrize(
    ("objects", "documents", "words"),
    [
        ([], {}, "nothing was extracted"),
        (extract(A)[:1], {}, "nothing was extracted"),
        (extract(A), {}, "listed but not read"),
        (extract(A)[1:], MANIFESTS, "which is gone"),
        (extract(A, size=9), MANIFESTS, "has 9 bytes but its manifest says 10"),
        (extract(A), document(A, "yesterday"), "no extracted_at"),
        (extract(A), document(A, "2026-07-03T01:00:00"), "no offset"),
        (
            extract(A),
            {next(iter(MANIFESTS)): {"file": "../x.parquet", "extracted_at": "2026-07-03T01Z"}},
            "16 hex digits",
        ),
    ],
)
def test_broken_extract_is_an_error(
    lake: Lake,
    listings: Listings,
    objects: list[BronzeObject],
    documents: dict[str, Any],
    words: str,
) -> None:
    listings["store_transactions"] = {DAY: objects}
    with pytest.raises(InputsError, match=words):
        build(lake, listings, manifests=documents)


def clean(ingest: int, sale: int, month: int = 7) -> PointerRow:
    return PointerRow("clean_ecommerce_orders", date(2026, 7, ingest), date(2026, month, sale), OLD)


def test_upstream_is_what_else_the_business_days_are_built_from(
    lake: Lake, listings: Listings
) -> None:
    inside = [clean(1, 1), clean(1, 29, month=6), clean(5, 2), clean(3, 1)]
    pointer = Pointer(
        (
            *inside,
            clean(1, 28, month=6),  # before the longest lateness
            clean(3, 3),  # a business day after the window
            clean(2, 1),  # this arrival day is rebuilt: replaced
            PointerRow("sales", None, date(2026, 7, 1), OLD),
        )
    )
    locations = {(row.table, row.partition_values): f"s3://{BUCKET}/{row.key}" for row in inside}
    built = build(lake, listings, pointer=pointer, locations=locations)
    assert [(row["ingest_date"], row["sale_date"]) for row in built["upstream"]] == [
        ("2026-07-01", "2026-06-29"),
        ("2026-07-01", "2026-07-01"),
        ("2026-07-03", "2026-07-01"),
        ("2026-07-05", "2026-07-02"),
    ]
    assert all(row["release"] == OLD and row["location"] for row in built["upstream"])
    assert built["replaced"] == [
        {
            "table": "clean_ecommerce_orders",
            "ingest_date": "2026-07-02",
            "sale_date": "2026-07-01",
        }
    ]


def test_upstream_reaches_as_far_back_as_what_is_replaced(lake: Lake) -> None:
    # Published when the contract was more patient: that day is rebuilt, so all of it is needed.
    pointer = Pointer((clean(2, 20, month=6), clean(1, 20, month=6)))
    assert inputs.upstream_rows(pointer, WINDOW, lake) == (clean(1, 20, month=6),)


def test_published_partition_without_location_is_an_error(lake: Lake, listings: Listings) -> None:
    with pytest.raises(InputsError, match="published but not in the catalog"):
        build(lake, listings, pointer=Pointer((clean(1, 1),)))


def test_snapshots_that_enrich_earlier_business_days_are_upstream(lake: Lake) -> None:
    feed = replace(
        lake.contract("ecommerce_orders"),
        dataset="product_feed",
        channel=None,
        sales={},
        snapshot="products",
        enriches=Enrichment({"product_id": "product_id"}, {"category": "category"}),
    )
    stock = replace(feed, dataset="inventory_levels", snapshot="inventory", enriches=None)
    lake = replace(lake, contracts=(*lake.contracts, feed, stock))

    def state(day: int, table: str = "products") -> PointerRow:
        return PointerRow(table, date(2026, 7, day), None, OLD)

    # of the days before the window; the window's own is built anew, and stock enriches nothing
    pointer = Pointer((state(1), state(2), state(3), state(1, "inventory")))
    assert inputs.upstream_rows(pointer, WINDOW, lake) == (state(1),)
    location = {("products", ("2026-07-01", OLD)): f"s3://{BUCKET}/x/"}
    files = [BronzeObject(name, 5, "e") for name in ("_SUCCESS", "a")]
    listings = {
        each.dataset: {
            DAY: extract(A)
            if each.source.format == "parquet"
            else [replace(file, key=prefix(each.dataset) + file.key) for file in files]
        }
        for each in lake.contracts
    }
    built = build(lake, listings, pointer=pointer, locations=location)
    assert built["upstream"] == [
        {
            "table": "products",
            "ingest_date": "2026-07-01",
            "sale_date": None,
            "release": OLD,
            "location": f"s3://{BUCKET}/x/",
        }
    ]
    assert built["replaced"] == []
