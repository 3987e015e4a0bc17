import json
from datetime import date
from typing import Any

import pytest

from include.lake.contracts import Lake
from retail_io.inputs import InputsError, parse
from tests.unit.glue_jobs.lake_folder import LakeFolder


@pytest.fixture
def document(lake_folder: LakeFolder) -> dict[str, Any]:
    lake_folder.put("ecommerce_orders", "2026-03-10", "b.jsonl", "xy")
    lake_folder.put("ecommerce_orders", "2026-03-10", "a.jsonl", "xyz")
    day = {"ingest_date": "2026-03-07", "sale_date": "2026-03-07"}
    lake_folder.upstream.append(
        {"table": "clean_ecommerce_orders", **day, "release": "r", "location": "s3://b/x/"}
    )
    lake_folder.replaced.append({"table": "clean_ecommerce_orders", **day})
    return lake_folder.document("2026-03-09", "2026-03-10")


def test_the_document_is_read_in_a_fixed_order(document: dict[str, Any]) -> None:
    listed = parse(json.dumps(document))
    assert [file.key.rpartition("/")[2] for file in listed.files] == ["a.jsonl", "b.jsonl"]
    assert listed.days == (date(2026, 3, 9), date(2026, 3, 10))
    assert listed.input_bytes == 5
    assert listed.replaced_days == {date(2026, 3, 7)}
    assert listed.upstream_of({date(2026, 3, 8)}) == {}
    assert [*listed.upstream_of({date(2026, 3, 7)})] == ["clean_ecommerce_orders"]


def test_a_bucket_is_s3_and_a_file_address_is_a_folder(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document)).lake_root.startswith("file:///")
    document["lake_bucket"] = "retail-lake-local-lake-000000000000"
    assert parse(json.dumps(document)).lake_root == "s3://retail-lake-local-lake-000000000000"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": {"from": "2026-03-10"}}, "lacks 'to'"),
        ({"window": {"from": "2026-3-10", "to": "2026-03-10"}}, "write YYYY-MM-DD"),
        ({"window": {"from": "2026-03-11", "to": "2026-03-10"}}, "does not hold"),
        ({"window": {"from": "2026-03-11", "to": "2026-03-12"}}, r"does not hold.*a\.jsonl"),
        ({"release": "latest"}, "not a release id"),
        ({"lake_bucket": "file://relative"}, "not a bucket name"),
        ({"datasets": {"x'; DROP": [{"ingest_date": "2026-03-10"}]}}, "plain name"),
        ({"datasets": []}, "damaged"),
        ({"upstream": [{"table": "t"}]}, "lacks 'sale_date'"),
    ],
)
def test_a_damaged_document_says_what_is_wrong(
    document: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputsError, match=message):
        parse(json.dumps(document | change))


def test_a_key_outside_its_folder_is_refused(document: dict[str, Any]) -> None:
    document["datasets"]["ecommerce_orders"][0]["key"] = "bronze/other/x.jsonl"
    with pytest.raises(InputsError, match="does not lie in bronze/ecommerce_orders"):
        parse(json.dumps(document))


def test_a_file_listed_twice_is_refused(document: dict[str, Any]) -> None:
    document["datasets"]["ecommerce_orders"] *= 2
    with pytest.raises(InputsError, match="listed twice"):
        parse(json.dumps(document))


def test_datasets_tables_and_zone_must_be_the_contracts(
    document: dict[str, Any], lake: Lake
) -> None:
    parse(json.dumps(document)).require_known(lake)
    entry = {"ingest_date": "2026-03-10", "key": "bronze/mars/ingest_date=2026-03-10/a", "size": 1}
    for change in (
        {"datasets": {"mars": [entry]}},
        {"upstream": [document["upstream"][0] | {"table": "clean_mars"}]},
        {"time_zone": "Asia/Tokyo"},
    ):
        with pytest.raises(InputsError, match=r"mars|Tokyo"):
            parse(json.dumps(document | change)).require_known(lake)
