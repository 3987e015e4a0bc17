"""Rollback and housekeeping, killed at their calls: readers see one whole state or the other."""

from typing import Any

import pytest

from include.laptop.published import Published
from tests.integration.crash.publications import Publications, hashes
from tests.integration.crash.reader import Reader
from tests.integration.crash.tasks import WRITES, Run, Worker

pytestmark = pytest.mark.slow  # minutes each: `make test-crash`
EVERY_CALL = pytest.param(("before", "after"), "", marks=pytest.mark.slow)


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize(("sides", "only"), [(("after",), WRITES), EVERY_CALL])
def test_a_rollback_that_is_killed_is_completed_by_the_next_attempt(
    publications: Publications, worker: Worker, reader: Reader, sides: Any, only: str
) -> None:
    states = []
    for content in (0, 1):
        publications.build(content).complete("publish")
        states.append((Published.now(), reader.poll().seen))
    (earlier, seen), (current, _) = states
    run = Run(worker, "retail_rollback", f"rollback {len(sides)}", {"version": "previous"})

    def one_of_the_two() -> None:
        assert Published.now() in (earlier, current)

    for task in worker.tasks["retail_rollback"]:
        run.kill(task, sides, only, one_of_the_two)
    assert Published.now() == earlier
    assert reader.poll().seen == seen


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("most", [6, pytest.param(None, marks=pytest.mark.slow)])
def test_housekeeping_that_is_killed_takes_nothing_that_is_seen_and_leaves_nothing_else(
    publications: Publications, worker: Worker, reader: Reader, most: int | None
) -> None:
    for content in (2, 3):
        publications.build(content).complete("publish")
    publications.build(0)  # never published
    before, seen = hashes(Published.now().pointer), reader.poll().seen
    limits = {"keep_days": 0, "keep_versions": 1, "max_objects": 100_000}
    run = Run(worker, "retail_housekeeping", f"cleanup {most}", {**limits, "dry_run": False})

    def nothing_lost() -> None:
        assert hashes(Published.now().pointer) == before

    for task in worker.tasks["retail_housekeeping"]:
        kills = run.kill(task, ("after",), WRITES, nothing_lost, most)
    assert kills >= 4, "tables, versions, partitions, files"
    assert reader.poll().seen == seen
    left = Run(worker, "retail_housekeeping", f"left {most}", {**limits, "dry_run": True})
    left.complete("collect")
    report = left.returned("collect")
    assert (report["objects"], report["partitions"], report["staged"]) == (0, 0, 0)
    assert report["missing"] == []
