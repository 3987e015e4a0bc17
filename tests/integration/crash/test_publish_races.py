"""Two processes publish at once: one wins, the other says so or merges, and nothing is lost."""

import random
import time

import pytest

from include.laptop.published import Published
from tests.integration.crash.publications import DAYS, Publications, hashes
from tests.integration.crash.tasks import Outcome, Run, Worker

ROUNDS = 2


def at_once(*runs: Run) -> list[Outcome]:
    """Publish in as many processes at once."""
    attempts = [run.start("publish") for run in runs]
    return [attempt.wait() for attempt in attempts]


def release(run: Run) -> str:
    return str(run.returned("open_release")["release"])


def published() -> set[tuple[str, str]]:
    """(business day, release) of every published partition."""
    return {(str(row.sale_date), row.release) for row in Published.now().pointer}


def test_of_two_that_replace_the_same_days_one_wins_and_the_other_is_superseded(
    publications: Publications,
) -> None:
    for _ in range(ROUNDS):
        runs = [publications.build(content) for content in (0, 1)]
        outcomes = at_once(*runs)
        assert sorted(one.state for one in outcomes) == ["failed", "success"], outcomes
        winner, loser = sorted(range(2), key=lambda n: outcomes[n].state != "success")
        assert "superseded" in outcomes[loser].error
        assert published() == {(str(day), release(runs[winner])) for day in DAYS}
        before = hashes(Published.now().pointer)

        again = runs[loser].start("publish").wait()  # what Airflow's retry would do
        assert again.state == "failed"
        assert "Clear the run from open_release" in again.error
        assert hashes(Published.now().pointer) == before

        rebuilt = publications.build(loser)
        rebuilt.complete("publish")
        assert published() == {(str(day), release(rebuilt)) for day in DAYS}


def test_of_two_that_replace_different_days_both_are_published(
    publications: Publications,
) -> None:
    for _ in range(ROUNDS):
        runs = [publications.build(0, [DAYS[0]]), publications.build(1, [DAYS[1]])]
        for run, outcome in zip(runs, at_once(*runs), strict=True):
            if outcome.state == "failed":  # the other one moved the pointer in between
                assert "superseded" in outcome.error
                run.complete("publish")
        assert published() == {
            (str(day), release(run)) for day, run in zip(DAYS, runs, strict=True)
        }


@pytest.mark.parametrize("seed", range(2))
def test_one_that_is_killed_while_another_publishes_loses_nothing(
    publications: Publications, seed: int
) -> None:
    choice = random.Random(seed)
    runs = [publications.build(2, [DAYS[0]]), publications.build(2, [DAYS[1]])]
    attempts = [run.start("publish") for run in runs]
    time.sleep(choice.uniform(0, 1))
    attempts[0].kill()
    outcomes = [attempt.wait() for attempt in attempts]
    for run, outcome in zip(runs, outcomes, strict=True):
        if outcome.state != "success":
            run.complete("publish")
    assert published() == {(str(day), release(run)) for day, run in zip(DAYS, runs, strict=True)}
    alone = publications.build(2)
    before = hashes(Published.now().pointer)
    alone.complete("publish")
    assert hashes(Published.now().pointer) == before


def test_a_rollback_and_a_publication_at_once_give_one_of_the_two_states(
    publications: Publications, worker: Worker
) -> None:
    for content in (0, 1):
        publications.build(content).complete("publish")
    back = Run(worker, "retail_rollback", "rollback at once", {"version": "previous"})
    *choose, move = worker.tasks["retail_rollback"]
    for task in choose:
        back.complete(task)
    run = publications.build(2)
    attempts = [run.start("publish"), back.start(move)]
    outcomes = [attempt.wait() for attempt in attempts]
    assert sorted(one.state for one in outcomes) == ["failed", "success"], outcomes
    assert any("superseded" in one.error for one in outcomes)
