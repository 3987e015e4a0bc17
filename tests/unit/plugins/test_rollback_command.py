"""`make rollback` on a real catalog: what it lists, shows and refuses."""

import argparse
from dataclasses import replace

import pytest

from include.lake.contracts import load_lake
from include.laptop import rollback
from tests.unit.plugins.editions import CLEAN, Editions
from tests.unit.plugins.world import DAY, World, release

NEXT_DAY = "2025-03-02"


@pytest.fixture
def editions(world: World, monkeypatch: pytest.MonkeyPatch) -> Editions:
    """A day, its correction, and the next day: versions 2, 3 and 4 after the empty one."""
    name = world.database
    lake = replace(load_lake(), silver_database=name, gold_database=name, ops_database=name)
    monkeypatch.setattr(rollback, "load_lake", lambda: lake)
    made = Editions(world)
    made.publish(1)
    made.publish(2)
    made.publish(3, [NEXT_DAY])
    return made


def command(*given: str) -> int:
    parser = argparse.ArgumentParser()
    rollback.arguments(parser)
    return rollback.run(parser.parse_args(given))


def test_lists_what_each_version_changed(
    editions: Editions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["4", "3", "2", "1"]
    assert "version 4 (current)" in lines[0]
    assert f"{release(3)}, by run 3, 7 rows of sales, changed" in lines[0]
    assert f"sales 1 day {NEXT_DAY}" in lines[0]
    assert lines[3].endswith("nothing published, changed nothing")


def test_back_and_forward_again(editions: Editions, capsys: pytest.CaptureFixture[str]) -> None:
    latest, location = editions.world.published(), editions.world.location()
    assert command("--to", "previous") == 0
    assert editions.world.published() == {
        key: name for key, name in latest.items() if key[1] != NEXT_DAY
    }
    assert f"readers see version 3 ({release(2)}) after " in capsys.readouterr().out
    assert command("--to", "4") == 0
    assert editions.world.location() == location
    assert command("--to", "4") == 0
    assert "already" in capsys.readouterr().out
    assert editions.version() == "6", "the third time nothing was moved"
    history = editions.world.history()
    assert list(history) == ["1", "2", "3", "4", "5", "6"], "each of them can be queried"
    assert (history["5"], history["6"]) == (history["3"], history["4"])
    assert command("--to", "1") == 0
    assert editions.world.published() == {}


def test_refused_in_one_line(editions: Editions, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--to", "77") == 1
    said = capsys.readouterr().err
    assert said.startswith("rollback: there is no version '77'")
    assert said.count("\n") == 1
    editions.world.glue.delete_partition(
        DatabaseName=editions.world.database,
        TableName=CLEAN,
        PartitionValues=[DAY, DAY, release(2)],
    )
    assert command("--to", "3") == 1
    assert f"such as {CLEAN}/{DAY}/{DAY}/{release(2)}" in capsys.readouterr().err
    (key,) = (key for key in editions.keys("ops/published/") if release(1) in key)
    editions.world.s3.delete_object(Bucket=editions.bucket, Key=key)
    assert command("--to", "2") == 1
    assert "version 2 cannot be shown: its file in " in capsys.readouterr().err
    assert editions.version() == "4"


def test_a_publication_meanwhile_is_not_undone(
    editions: Editions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = rollback.States.state

    def meanwhile(states: rollback.States, location: str) -> object:
        monkeypatch.setattr(rollback.States, "state", original)
        editions.publish(4, ["2025-03-03"])
        return original(states, location)

    monkeypatch.setattr(rollback.States, "state", meanwhile)
    assert command("--to", "previous") == 1
    assert "superseded: version 4" in capsys.readouterr().err
    assert release(4) in editions.world.published().values()


@pytest.mark.parametrize(
    "given", [[], ["--to", "1; DROP"], ["--to", "-1"], ["--list", "--to", "1"]]
)
def test_bad_input_is_refused_before_anything_is_read(given: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command(*given)
    assert stopped.value.code == 2


def test_no_credentials_or_nobody_there_is_one_line(
    front: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", "http://127.0.0.1:1")
    monkeypatch.setattr(rollback, "RETRIES", rollback.Config(retries={"total_max_attempts": 1}))
    assert command("--list") == 1
    assert capsys.readouterr().err.startswith("rollback: Could not connect")
