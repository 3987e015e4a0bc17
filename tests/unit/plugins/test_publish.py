"""Everything at once or nothing, with the lake's own rules on a real catalog."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_lake.hooks.catalog import CatalogHook, SupersededError
from retail_lake.hooks.versions import VersionsHook
from retail_lake.operators.report import delivered
from tests.unit.plugins.world import DAY, MART, World, release


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


def test_every_version_is_in_the_history(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, first = world.location(), world.publisher(release(1), world.location())

    def crash(*_: Any) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(VersionsHook, "record", crash)
        with pytest.raises(SystemExit):
            first.execute(world.context)
    assert world.history() == {}
    one = world.location()
    first.execute(world.context)
    assert list(world.history().values()) == [empty, one], "the retry makes up for it"
    world.publisher(release(2), one).execute(world.context)
    assert list(world.history().values()) == [empty, one, world.location()]
    (current,) = (number for number, at in world.history().items() if at == world.location())
    assert current == str(CatalogHook().table(*world.pointer)["VersionId"])


def test_a_mart_without_rows_is_published_twice_too(world: World) -> None:
    """A crash after the first staged table was dropped: the release is there, the mart is empty."""
    operator = world.publisher(release(1), world.location())
    (staged,) = operator.staged.values()
    database, name = staged.split(".")
    world.glue.batch_delete_partition(
        DatabaseName=database, TableName=name, PartitionsToDelete=[{"Values": [DAY]}]
    )
    assert operator.execute(world.context)["days"] == {MART: []}
    again = operator.execute(world.context)
    assert (again["changed"], again["days"]) == (False, {MART: []})


def test_a_book_is_published_with_its_release_and_stays_when_a_later_one_has_none(
    world: World,
) -> None:
    world.publisher(release(1), world.location()).execute(world.context)
    second = world.publisher(release(2), world.location())
    second.books = {"restatements": [DAY]}
    second.execute(world.context)
    assert world.published()["restatements", DAY] == release(2)
    third = world.publisher(release(3), world.location())
    third.books = {"restatements": []}
    third.execute(world.context)
    assert world.published() == {
        ("clean_ecommerce_orders", DAY): release(3),
        ("daily_sales", DAY): release(3),
        ("restatements", DAY): release(2),
        ("sales", DAY): release(3),
    }


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


def test_tells_consumers_of_the_tables_what_is_new(world: World) -> None:
    publisher = world.publisher(release(1), world.location())
    publisher.outlets = [Asset("retail_silver.sales"), Asset(f"retail_gold.{MART}")]
    publisher.rows = {MART: "3"}
    events = {each: SimpleNamespace(extra={}) for each in publisher.outlets}
    publisher.execute({**world.context, "outlet_events": events})
    assert [event.extra for event in events.values()] == [
        {"release": release(1), "rows": 12, "days": [DAY]},
        {"release": release(1), "rows": 3, "days": [DAY]},
    ]
