"""Back to an earlier state and forward again, on a real catalog."""

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from include.lake import history, layout, releases
from retail_lake.hooks.catalog import CatalogHook, SupersededError
from retail_lake.operators.choose_version import NOTHING, ChooseVersionOperator
from retail_lake.operators.rollback import ListVersionsOperator, RollbackOperator
from tests.unit.plugins.editions import CLEAN, TABLES, Editions
from tests.unit.plugins.world import DAY, MART, World, release

NEXT_DAY = "2025-03-02"


class Rollbacks:
    """The DAG's tasks, executed one after the other."""

    def __init__(self, editions: Editions) -> None:
        self.world = editions.world
        self.states = {
            "pointer": self.world.pointer,
            "layout": layout,
            "rules": history,
            "parse_pointer": releases.parse_pointer,
        }

    def list(self) -> Any:
        operator = ListVersionsOperator(task_id="list_versions", **self.states)
        return operator.execute(self.world.context)

    def choose(self, version: str = "previous") -> dict[str, Any]:
        operator = ChooseVersionOperator(task_id="choose", listed=self.list(), rules=history)
        return operator.execute({**self.world.context, "params": {"version": version}})

    def move(self, chosen: dict[str, Any]) -> dict[str, Any]:
        operator = RollbackOperator(
            task_id="move_pointer",
            chosen=chosen,
            databases=dict.fromkeys(TABLES, self.world.database),
            other_database=self.world.database,
            **self.states,
        )
        return operator.execute(self.world.context)

    def run(self, version: str = "previous") -> dict[str, Any]:
        return self.move(self.choose(version))


@pytest.fixture
def editions(world: World) -> Editions:
    """A day, its correction, and the next day: three versions after the empty one."""
    made = Editions(world)
    made.publish(1)
    made.publish(2)
    made.publish(3, [NEXT_DAY])
    return made


@pytest.fixture
def rollbacks(editions: Editions) -> Rollbacks:
    return Rollbacks(editions)


def test_the_list_says_what_each_version_changed(rollbacks: Rollbacks) -> None:
    listed = rollbacks.list()
    numbers = [int(one["version"]) for one in listed]
    assert numbers == sorted(numbers, reverse=True)
    assert [one["release"] for one in listed] == [release(3), release(2), release(1), ""]
    assert [one["current"] for one in listed] == [True, False, False, False]
    assert listed[0]["changed"] == dict.fromkeys(sorted(TABLES), f"1 day {NEXT_DAY}")
    assert listed[1]["changed"] == dict.fromkeys(sorted(TABLES), f"1 day {DAY}")
    assert listed[0]["days"] == f"1 day {NEXT_DAY}"
    assert (listed[3]["changed"], listed[3]["days"]) == ({}, "")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Airflow is told to ask; there is no supervisor here that would hand it on."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail",
        lambda **detail: found.append(detail),
    )
    return found


def picked(rollbacks: Rollbacks, option: str) -> Any:
    """The answer as the trigger hands it on, to a worker that starts anew."""
    operator = ChooseVersionOperator(task_id="choose", listed=rollbacks.list(), rules=history)
    user = {"id": "1", "name": "ann"}
    event = {"chosen_options": [option], "params_input": {}, "responded_by_user": user}
    return operator.execute_complete({}, {**event, "responded_at": datetime.now(UTC)})


def test_a_person_picks_a_version_of_those_there_are(
    editions: Editions, rollbacks: Rollbacks, asked: list[dict[str, Any]]
) -> None:
    editions.world.context["ti"].id = "ti"
    context = {**editions.world.context, "task_instance": editions.world.context["ti"]}
    operator = ChooseVersionOperator(task_id="choose", listed=rollbacks.list(), rules=history)
    with pytest.raises(TaskDeferred):
        operator.execute({**context, "params": {"version": ""}})
    (question,) = asked
    listed = rollbacks.list()
    options = question["options"]
    assert [option.partition(":")[0] for option in options[:-1]] == [
        one["version"] for one in listed[1:]
    ], "newest first, without the one that is shown"
    assert question["defaults"] == options[-1:] == [NOTHING]
    cells = [line.strip("| ").split(" | ") for line in question["body"].splitlines()[2:]]
    assert [row[0] for row in cells] == [
        f"**{listed[0]['version']}, shown now**",
        *(one["version"] for one in listed[1:]),
    ]
    assert [row[2] for row in cells] == [
        f"1 day {NEXT_DAY}",
        f"1 day {DAY}",
        f"1 day {DAY}",
        "none",
    ]
    assert cells[1][3:] == ["3", "7", "run 2"]

    rollbacks.move(picked(rollbacks, options[1]))
    assert set(editions.world.published().values()) == {release(1)}
    again = rollbacks.list()[0]
    assert (again["release"], again["run"], again["rows"]) == (release(1), "run 1", "7")


