"""What is collected and what is not, on a real catalog and real objects."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from include.lake import history, layout, releases, retention
from retail_lake.hooks.catalog import CatalogHook, SupersededError
from retail_lake.hooks.versions import VersionsHook
from retail_lake.operators import housekeeping
from retail_lake.operators.catalog_drift import CatalogDriftOperator
from retail_lake.operators.housekeeping import HousekeepingOperator
from tests.unit.plugins.editions import CLEAN, TABLES, Editions
from tests.unit.plugins.world import DAY, MART, World, release

DEFAULTS = {"dry_run": False, "keep_days": 30, "keep_versions": 1, "max_objects": 1000}
BRONZE = "bronze/ecommerce_orders/ingest_date=2025-03-01/a.jsonl"
EXTRACT = layout.extract_staging_key("0123456789abcdef")

Collect = Callable[..., dict[str, Any]]


@pytest.fixture
def editions(world: World) -> Editions:
    """A day published three times, and everything that may be left behind."""
    made = Editions(world)
    made.world.put(BRONZE)
    for number in (1, 2, 3):
        made.publish(number)
    made.world.put(EXTRACT, b"half an extract")
    made.write(MART, release(3), DAY, attempt=9)  # a try whose checks failed
    made.write("sales", release(8), DAY)  # a release that was never published
    made.register("sales", release(8), DAY)
    made.world.stage(release(8))
    return made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets days go by."""

    def go(days: int) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> "Clock":
                return super().now(tz) + timedelta(days=days)

        monkeypatch.setattr(housekeeping, "datetime", Clock)

    return go


@pytest.fixture
def collect(editions: Editions) -> Collect:
    books = SimpleNamespace(
        database=editions.world.database,
        name="published_history",
        table_input={
            "StorageDescriptor": {"Location": f"s3://{editions.bucket}/ops/published_history/"},
            "PartitionKeys": [{"Name": "version", "Type": "int"}],
        },
    )
    operator = HousekeepingOperator(
        task_id="collect",
        pointer=editions.world.pointer,
        bucket=editions.bucket,
        tables=[*editions.declared, books],
        staged_database=editions.world.database,
        layout=layout,
        history=history,
        rules=retention,
        parse_pointer=releases.parse_pointer,
    )
    return lambda **params: operator.execute({"params": {**DEFAULTS, **params}})


def live(editions: Editions, name: str) -> set[str]:
    """The objects that a release published for the day needs."""
    files = {f"{editions.folder(table, name, DAY)}data.parquet" for table in TABLES}
    return files | {layout.inputs_key(name)}


