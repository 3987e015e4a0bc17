"""What a task reads follows from the files of an arrival day, and from nothing else."""

from datetime import date

import pytest

from retail_io import parts
from retail_io.inputs import BronzeFile
from retail_io.parts import Part, parts_of, shared_out

FIRST, SECOND = date(2026, 3, 10), date(2026, 3, 11)


def files(day: date, *sizes: int, suffix: str = "jsonl") -> list[BronzeFile]:
    return [
        BronzeFile("d", day, f"{day}/{place:03}.{suffix}", size) for place, size in enumerate(sizes)
    ]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 100)


def sizes(found: list[Part]) -> list[tuple[date, int, list[int]]]:
    return [(part.ingest_date, part.number, [f.size for f in part.files]) for part in found]


def test_files_of_a_day_are_together_up_to_a_size() -> None:
    given = files(FIRST, 60, 40, 1, 500, 0, 0) + files(SECOND, 5)
    assert sizes(parts_of(given)) == [
        (FIRST, 0, [60, 40]),
        (FIRST, 1, [1]),
        (FIRST, 2, [500]),
        (FIRST, 3, [0, 0]),
        (SECOND, 0, [5]),
    ]


def test_other_days_and_the_order_of_the_list_do_not_show() -> None:
    one, two = files(FIRST, 60, 60, 60), files(SECOND, 70, 70)
    assert parts_of(reversed(two + one)) == parts_of(one) + parts_of(two)


def test_compressed_files_count_for_more() -> None:
    assert len(parts_of(files(FIRST, 10, 10, suffix="jsonl"))) == 1
    assert len(parts_of(files(FIRST, 10, 10, suffix="jsonl.gz"))) == 2


@pytest.mark.parametrize("tasks", [1, 2, 3, 8])
def test_every_part_has_one_task_and_no_task_is_idle(tasks: int) -> None:
    given = parts_of(files(FIRST, 90, 80, 70, 60, 50) + files(SECOND, 0))
    shares = shared_out(given, tasks)
    assert len(shares) == min(tasks, len(given))
    assert all(shares)
    assert sorted(sizes([part for share in shares for part in share])) == sorted(sizes(given))


def test_tasks_are_of_about_the_same_size() -> None:
    shares = shared_out(parts_of(files(FIRST, 90, 80, 70, 60)), 2)
    assert [sum(part.size for part in share) for share in shares] == [150, 150]
