"""What a goal is, which there are, and how results are shown.

To add a goal, write a function ``(Settings) -> Result`` that measures it, in a module that imports
nothing beyond the standard library and ``tests.benchmarks`` (the driver runs in one environment,
what is measured in its own: ``processes.run`` starts it and gives seconds and memory), and enter
it in ``tests/benchmarks/__main__.py``. Goals that come of the same runs share a function with a
cache, as ``silver.runs`` is shared by P3 to P5.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

Detail = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What is asked for.

    Attributes:
        scratch: folder for everything that is made; removed at the end.
        rows: of the silver benchmarks.
        extract_rows: of the table that is extracted for P1.
        memory_rows: of the smaller and the larger table that are extracted for P2.
        gold_rows: sales of the day whose gold is built for P6.
        wait_seconds: how long a run waits for its deliveries in P8.
        pairs: how often each measurement is repeated, the contestants in turns.
    """

    scratch: Path
    rows: int = 1_500_000
    extract_rows: int = 2_000_000
    memory_rows: tuple[int, int] = (500_000, 8_000_000)
    gold_rows: int = 200_000
    wait_seconds: int = 300
    pairs: int = 3


@dataclass(frozen=True)
class Result:
    """What was measured for a goal.

    Attributes:
        says: the goal in a few words, with the unit of ``value``.
        value: what is compared with the goal.
        goal: the most that ``value`` may be.
        also: further conditions by name, all of which must hold.
        detail: anything else worth keeping.
        lines: for the reader, below the table.
    """

    says: str
    value: float
    goal: float
    also: Mapping[str, bool] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.value <= self.goal and all(self.also.values())

    def document(self) -> Detail:
        """The entry in bench.json."""
        detail = {"says": self.says, "also": dict(self.also), **self.detail}
        return {"value": round(self.value, 4), "goal": self.goal, "met": self.met, "detail": detail}


Measure = Callable[[Settings], Result]


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of the ratios within each pair of neighbouring runs."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


def table(results: Mapping[str, Result]) -> str:
    """The results for a reader."""
    lines = [f"{'':4}{'value':>8}{'goal':>8}  met"]
    for name, result in results.items():
        verdict = "yes" if result.met else "no"
        lines.append(f"{name:4}{result.value:8.3f}{result.goal:8.2f}  {verdict:4} {result.says}")
        lines += [
            f"{'':27}{condition}: no" for condition, holds in result.also.items() if not holds
        ]
    shown = dict.fromkeys(line for result in results.values() for line in result.lines)
    return "\n".join([*lines, *shown])