def test_only_what_the_kept_versions_name_remains(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    world = editions.world
    before, published, location = editions.keys(), world.published(), world.location()
    VersionsHook().record(*world.pointer)
    assert len(set(world.history().values())) == 4
    later(60)
    result = collect()
    pointer = location.removeprefix(f"s3://{editions.bucket}/") + layout.POINTER_FILE
    empty = layout.EMPTY_POINTER_PREFIX + layout.POINTER_FILE
    assert editions.keys() == live(editions, release(3)) | {BRONZE, pointer, empty}
    assert world.published() == published
    assert world.location() == location
    assert result["deleted"] == result["objects"] == len(before) - len(editions.keys())
    assert result["left"] == 0
    assert result["missing"] == []
    assert result["staged"] == 1
    assert not CatalogHook().has_table(world.database, f"{MART}__{release(8)}_1")
    for table in TABLES:
        found = CatalogHook().partitions(world.database, table)
        assert [item["values"][-1] for item in found] == [release(3)]
    states = {one["location"] for one in VersionsHook().versions(*world.pointer)}
    assert states == {location}
    assert set(world.history().values()) == {location}, "no other version can be queried"

    again = collect()
    assert (again["objects"], again["partitions"], again["expired"]) == (0, 0, 0)


def test_a_dry_run_reports_the_same_and_deletes_nothing(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    later(60)
    keys, version = editions.keys(), editions.version()
    told = collect(dry_run=True)
    assert editions.keys() == keys
    assert editions.version() == version
    assert told["deleted"] == 0
    assert told["by_table"]["staging/extracts"] == len(b"half an extract")
    assert editions.folder(MART, release(3), DAY, attempt=9) in told["folders_named"]
    done = collect()
    counted = ("objects", "bytes", "partitions", "folders", "staged", "expired", "by_table")
    assert {name: done[name] for name in counted} == {name: told[name] for name in counted}


def test_nothing_young_is_collected(editions: Editions, collect: Collect) -> None:
    keys, version = editions.keys(), editions.version()
    result = collect(keep_days=2)
    assert (result["objects"], result["partitions"], result["staged"]) == (0, 0, 0)
    assert editions.keys() == keys
    assert editions.version() == version, "the pointer is not even touched"


def test_the_last_versions_are_kept_however_old(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    later(400)
    collect(keep_versions=2)
    kept = {one["release"] for one in VersionsHook().versions(*editions.world.pointer)}
    assert kept == {release(2), release(3)}
    assert live(editions, release(2)) | live(editions, release(3)) <= editions.keys()
    assert not live(editions, release(1)) & editions.keys()


def test_a_run_deletes_no_more_than_it_may_and_the_next_goes_on(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    later(60)
    first = collect(max_objects=3)
    assert first["deleted"] == 3
    assert first["left"] == first["folders"] - 3
    runs = 0
    while collect(max_objects=3)["left"]:
        runs += 1
        assert runs < 10
    assert collect(dry_run=True)["objects"] == 0
    assert live(editions, release(3)) <= editions.keys()


def test_a_kept_version_without_its_file_stops_everything(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    later(60)
    (key,) = (key for key in editions.keys("ops/published/") if release(3) in key)
    editions.world.s3.delete_object(Bucket=editions.bucket, Key=key)
    keys = editions.keys()
    with pytest.raises(AirflowException, match=rf"{key} does not exist"):
        collect()
    assert editions.keys() == keys


def test_files_of_a_named_partition_that_is_not_registered_stay(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    world = editions.world
    later(60)
    world.glue.delete_partition(
        DatabaseName=world.database, TableName=CLEAN, PartitionValues=[DAY, DAY, release(3)]
    )
    assert collect()["missing"] == [f"{CLEAN}/{DAY}/{DAY}/{release(3)}"]
    assert live(editions, release(3)) <= editions.keys()


def test_who_read_the_pointer_before_must_read_it_again(
    editions: Editions, collect: Collect, later: Callable[[int], None]
) -> None:
    """A rollback that chose a version just before it was given up does not bring it back."""
    later(60)
    hook = CatalogHook()
    seen = hook.table(*editions.world.pointer)
    first = VersionsHook().versions(*editions.world.pointer)[1]
    collect()
    with pytest.raises(SupersededError):
        hook.move(seen, first["location"])


def test_a_crash_between_catalog_and_files_is_made_good(
    editions: Editions,
    collect: Collect,
    later: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later(60)

    def crash(*_: Any) -> int:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(HousekeepingOperator, "_remove", crash)
        with pytest.raises(SystemExit):
            collect()
    assert live(editions, release(3)) <= editions.keys()
    assert collect()["left"] == 0
    assert live(editions, release(1)) & editions.keys() == set()


def test_catalog_drift(editions: Editions) -> None:
    wanted = editions.declared
    other = {
        **wanted[0].table_input,
        "StorageDescriptor": {"Columns": [{"Name": "revenue", "Type": "double"}]},
    }
    tables = [
        *wanted[1:],
        SimpleNamespace(database=wanted[0].database, name=CLEAN, table_input=other),
        SimpleNamespace(database=wanted[0].database, name="new_mart", table_input=other),
    ]

    def report(declared: list[Any]) -> dict[str, list[str]]:
        rule = retention.column_drift
        return CatalogDriftOperator(task_id="drift", tables=declared, rule=rule).execute({})

    database = editions.world.database
    found = report(tables)
    assert found.pop(f"{database}.{CLEAN}") == ["revenue is decimal(18,2), declared double"]
    assert found.pop(f"{database}.new_mart") == ["not in the catalog"]
    # the world's mart has a date where these declare text
    assert found == {f"{database}.{MART}": ["sale_date is date, declared string"]}
