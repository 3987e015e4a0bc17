"""A request to forget a person, and the days that hold rows of theirs, on the real local Athena."""

import io
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.lake import catalog, layout, releases
from include.lake.contracts import load_lake
from include.lake.erasure import Erasure
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.operators.erase import RequestErasureOperator
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.world import World, release

ANNA, BOB = "a" * 64, "b" * 64
DAYS = [date(2025, 3, day) for day in (1, 2, 3)]
KEYS = {
    "clean_ecommerce_orders": {"ingest_date": "date", "sale_date": "date", "release": "string"},
    "customers": {"ingest_date": "date", "release": "string"},
}
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON_LINES = "org.openx.data.jsonserde.JsonSerDe"


@pytest.fixture
def lake(world: World) -> Any:
    """Published: Anna ordered on the first day and is a customer on the third; Bob all the time."""
    full, name = load_lake(), world.database
    wanted = ("customers", "ecommerce_orders")
    world.glue.delete_table(DatabaseName=name, Name="published")
    listed = [{"Name": one, "Type": kind} for one, kind in catalog.PUBLISHED_COLUMNS.items()]
    serde = {"SerdeInfo": {"SerializationLibrary": JSON_LINES}}
    world.table("published", {}, {"Columns": listed, **serde})
    pointer = []
    for table, tokens in (
        ("clean_ecommerce_orders", ([ANNA, BOB], [BOB], [None])),
        ("customers", ([BOB], [BOB], [ANNA, BOB])),
    ):
        names = (
            ["customer_token"]
            if table != "customers"
            else [*("customer_token", "name_token", "email_token")]
        )
        columns = [{"Name": one, "Type": "string"} for one in names]
        world.table(
            table, KEYS[table], {"Columns": columns, "SerdeInfo": {"SerializationLibrary": PARQUET}}
        )
        for number in (1, 2):  # release 2 is superseded, and has Anna everywhere
            for day, found in zip(DAYS, tokens, strict=True):
                one = release(number)
                data = io.BytesIO()
                rows = found if number == 1 else [ANNA]
                content = {each: pa.array(rows, pa.string()) for each in names}
                pq.write_table(pa.table(content), data)
                folder = f"{table}/{one}/{day}/"
                world.put(f"{folder}part.parquet", data.getvalue())
                row = releases.PointerRow(table, day, None if table == "customers" else day, one)
                location = f"s3://{world.bucket}/{folder}"
                partition = {"values": row.partition_values, "location": location}
                CatalogHook().register(name, table, [partition])
                if number == 1:
                    pointer.append(row)
    world.put("published/pointer.jsonl", releases.Pointer(tuple(pointer)).text().encode())
    contracts = tuple(full.contract(dataset) for dataset in wanted)
    return replace(full, silver_database=name, ops_database=name, contracts=contracts)


def request(world: World, lake: Any, workgroup: str, **params: Any) -> tuple[Any, dict[str, Any]]:
    operator = RequestErasureOperator(
        task_id="request",
        rules=Erasure(lake),
        bucket=world.bucket,
        layout=layout,
        workgroup=workgroup,
        database=world.database,
    )
    runs = complete(operator, {**world.context, "params": params})
    return runs, world.context["ti"].xcoms["load", "found"]


def requested(world: World) -> list[str]:
    listed = world.s3.list_objects_v2(Bucket=world.bucket, Prefix=layout.ERASURES_PREFIX)
    return [item["Key"] for item in listed.get("Contents", ())]


def test_the_days_with_published_rows_of_the_person_are_rebuilt(
    world: World, lake: Any, workgroup: str
) -> None:
    runs, found = request(world, lake, workgroup, customer_token=ANNA, dry_run=True)
    assert runs == []
    assert requested(world) == [], "a dry run writes nothing"
    assert [tuple(row.values()) for row in found["rows"]] == [
        ("customers", "2025-03-03", "1"),
        ("ecommerce_orders", "2025-03-01", "1"),
    ]
    runs, found = request(world, lake, workgroup, customer_token=ANNA, dry_run=False)
    assert [run["conf"] for run in runs] == [
        {"from_date": "2025-03-01", "to_date": "2025-03-01"},
        {"from_date": "2025-03-03", "to_date": "2025-03-03"},
    ]
    assert requested(world) == [f"ops/erasures/{ANNA}.json"]
    document = json.loads(world.read(f"s3://{world.bucket}/ops/erasures/{ANNA}.json"))
    assert document["run_id"] == "manual__1"


def test_what_is_no_token_is_refused(world: World, lake: Any, workgroup: str) -> None:
    for text in ("CUST0001", f"{ANNA}' OR '1' = '1", ANNA.upper()):
        with pytest.raises(AirflowFailException, match="token"):
            request(world, lake, workgroup, customer_token=text, dry_run=False)
    assert requested(world) == []
