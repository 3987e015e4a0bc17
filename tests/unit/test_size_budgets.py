"""How long files may get: what does not fit wants another file or less code."""

from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Budget:
    """Most lines of each file that a pattern finds; a file falls under its first pattern."""

    pattern: str
    lines: int


BUDGETS = (
    Budget("README.md", 150),
    Budget("dags/retail_sales_daily.py", 150),
    Budget("dags/retail_housekeeping.py", 80),
    Budget("dags/retail_rollback.py", 60),
    Budget("dags/retail_quarantine_replay.py", 80),
    Budget("dags/retail_erasure.py", 70),
    Budget("dags/**/*.py", 0),  # a new DAG file gets a budget of its own
    Budget("glue_jobs/bronze_to_silver.py", 100),
    Budget("glue_jobs/**/*.py", 300),
    Budget("plugins/**/*.py", 300),
    Budget("include/**/*.py", 300),
    Budget("sql/**/*.sql", 80),
)
REQUIRED = frozenset(budget.pattern for budget in BUDGETS) - {
    "dags/**/*.py",
    "dags/retail_erasure.py",
    "dags/retail_housekeeping.py",
    "dags/retail_quarantine_replay.py",
    "dags/retail_rollback.py",
}


def budgeted(root: Path) -> dict[Path, Budget]:
    """Every file that has a budget."""
    found: dict[Path, Budget] = {}
    for budget in BUDGETS:
        for file in sorted(root.glob(budget.pattern)):
            found.setdefault(file, budget)
    return found


def too_long(root: Path) -> list[str]:
    """Files over their budget."""
    found = []
    for file, budget in budgeted(root).items():
        lines = len(file.read_text(encoding="utf-8").splitlines())
        if lines > budget.lines:
            path = file.relative_to(root)
            found.append(f"{path}: {lines} lines, {budget.lines} allowed ({budget.pattern})")
    return found


def patterns_without_files(root: Path) -> list[str]:
    """Budgets that found nothing: a check of nothing must not pass."""
    used = {budget.pattern for budget in budgeted(root).values()}
    return sorted(REQUIRED - used)


def test_every_file_keeps_its_budget() -> None:
    assert too_long(ROOT) == []


def test_every_budget_finds_files() -> None:
    assert patterns_without_files(ROOT) == []


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A tree in which every file is exactly as long as it may be."""
    for budget in BUDGETS:
        file = tmp_path / budget.pattern.replace("**", "folder").replace("*", "file")
        if budget.lines:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x\n" * budget.lines)
    return tmp_path


def test_files_of_just_the_right_length_pass(small_tree: Path) -> None:
    assert too_long(small_tree) == []
    assert patterns_without_files(small_tree) == []
    assert len(budgeted(small_tree)) == len(BUDGETS) - 1


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.pattern)
def test_one_line_more_is_found(small_tree: Path, budget: Budget) -> None:
    path = budget.pattern.replace("**", "folder").replace("*", "file")
    (small_tree / path).parent.mkdir(parents=True, exist_ok=True)
    (small_tree / path).write_text("x\n" * (budget.lines + 1))
    (found,) = too_long(small_tree)
    assert found == f"{path}: {budget.lines + 1} lines, {budget.lines} allowed ({budget.pattern})"


@pytest.mark.parametrize("pattern", sorted(REQUIRED))
def test_a_budget_without_files_is_found(small_tree: Path, pattern: str) -> None:
    (small_tree / pattern.replace("**", "folder").replace("*", "file")).unlink()
    assert patterns_without_files(small_tree) == [pattern]
