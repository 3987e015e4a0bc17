"""Measures the goals of the design side by side with what users have today.

Prints a table of ratios and memory, and writes bench.json. Each contestant runs in a process of
its own, in turns; a ratio is the median over the pairs of neighbouring runs. A goal that is missed
is no error: the exit code is 1 only if something could not be measured.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import extract, gold, parse, silver, slots
from tests.benchmarks.goals import Measure, Result, Settings, table
from tests.benchmarks.processes import ROOT, MeasurementError, say

#: Every goal and how it is measured, in the order of the table.
GOALS: dict[str, Measure] = {
    "P1": extract.time_against_copy,
    "P2": extract.memory,
    "P3": silver.time_against_the_seed,
    "P4": silver.bytes_read_and_files,
    "P5": silver.bytes_written,
    "P6": gold.bytes_of_a_day,
    "P7": parse.time_against_reference,
    "P8": slots.worker_time_of_waits,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measures what is asked for; gives the exit code."""
    arguments = parse(argv)
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="retail-lake-bench-") as scratch:
        settings = Settings(
            Path(scratch),
            rows=arguments.rows,
            extract_rows=arguments.extract_rows,
            memory_rows=(arguments.memory_rows // 16, arguments.memory_rows),
            gold_rows=arguments.gold_rows,
            wait_seconds=arguments.wait_seconds,
            pairs=arguments.pairs,
        )
        failed = False
        for name in arguments.only:
            say(f"{name} …")
            try:
                results[name] = GOALS[name](settings)
            except MeasurementError as error:
                failed = True
                say(f"make bench: {name}: {error}")
    documents = {name: result.document() for name, result in results.items()}
    arguments.out.write_text(json.dumps(documents, indent=1, ensure_ascii=False) + "\n")
    print(table(results))
    return int(failed)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; a bad one ends the program with one line and code 2."""
    defaults = Settings(Path())
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only",
        type=_goals,
        default=list(GOALS),
        metavar="GOALS",
        help=f"of {','.join(GOALS)}, with commas (default: all)",
    )
    for name, least, text in (
        ("rows", 3000, "orders that the silver job reads"),
        ("extract-rows", 1000, "rows of the table extracted for P1"),
        ("memory-rows", 16_000, "rows of the larger table of P2; the smaller has a 16th"),
        ("gold-rows", 1000, "sales of the day of P6"),
        ("wait-seconds", 60, "how long deliveries are late in P8"),
        ("pairs", 1, "repetitions"),
    ):
        default = getattr(defaults, name.replace("-", "_"))
        parser.add_argument(
            f"--{name}",
            type=_at_least(least),
            default=default[-1] if isinstance(default, tuple) else default,
            metavar="N",
            help=f"{text} (default: %(default)s)",
        )
    parser.add_argument("--out", type=Path, default=ROOT / "bench.json", metavar="FILE")
    return parser.parse_args(argv)


def _goals(text: str) -> list[str]:
    asked = text.upper().split(",")
    unknown = [name for name in asked if name not in GOALS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no goal {', '.join(unknown)}; there are {', '.join(GOALS)}"
        )
    return [name for name in GOALS if name in asked]


def _at_least(least: int) -> type[int]:
    class _Number(int):
        def __new__(cls, text: str | int) -> int:  # type: ignore[misc]
            number = int(text)
            if number < least:
                raise argparse.ArgumentTypeError(f"{number} is too few, at least {least}")
            return number

    return _Number


if __name__ == "__main__":
    sys.exit(main())
