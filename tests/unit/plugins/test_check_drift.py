"""What arrived is as agreed, and is listed once and for all."""

import json
from datetime import date
from itertools import cycle

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.lake import drift, inputs, layout, releases
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.operators.check_drift import CheckDriftOperator
from tests.unit.plugins.world import DAY, PARQUET, World, release


def gate(world: World) -> CheckDriftOperator:
    """The operator for the day."""
    return CheckDriftOperator(
        task_id="check_drift",
        release=release(1),
        days=[DAY],
        pointer=world.pointer,
        lake=world.lake,
        bucket=world.bucket,
        layout=layout,
        rules=inputs,
        drift=drift,
        alert_topic="arn:aws:sns:us-east-1:000000000000:nobody",
    )


def deliver(world: World, columns: list[str], body: bytes = b'{"a": 1}\n') -> None:
    """Deliver a day of orders and crawl it, with these columns."""
    prefix = f"bronze/ecommerce_orders/ingest_date={DAY}/"
    world.put(f"{prefix}orders.jsonl", body)
    world.put(f"{prefix}_SUCCESS")
    crawled = {"Columns": [{"Name": name.lower(), "Type": "string"} for name in columns]}
    world.table("ecommerce_orders", {"ingest_date": "string"}, crawled)
    world.glue.batch_create_partition(
        DatabaseName=world.database,
        TableName="ecommerce_orders",
        PartitionInputList=[
            {
                "Values": [DAY],
                "StorageDescriptor": {**crawled, "Location": f"s3://{world.bucket}/{prefix}"},
            }
        ],
    )


def sources(world: World) -> list[str]:
    """The delivered columns of the contract."""
    return [column.source for column in world.lake.contracts[0].delivered_columns]


def test_lists_what_is_there_now(world: World) -> None:
    deliver(world, [*sources(world), "coupon"], b'{"coupon": 1}\n{"coupon": null}\n')
    result = gate(world).execute(world.context)
    document = json.loads(world.read(result["inputs"]))
    (entry,) = document["datasets"]["ecommerce_orders"]
    assert entry["key"] == f"bronze/ecommerce_orders/ingest_date={DAY}/orders.jsonl"
    assert entry["size"] == 31
    assert result["added"] == {"ecommerce_orders": ["coupon"]}
    assert result["base_location"] == world.location()


def test_lists_whom_to_forget(world: World) -> None:
    deliver(world, sources(world))
    persons = ["b" * 64, "a" * 64]
    for person in persons:
        world.write(layout.erasure_key(person), {})
    result = gate(world).execute(world.context)
    assert json.loads(world.read(result["inputs"]))["erased"] == sorted(persons)


def test_a_lost_column_fails_and_is_named(world: World) -> None:
    kept = [name for name in sources(world) if name not in ("quantity", "region")]
    deliver(world, kept)
    with pytest.raises(AirflowFailException, match="ecommerce_orders lacks columns quantity"):
        gate(world).execute(world.context)


def test_types_that_a_crawler_inferred_are_not_trusted(world: World) -> None:
    """The job casts what the files say by the contract: what the catalog thinks does not matter."""
    deliver(world, sources(world))
    right = gate(world).execute(world.context)
    document = world.read(right["inputs"])
    table = world.glue.get_table(DatabaseName=world.database, Name="ecommerce_orders")["Table"]
    columns = [
        {"Name": column["Name"], "Type": kind}
        for column, kind in zip(
            table["StorageDescriptor"]["Columns"],
            cycle(["bigint", "array<int>", "boolean", "struct<a:date>"]),
            strict=False,
        )
    ]
    world.glue.update_table(
        DatabaseName=world.database,
        TableInput={
            "Name": "ecommerce_orders",
            "PartitionKeys": table["PartitionKeys"],
            "StorageDescriptor": {**table["StorageDescriptor"], "Columns": columns},
        },
    )
    assert gate(world).execute(world.context) == right
    assert world.read(right["inputs"]) == document


def test_a_table_and_a_day_that_were_not_crawled_are_named(world: World) -> None:
    prefix = f"bronze/ecommerce_orders/ingest_date={DAY}/"
    world.put(f"{prefix}orders.jsonl", b'{"a": 1}\n')
    world.put(f"{prefix}_SUCCESS")
    with pytest.raises(AirflowFailException, match=r"no table .*\.ecommerce_orders"):
        gate(world).execute(world.context)
    columns = {"Columns": [{"Name": name, "Type": "string"} for name in sources(world)]}
    world.table("ecommerce_orders", {"ingest_date": "string"}, columns)
    with pytest.raises(AirflowFailException, match=f"no partition for {DAY}"):
        gate(world).execute(world.context)


def test_a_day_of_empty_files_needs_no_crawled_table(world: World) -> None:
    prefix = f"bronze/ecommerce_orders/ingest_date={DAY}/"
    world.put(f"{prefix}none.jsonl")
    world.put(f"{prefix}_SUCCESS")
    assert gate(world).execute(world.context)["objects"] == 1


def test_builds_on_published_days_within_the_lateness(world: World) -> None:
    deliver(world, sources(world))
    rows = tuple(
        releases.PointerRow("clean_ecommerce_orders", day, day, release(9))
        for day in (date(2025, 2, 27), date(2025, 2, 1))
    )
    world.put(f"{layout.EMPTY_POINTER_PREFIX}pointer.jsonl", releases.Pointer(rows).text().encode())
    keys = {"ingest_date": "date", "sale_date": "date", "release": "string"}
    world.table("clean_ecommerce_orders", keys, PARQUET)
    CatalogHook().register(
        world.database,
        "clean_ecommerce_orders",
        [{"values": ["2025-02-27", "2025-02-27", release(9)], "location": "s3://b/clean/"}],
    )
    result = gate(world).execute(world.context)
    (built_on,) = json.loads(world.read(result["inputs"]))["upstream"]
    assert built_on["location"] == "s3://b/clean/"
    assert built_on["sale_date"] == "2025-02-27"
