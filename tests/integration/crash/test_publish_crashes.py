"""Readers see whole states, whenever and wherever a process that publishes is killed."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from itertools import batched, combinations

import pytest

from include.laptop.published import Published
from tests.integration.crash.publications import (
    CONTENTS,
    MARTS,
    Hashes,
    Publications,
    hashes,
    revenue,
)
from tests.integration.crash.reader import Reader, Seen
from tests.integration.crash.tasks import FailPoint, Run

MOVE = "glue.UpdateTable"
PUBLICATIONS = 200
#: A view reads its table's partitions of every release that was not collected.
BETWEEN_CLEANUPS = 10


class Matrix:
    """Publications that are killed, beside what the same contents gave undisturbed.

    Attributes:
        seen: what readers see of each content.
        hashes: of its published files, by partition.
        calls: what publishing sends to AWS, in order.
        seconds: how long it takes.
    """

    def __init__(self, publications: Publications, reader: Reader) -> None:
        self.publications, self.reader = publications, reader
        self.seen: list[Seen] = []
        self.hashes: list[Hashes] = []
        for content in range(CONTENTS):
            run = publications.build(content)
            began = time.monotonic()
            self.calls = run.complete("publish").calls
            self.seconds = time.monotonic() - began
            self.seen.append(reader.poll().seen)
            self.hashes.append(hashes(Published.now().pointer))
        self.contents = {run.returned("open_release")["release"]: CONTENTS - 1}
        self.current = CONTENTS - 1
        self.outcomes: Counter[str] = Counter()

    @property
    def fail_points(self) -> list[FailPoint]:
        """Before and after every call."""
        sides = ("before", "after")
        return [FailPoint(n + 1, side) for n in range(len(self.calls)) for side in sides]

    def visible(self, point: FailPoint) -> bool:
        """Whether a process that dies there has published."""
        move = self.calls.index(MOVE) + 1
        return point.call > move or (point.call == move and point.side == "after")

    def publish(self, choice: random.Random, point: FailPoint | None) -> None:
        """Publish another content; the process dies at the point, or else at any moment."""
        content = (self.current + choice.randrange(1, CONTENTS)) % CONTENTS
        run = self.publications.build(content)
        self.contents[run.returned("open_release")["release"]] = content
        old, new = self.seen[self.current], self.seen[content]
        attempt = run.start("publish", point)
        if point is None:
            time.sleep(choice.uniform(0, self.seconds))
            attempt.kill()
        outcome = attempt.wait()
        self.outcomes[outcome.state] += 1
        seen = self.reader.poll().seen
        if point is not None:
            assert outcome.state == "killed", (point, outcome)
            assert seen == (new if self.visible(point) else old), point
        assert seen in (old, new)
        if outcome.state == "killed":
            run.complete("publish")
        self.current = content
        assert hashes(Published.now().pointer) == self.hashes[content]

    def clean_up(self) -> None:
        """Collect all releases but the current one; readers see the same after it."""
        number = self.publications.worker.number("cleanup")
        limits = {"keep_days": 0, "keep_versions": 1, "max_objects": 100_000, "dry_run": False}
        run = Run(
            self.publications.worker,
            "retail_housekeeping",
            f"between publications {number}",
            limits,
        )
        run.complete("collect")
        assert self.reader.poll().seen == self.seen[self.current]

    def check_polls(self, watching: Reader) -> None:
        """Every look saw one of the states that were published while it lasted."""
        releases = watching.releases()
        for poll in watching.polls:
            during = [releases[version] for version in range(poll.before, poll.after + 1)]
            assert poll.seen in [self.seen[self.contents[release]] for release in during], poll


@pytest.fixture(scope="module")
def matrix(publications: Publications, reader: Reader) -> Matrix:
    return Matrix(publications, reader)


def totals(seen: Seen) -> dict[str, str]:
    """The revenue of each view that has one."""
    found = {}
    for view, text in seen.items():
        numbers = dict(part.split("=") for part in text.split()[1:])
        if "revenue" in numbers:
            found[view] = numbers["revenue"]
    return found


def test_each_content_has_totals_of_its_own_and_all_views_agree_on_them(matrix: Matrix) -> None:
    for content, seen in enumerate(matrix.seen):
        of_views = totals(seen)
        assert set(of_views) >= {mart.name for mart in MARTS}
        assert set(of_views.values()) == {str(revenue(content))}
    for one, other in combinations(matrix.seen, 2):
        same = [view for view in totals(one) if one[view] == other[view]]
        assert not same, "a mixture would not be noticed"


def points(matrix: Matrix, choice: random.Random, count: int) -> Iterator[FailPoint | None]:
    """Fail-points, those around the writes first; None stands for a random moment."""
    writes = ("s3.PutObject", MOVE)
    around = [one for one in matrix.fail_points if matrix.calls[one.call - 1] in writes]
    others = [one for one in matrix.fail_points if one not in around]
    planned: list[FailPoint | None] = [*around, *choice.sample(others, len(others))]
    named = min(len(planned), count - count // 4)
    yield from planned[:named]
    yield from [None] * (count - named)


def publish_many(matrix: Matrix, count: int, seed: int) -> None:
    choice = random.Random(seed)
    began = time.monotonic()
    polls = 0
    for some in batched(points(matrix, choice, count), BETWEEN_CLEANUPS):
        with Reader(matrix.reader.workgroup) as watching:
            for point in some:
                matrix.publish(choice, point)
        matrix.check_polls(watching)
        polls += len(watching.polls)
        matrix.clean_up()
    print(
        f"{count} publications, {matrix.outcomes['killed']} killed, at"
        f" {len(matrix.fail_points)} fail-points or any moment; {polls} polls of"
        f" {len(matrix.seen[0])} views; {time.monotonic() - began:.0f} s"
    )


def test_readers_see_whole_states_while_publishers_are_killed(matrix: Matrix) -> None:
    publish_many(matrix, 8, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_200_publications_with_a_kill_at_every_fail_point(matrix: Matrix) -> None:
    assert len(matrix.fail_points) <= PUBLICATIONS * 3 // 4, "raise PUBLICATIONS"
    publish_many(matrix, PUBLICATIONS, seed=2)
