"""P6: what a day's gold reads and how long it takes, with little and with much history."""

from statistics import median

from tests.benchmarks.goals import Result, Settings
from tests.benchmarks.processes import AIRFLOW, run

FEW, MANY = 10, 400


def bytes_of_a_day(settings: Settings) -> Result:
    """P6: all builds and checks of a day on the local Athena, which tells what it reads."""
    command = [AIRFLOW, "-m", "tests.benchmarks.gold_jobs", settings.scratch / "gold"]
    command += ["--rows", str(settings.gold_rows), "--repeats", str(settings.pairs)]
    done = run("gold", [*command, "--history", str(FEW), str(MANY)], last_lines=60)
    found = {int(days): runs for days, runs in done.figures.items()}

    def of(days: int, what: str) -> float:
        return median(run[what] for run in found[days])

    scanned = of(MANY, "scanned") / of(MANY, "chunks")
    more = of(MANY, "scanned") / of(FEW, "scanned")
    longer = of(MANY, "milliseconds") / of(FEW, "milliseconds")
    return Result(
        says=f"gold of a day: bytes scanned / column chunks, with {MANY} days of history",
        value=scanned,
        goal=1.1,
        also={
            f"bytes with {MANY} days at most 1.1 x {FEW} days": more <= 1.1,
            f"time with {MANY} days at most 1.1 x {FEW} days": longer <= 1.1,
        },
        detail={
            "bytes_many_to_few": round(more, 4),
            "time_many_to_few": round(longer, 4),
            "runs": found,
        },
        lines=tuple(
            f"gold, {days:3} days of history {of(days, 'milliseconds') / 1000:6.1f} s, scans "
            f"{of(days, 'scanned') / 1e6:.2f} MB of chunks of {of(days, 'chunks') / 1e6:.2f} MB"
            for days in (FEW, MANY)
        ),
    )
