"""The catalog hook against a Glue catalog that really keeps versions and partitions."""

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from retail_lake.hooks.catalog import CatalogHook, SupersededError


@pytest.fixture
def hook(front: str) -> CatalogHook:
    """The hook on the front."""
    return CatalogHook()


@pytest.fixture
def table(database: str, bucket: str, client: Callable[[str], Any]) -> tuple[str, str]:
    """A Parquet table partitioned by day and release."""
    client("glue").create_table(
        DatabaseName=database,
        TableInput={
            "Name": "sales",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"kind": "physical"},
            "PartitionKeys": [
                {"Name": "sale_date", "Type": "date"},
                {"Name": "release", "Type": "string"},
            ],
            "StorageDescriptor": {
                "Columns": [{"Name": "revenue", "Type": "decimal(18,2)"}],
                "Location": f"s3://{bucket}/sales/",
                "InputFormat": "parquet-in",
                "OutputFormat": "parquet-out",
                "SerdeInfo": {"SerializationLibrary": "parquet-serde"},
            },
        },
    )
    return database, "sales"


def days(count: int, release: str = "r1") -> list[dict[str, Any]]:
    """Partitions of as many days."""
    return [
        {"values": [f"2025-{1 + i // 28:02}-{1 + i % 28:02}", release], "location": f"s3://b/{i}/"}
        for i in range(count)
    ]


def test_registers_more_partitions_than_one_call_takes(
    hook: CatalogHook, table: tuple[str, str]
) -> None:
    assert hook.register(*table, days(250)) == 250
    found = hook.partitions(*table)
    assert sorted(item["values"] for item in found) == [item["values"] for item in days(250)]


def test_registering_twice_changes_nothing(hook: CatalogHook, table: tuple[str, str]) -> None:
    hook.register(*table, days(3))
    assert hook.register(*table, days(4)) == 1
    assert len(hook.partitions(*table)) == 4


def test_another_location_for_a_release_is_an_error(
    hook: CatalogHook, table: tuple[str, str]
) -> None:
    hook.register(*table, days(2))
    other = [{**item, "location": "s3://b/elsewhere/"} for item in days(2)]
    with pytest.raises(AirflowException, match="already registered at s3://b/0/"):
        hook.register(*table, other)
    assert {item["location"] for item in hook.partitions(*table)} == {"s3://b/0/", "s3://b/1/"}


def test_partitions_carry_the_format_of_the_table(
    hook: CatalogHook, table: tuple[str, str], client: Callable[[str], Any]
) -> None:
    hook.register(*table, days(1))
    (partition,) = client("glue").get_partitions(DatabaseName=table[0], TableName=table[1])[
        "Partitions"
    ]
    descriptor = partition["StorageDescriptor"]
    assert descriptor["SerdeInfo"]["SerializationLibrary"] == "parquet-serde"
    assert descriptor["Location"] == "s3://b/0/"


def test_selects_partitions_of_a_release(hook: CatalogHook, table: tuple[str, str]) -> None:
    hook.register(*table, days(2) + days(3, "r2"))
    assert len(hook.partitions(*table, "release = 'r2'")) == 3


def test_locations_of_those_that_exist(hook: CatalogHook, table: tuple[str, str]) -> None:
    hook.register(*table, days(2))
    wanted = [item["values"] for item in days(5)]
    assert hook.locations(*table, wanted) == {
        ("2025-01-01", "r1"): "s3://b/0/",
        ("2025-01-02", "r1"): "s3://b/1/",
    }


def test_moves_a_table_and_keeps_the_rest(hook: CatalogHook, table: tuple[str, str]) -> None:
    before = hook.table(*table)
    hook.move(before, "s3://b/new/", {"release": "r1"})
    after = hook.table(*table)
    assert after["StorageDescriptor"]["Location"] == "s3://b/new/"
    assert after["StorageDescriptor"]["Columns"] == before["StorageDescriptor"]["Columns"]
    assert after["PartitionKeys"] == before["PartitionKeys"]
    assert after["Parameters"] == {"kind": "physical", "release": "r1"}
    assert after["VersionId"] != before["VersionId"]


def test_a_stale_version_moves_nothing(hook: CatalogHook, table: tuple[str, str]) -> None:
    stale = hook.table(*table)
    hook.move(hook.table(*table), "s3://b/theirs/")
    with pytest.raises(SupersededError, match=f"superseded: {table[0]}.sales changed"):
        hook.move(stale, "s3://b/ours/")
    assert hook.table(*table)["StorageDescriptor"]["Location"] == "s3://b/theirs/"


def test_a_missing_table_is_named(hook: CatalogHook, database: str) -> None:
    with pytest.raises(AirflowException, match=rf"{database}\.nothing is not in the Glue catalog"):
        hook.table(database, "nothing")
    assert not hook.has_table(database, "nothing")
    hook.drop_table(database, "nothing")
