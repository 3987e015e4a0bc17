"""Contracts of snapshots and of what is extracted, made from a shipped one by small changes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.lake.contracts import Contract, ContractError, Enrichment, load_lake

SHIPPED = Path(__file__).parents[3] / "include" / "contracts"
STORE = "store_transactions.yaml"
TILLS = {"table": "t", "secret": "tills", "timeColumn": "sold_at"}
OTHER_KEY = {"key": {"product_id": "store_id"}}
FEED: dict[str, Any] = {
    "snapshot": "products",
    "enriches": {"key": {"product_id": "transaction_id"}, "fill": {"category": "category"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "contracts"))


def contract(
    folder: Path,
    contribution: dict[str, Any],
    server: dict[str, Any] | None = None,
    properties: dict[str, str] | None = None,
) -> Contract:
    """The store's contract with another contribution, and its server changed; None removes."""
    document = yaml.safe_load((folder / STORE).read_text())
    document["customProperties"] = [
        {"property": name, "value": value} for name, value in contribution.items()
    ]
    given = document["servers"][0] | (server or {})
    document["servers"] = [{name: value for name, value in given.items() if value is not None}]
    if properties is not None:
        listed = [{"property": name, "value": value} for name, value in properties.items()]
        document["servers"][0]["customProperties"] = listed
    (folder / STORE).write_text(yaml.safe_dump(document, sort_keys=False))
    return load_lake(folder).contract("store_transactions")


def test_a_snapshot_has_a_table_and_no_share_in_sales(folder: Path) -> None:
    found = contract(folder, FEED, properties=TILLS | {"rows": "until_day_end"})
    assert (found.silver_table, found.channel, found.sales) == ("products", None, {})
    assert found.source.business_time is None
    assert (found.source.time_column, found.source.rows) == ("sold_at", "until_day_end")
    assert found.key_columns == ("transaction_id",)
    assert found.enriches == Enrichment({"product_id": "transaction_id"}, {"category": "category"})


def test_mysql_is_a_database_too(folder: Path) -> None:
    found = contract(folder, FEED | {"businessTime": "sold_at"}, {"type": "mysql", "schema": None})
    assert (found.source.kind, found.source.schema) == ("database", None)
    assert (found.source.time_column, found.source.rows) == ("sold_at", "of_the_day")


def test_an_api_delivers_json_lines(folder: Path) -> None:
    server = {"type": "api", "location": "{secret.url}", "host": None, "port": None}
    api = {"path": "/v1/sales", "secret": "marketplace"}
    server |= {"database": None, "schema": None}
    text = (
        (folder / STORE)
        .read_text()
        .replace("          timezone: true", "          format: yyyy-MM-dd")
    )
    (folder / STORE).write_text(text)
    found = contract(folder, FEED | {"businessTime": "sold_at"}, server, api).source
    assert (found.kind, found.format, found.path) == ("rest_api", "jsonl", "/v1/sales")
    assert (found.secret, found.time_column) == ("marketplace", "sold_at")


SLIPS: dict[str, tuple[dict[str, Any], dict[str, str] | None, str]] = {
    "neither sales nor snapshot": ({"channel": "x"}, None, "a channel of sales needs all three"),
    "unknown snapshot": ({"snapshot": "sales"}, None, "'sales' is not known here"),
    "snapshot with a channel": (FEED | {"channel": "x"}, None, "no share in sales"),
    "not the whole key": (
        {"snapshot": "products", "enriches": FEED["enriches"] | OTHER_KEY},
        None,
        "must be the primary key",
    ),
    "fills what sales decides": (
        {"snapshot": "products", "enriches": FEED["enriches"] | {"fill": {"quantity": "quantity"}}},
        None,
        "of sales, not ['quantity']",
    ),
    "fills from nowhere": (
        {"snapshot": "products", "enriches": FEED["enriches"] | {"fill": {"category": "x"}}},
        None,
        "'x' is not known here",
    ),
    "no time": (FEED, {"table": "t", "secret": "tills"}, "has no timeColumn"),
    "time that is none": (
        FEED,
        TILLS | {"timeColumn": "region"},
        "'region' is not known here",
    ),
    "unknown rows": (
        FEED,
        TILLS | {"rows": "all"},
        "'all' is not known here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_refused(folder: Path, slip: str) -> None:
    contribution, properties, words = SLIPS[slip]
    with pytest.raises(ContractError) as caught:
        contract(folder, contribution, properties=properties or TILLS)
    assert words in str(caught.value)
