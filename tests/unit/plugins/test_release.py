"""From an opened release to a published one, with the lake's own rules on a real catalog."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from include.lake import inputs, layout, releases, window
from include.lake.contracts import Lake, load_lake
from retail_lake.hooks.catalog import CatalogHook, SupersededError
from retail_lake.operators.check_drift import CheckDriftOperator, Drift, drift
from retail_lake.operators.open_release import OpenReleaseOperator
from retail_lake.operators.publish import PublishOperator
from retail_lake.operators.report import delivered

DAY = "2025-03-01"
MART = "daily_sales"
PARQUET = {
    "Columns": [{"Name": "revenue", "Type": "decimal(18,2)"}],
    "SerdeInfo": {"SerializationLibrary": "parquet"},
}


def release(number: int) -> str:
    """A release id of the day."""
    return f"r20250301_{number:012x}"


# -- open_release ------------------------------------------------------------------------------


def opened(context: dict[str, Any], **run: Any) -> dict[str, Any]:
    """Execute open_release for a run with these facts."""
    context["params"] = {"from_date": None, "to_date": None} | run.pop("params", {})
    context["dag_run"] = SimpleNamespace(run_after=datetime(2025, 3, 2, 5, tzinfo=UTC))
    context |= run
    operator = OpenReleaseOperator(
        task_id="open_release",
        resolve=partial(window.resolve, zone="Europe/London"),
        release_id=releases.release_id,
        bucket="lake-bucket",
        layout=layout,
        datasets=["orders"],
    )
    return operator.execute(context)


def test_a_run_without_a_logical_date_is_for_yesterday(context: Any) -> None:
    assert opened(context)["from_date"] == DAY


def test_a_scheduled_run_is_for_its_interval(context: Any) -> None:
    interval = datetime(2025, 2, 14, 5, tzinfo=UTC)
    assert opened(context, data_interval_start=interval)["from_date"] == "2025-02-14"


def test_parameters_come_first_and_give_lists(context: Any) -> None:
    result = opened(
        context,
        params={"from_date": "2025-02-27", "to_date": DAY},
        data_interval_start=datetime(2025, 2, 14, 5, tzinfo=UTC),
    )
    assert (result["from_date"], result["to_date"]) == ("2025-02-27", DAY)
    pushed = {key: value for (_, key), value in context["ti"].xcoms.items()}
    assert pushed["days"] == ["2025-02-27", "2025-02-28", DAY]
    assert pushed["markers_orders"] == [
        f"s3://lake-bucket/bronze/orders/ingest_date={day}/_SUCCESS" for day in pushed["days"]
    ]


def test_clear_opens_another_release(context: Any) -> None:
    first = opened(context)["release"]
    assert opened(context)["release"] == first
    context["ti"].try_number = 2
    assert opened(context)["release"] != first


def test_a_request_that_cannot_be_fulfilled_is_not_retried(context: Any) -> None:
    with pytest.raises(AirflowFailException, match="swap them"):
        opened(context, params={"from_date": DAY, "to_date": "2025-02-01"})


# -- a lake ------------------------------------------------------------------------------------


@dataclass
class World:
    """A bucket and databases with the pointer, one mart and the crawled bronze tables."""

    bucket: str
    database: str
    lake: Lake
    glue: Any
    s3: Any
    context: dict[str, Any]

    @property
    def pointer(self) -> tuple[str, str]:
        return self.database, "published"

    def table(self, name: str, keys: dict[str, str], descriptor: dict[str, Any]) -> None:
        self.glue.create_table(
            DatabaseName=self.database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys.items()],
                "StorageDescriptor": {"Location": f"s3://{self.bucket}/{name}/", **descriptor},
            },
        )

    def put(self, key: str, body: bytes = b"") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def write(self, key: str, document: dict[str, Any]) -> str:
        self.put(key, json.dumps(document).encode())
        return f"s3://{self.bucket}/{key}"

    def read(self, address: str) -> str:
        key = address.removeprefix(f"s3://{self.bucket}/")
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def location(self) -> str:
        table = self.glue.get_table(DatabaseName=self.database, Name="published")["Table"]
        return str(table["StorageDescriptor"]["Location"])

    def published(self) -> dict[tuple[str, str], str]:
        """What readers see: (table, business day) → release."""
        pointer = releases.parse_pointer(self.read(f"{self.location()}pointer.jsonl"))
        return {(row.table, str(row.sale_date)): row.release for row in pointer}

    def stage(self, name: str, attempt: int = 1) -> str:
        """A mart that is built for the day and not published."""
        table = f"{MART}__{name}_{attempt}"
        self.table(table, {"sale_date": "date"}, PARQUET)
        self.glue.batch_create_partition(
            DatabaseName=self.database,
            TableName=table,
            PartitionInputList=[
                {
                    "Values": [DAY],
                    "StorageDescriptor": {
                        **PARQUET,
                        "Location": f"s3://{self.bucket}/gold/{name}/try={attempt}/",
                    },
                }
            ],
        )
        return f"{self.database}.{table}"

    def publisher(self, name: str, base: str, stage: bool = True) -> PublishOperator:
        """The operator for a release of the day that was built on a state."""
        days = {"window": {"from": DAY, "to": DAY}, "datasets": {"ecommerce_orders": []}}
        listed = self.write(f"{name}/inputs.json", {"release": name, **days})
        row = {"values": [DAY, DAY, name], "location": "s3://b/clean/"}
        sales = {"values": [DAY, name], "location": "s3://b/sales/"}
        tables = [
            {"table": "clean_ecommerce_orders", "partitions": [row]},
            {"table": "sales", "partitions": [sales]},
        ]
        document = {"release": name, "affected_days": [DAY], "tables": tables}
        return PublishOperator(
            task_id="publish",
            release=name,
            inputs=listed,
            manifest=self.write(f"{name}/silver.json", document),
            base_location=base,
            bucket=self.bucket,
            staged={MART: self.stage(name) if stage else f"{self.database}.{MART}__{name}_1"},
            pointer=self.pointer,
            layout=layout,
            rules=releases,
        )


@pytest.fixture
def world(database: str, bucket: str, client: Callable[[str], Any], context: Any) -> World:
    """An empty lake: the pointer names nothing."""
    lake = SimpleNamespace(
        time_zone="Europe/London",
        bronze_database=database,
        silver_database=database,
        max_lateness_days=3,
        contracts=tuple(
            each for each in load_lake().contracts if each.dataset == "ecommerce_orders"
        ),
    )
    made = World(bucket, database, lake, client("glue"), client("s3"), context)
    empty = f"s3://{bucket}/{layout.EMPTY_POINTER_PREFIX}"
    made.table("published", {}, {"Columns": [], "Location": empty})
    made.table(MART, {"sale_date": "date", "release": "string"}, PARQUET)
    return made


# -- publish -----------------------------------------------------------------------------------


def test_publishes_everything_at_once(world: World) -> None:
    result = world.publisher(release(1), world.location()).execute(world.context)
    assert result["changed"]
    assert world.published() == {
        ("clean_ecommerce_orders", DAY): release(1),
        ("daily_sales", DAY): release(1),
        ("sales", DAY): release(1),
    }
    found = CatalogHook().partitions(world.database, MART)
    assert found == [
        {
            "values": [DAY, release(1)],
            "location": f"s3://{world.bucket}/gold/{release(1)}/try=1/",
        }
    ]
    assert not CatalogHook().has_table(world.database, f"{MART}__{release(1)}_1")


def test_publishing_twice_changes_nothing(world: World) -> None:
    base = world.location()
    world.publisher(release(1), base).execute(world.context)
    before = CatalogHook().table(*world.pointer)
    again = world.publisher(release(1), base, stage=False).execute(world.context)
    assert not again["changed"]
    assert again["days"] == {MART: [DAY]}
    assert CatalogHook().table(*world.pointer)["VersionId"] == before["VersionId"]


def test_a_crash_before_the_move_shows_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = world.location()
    operator = world.publisher(release(1), base)

    def crash(*_: Any) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(CatalogHook, "move", crash)
        with pytest.raises(SystemExit):
            operator.execute(world.context)
    assert world.location() == base
    assert operator.execute(world.context)["changed"], "the retry completes it"


def test_what_was_built_on_an_older_state_is_superseded(world: World) -> None:
    base = world.location()
    late = world.publisher(release(2), base)
    world.publisher(release(1), base).execute(world.context)
    before = world.location()
    with pytest.raises(AirflowFailException, match=r"superseded: r20250301_.* Clear the run"):
        late.execute(world.context)
    assert world.location() == before
    world.publisher(release(3), before).execute(world.context)
    assert set(world.published().values()) == {release(3)}


def test_a_lost_race_publishes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    base = world.location()
    original = CatalogHook.move

    def race(hook: CatalogHook, table: dict[str, Any], location: str, *rest: Any) -> None:
        other = hook.table(table["DatabaseName"], table["Name"])
        original(hook, other, f"s3://{world.bucket}/theirs/")
        original(hook, table, location, *rest)

    monkeypatch.setattr(CatalogHook, "move", race)
    with pytest.raises(SupersededError, match="this attempt published nothing"):
        world.publisher(release(1), base).execute(world.context)
    assert world.location() == f"s3://{world.bucket}/theirs/"


def test_a_mart_that_was_never_built_is_named(world: World) -> None:
    with pytest.raises(AirflowException, match="clear the task that builds daily_sales"):
        world.publisher(release(1), world.location(), stage=False).execute(world.context)


# -- check_drift -------------------------------------------------------------------------------


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
        window=window.Window,
        parse_pointer=releases.parse_pointer,
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
    deliver(world, [*sources(world), "coupon"])
    result = gate(world).execute(world.context)
    document = json.loads(world.read(result["inputs"]))
    (entry,) = document["datasets"]["ecommerce_orders"]
    assert entry["key"] == f"bronze/ecommerce_orders/ingest_date={DAY}/orders.jsonl"
    assert entry["size"] == 9
    assert result["added"] == {"ecommerce_orders": ["coupon"]}
    assert result["base_location"] == world.location()


def test_a_lost_column_fails_and_is_named(world: World) -> None:
    kept = [name for name in sources(world) if name not in ("quantity", "region")]
    deliver(world, kept)
    with pytest.raises(AirflowFailException, match="ecommerce_orders lacks columns quantity"):
        gate(world).execute(world.context)


def test_a_table_and_a_day_that_were_not_crawled_are_named(world: World) -> None:
    prefix = f"bronze/ecommerce_orders/ingest_date={DAY}/"
    world.put(f"{prefix}orders.jsonl", b"{}\n")
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


def test_column_names_are_compared_without_case() -> None:
    declared = {"InvoiceNo": True, "CustomerID": False, "Country": True}
    assert drift(declared, ["invoiceno", "extra"]) == Drift(
        missing=("Country",), absent=("CustomerID",), added=("extra",)
    )


# -- report ------------------------------------------------------------------------------------


def test_rows_are_summed_per_day_and_dataset() -> None:
    counts = {"rows_in": 10, "silver": 7, "quarantined": 2, "duplicates": 1}
    line = {"ingest_date": DAY, "dataset": "orders", "source_file": "a", **counts}
    assert delivered([line, {**line, "source_file": "b"}, {**line, "dataset": "invoices"}]) == [
        {"ingest_date": DAY, "dataset": "invoices", **counts, "files": 1},
        {
            "ingest_date": DAY,
            "dataset": "orders",
            "rows_in": 20,
            "silver": 14,
            "quarantined": 4,
            "duplicates": 2,
            "files": 2,
        },
    ]