def test_picking_nothing_changes_nothing(editions: Editions, rollbacks: Rollbacks) -> None:
    before = editions.version()
    with pytest.raises(AirflowSkipException):
        rollbacks.move(picked(rollbacks, NOTHING))
    assert editions.version() == before
    with pytest.raises(ValueError, match="not in"):
        picked(rollbacks, "77: as of never")


def test_back_to_the_state_before_and_forward_again(
    editions: Editions, rollbacks: Rollbacks
) -> None:
    world = editions.world
    latest, location = world.published(), world.location()
    back = rollbacks.run()
    assert back["changed"]
    assert back["release"] == release(2)
    assert back["tables"] == dict.fromkeys(sorted(TABLES), f"1 day {NEXT_DAY}")
    assert world.published() == {key: name for key, name in latest.items() if key[1] != NEXT_DAY}

    forward = rollbacks.run(back["from_version"])
    assert forward["release"] == release(3)
    assert world.published() == latest
    assert world.location() == location
    states = {one["version"]: one["location"] for one in rollbacks.list()}
    assert world.history() == states, "each version can still be queried"
    assert list(states.values())[:3] == [location, states[back["to_version"]], location]


def test_any_version_by_its_number(editions: Editions, rollbacks: Rollbacks) -> None:
    first, before_all = [one["version"] for one in rollbacks.list()][2:]
    rollbacks.run(first)
    assert set(editions.world.published().values()) == {release(1)}
    table = CatalogHook().table(*editions.world.pointer)
    assert table["Parameters"]["release"] == release(1)
    rollbacks.run(before_all)
    assert editions.world.published() == {}


def test_a_second_execution_changes_nothing(editions: Editions, rollbacks: Rollbacks) -> None:
    chosen = rollbacks.choose()
    assert rollbacks.move(chosen)["changed"]
    version = editions.version()
    again = rollbacks.move(chosen)
    assert not again["changed"]
    assert again["tables"] == {}
    assert editions.version() == version


def test_an_unknown_version_fails_with_the_list(editions: Editions, rollbacks: Rollbacks) -> None:
    before = editions.version()
    with pytest.raises(AirflowFailException, match=rf"no version '77'.*{release(1)}.*{release(3)}"):
        rollbacks.run("77")
    assert editions.version() == before


def test_a_partition_that_is_gone_is_refused_by_name(
    editions: Editions, rollbacks: Rollbacks
) -> None:
    world = editions.world
    world.glue.delete_partition(
        DatabaseName=world.database, TableName=CLEAN, PartitionValues=[DAY, DAY, release(2)]
    )
    before = editions.version()
    with pytest.raises(AirflowFailException, match=f"1 of its partitions .*{CLEAN}/{DAY}/{DAY}/"):
        rollbacks.run()
    assert editions.version() == before


def test_a_table_that_is_gone_is_refused_too(editions: Editions, rollbacks: Rollbacks) -> None:
    world = editions.world
    world.glue.delete_table(DatabaseName=world.database, Name=MART)
    with pytest.raises(AirflowFailException, match=f"{MART}/{DAY}/{release(2)}"):
        rollbacks.run()


def test_a_state_whose_file_is_gone_is_refused(editions: Editions, rollbacks: Rollbacks) -> None:
    target = next(one for one in rollbacks.list() if one["release"] == release(2))
    (key,) = (key for key in editions.keys("ops/published/") if release(2) in key)
    editions.world.s3.delete_object(Bucket=editions.bucket, Key=key)
    with pytest.raises(AirflowFailException, match=r"its file in .* is gone"):
        rollbacks.run(target["version"])
    listed = {one["version"]: one for one in rollbacks.list()}
    assert listed[target["version"]]["gone"]


def test_a_publication_after_the_choice_is_not_undone(
    editions: Editions, rollbacks: Rollbacks
) -> None:
    chosen = rollbacks.choose()
    editions.publish(4, ["2025-03-03"])
    before = editions.version()
    with pytest.raises(AirflowFailException, match=r"superseded: version .* Nothing was changed"):
        rollbacks.move(chosen)
    assert editions.version() == before


def test_a_publication_at_the_very_moment_is_not_undone_either(
    editions: Editions, rollbacks: Rollbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = rollbacks.choose()
    original = CatalogHook.move

    def race(hook: CatalogHook, *arguments: Any) -> None:
        monkeypatch.setattr(CatalogHook, "move", original)
        editions.publish(4, ["2025-03-03"])
        original(hook, *arguments)

    monkeypatch.setattr(CatalogHook, "move", race)
    with pytest.raises(SupersededError):
        rollbacks.move(chosen)
    assert release(4) in editions.world.published().values()


def test_nothing_to_go_back_to(world: World) -> None:
    rollbacks = Rollbacks(Editions(world))
    with pytest.raises(AirflowFailException, match="no state before the current one"):
        rollbacks.run()
