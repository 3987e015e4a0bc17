"""P3 to P5: the silver job against the seed's job, on the same files and the same Spark."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

from tests.benchmarks import web_orders
from tests.benchmarks.goals import Result, Settings, paired_ratio
from tests.benchmarks.processes import GLUE, Finished, MeasurementError, run, say

JOBS = ("ours", "seed", "duckdb")
TARGET_FILE_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class Runs:
    """The runs of all contestants, in pairs; ``figures`` have rows, build_seconds, read, silver."""

    ours: tuple[Finished, ...]
    seed: tuple[Finished, ...]
    duckdb: tuple[Finished, ...]
    drop: web_orders.Drop
    files_of_days: dict[str, tuple[int, ...]]

    def lines(self) -> tuple[str, ...]:
        """Medians of every contestant, for the reader."""
        shown = []
        for job in JOBS:
            each: tuple[Finished, ...] = getattr(self, job)
            seconds = median(one.seconds for one in each)
            build = median(one.figures["build_seconds"] for one in each)
            cpu = median(one.cpu_seconds for one in each)
            memory = median(one.peak_mb for one in each)
            size = median(one.figures["silver"] for one in each) / 1e6
            shown.append(
                f"silver, {job:6} {seconds:6.1f} s ({build:.1f} s without start), processors "
                f"{cpu:.1f} s, memory {memory:.0f} MB, writes {size:.1f} MB"
            )
        return tuple(shown)


def time_against_the_seed(settings: Settings) -> Result:
    """P3: wall time of the whole process; dedupe, quarantine and ledger included."""
    done = runs(settings)
    wall = paired_ratio(*([each.seconds for each in job] for job in (done.ours, done.seed)))
    build = paired_ratio(_figure(done.ours, "build_seconds"), _figure(done.seed, "build_seconds"))
    cpu = paired_ratio(*([each.cpu_seconds for each in job] for job in (done.ours, done.seed)))
    duckdb = paired_ratio(
        _figure(done.ours, "build_seconds"), _figure(done.duckdb, "build_seconds")
    )
    return Result(
        says=f"silver / the seed's job, wall time (x DuckDB: {duckdb:.1f})",
        value=wall,
        goal=0.45,
        detail={
            "without_start_of_process": round(build, 3),
            "processor_time": round(cpu, 3),
            "without_start_times_duckdb": round(duckdb, 1),
            "rows": done.drop.rows,
            "runs": {job: [each.document() for each in getattr(done, job)] for job in JOBS},
        },
        lines=done.lines(),
    )


def bytes_read_and_files(settings: Settings) -> Result:
    """P4: what the job reads, its own output included; files per business day of sales."""
    done = runs(settings)
    surplus = {
        day: len(sizes)
        for day, sizes in done.files_of_days.items()
        if len(sizes) != -(-sum(sizes) // TARGET_FILE_BYTES)
    }
    seed = median(_figure(done.seed, "read")) / done.drop.bytes
    return Result(
        says=f"bytes that the job reads / input bytes (the seed's job: {seed:.2f})",
        value=median(_figure(done.ours, "read")) / done.drop.bytes,
        goal=1.05,
        also={"files per day = ceil(bytes / 128 MiB)": not surplus},
        detail={"input_bytes": done.drop.bytes, "seed": seed, "days_with_other_files": surplus},
    )


def bytes_written(settings: Settings) -> Result:
    """P5: everything in silver, the clean table and sales, against the seed's one table."""
    done = runs(settings)
    theirs = _figure(done.seed, "silver")
    sales = paired_ratio(_figure(done.ours, "sales"), theirs)
    return Result(
        says=f"bytes of silver, clean and sales / the seed's output (sales alone: {sales:.3f})",
        value=paired_ratio(_figure(done.ours, "silver"), theirs),
        goal=0.5,
        detail={"sales_alone": round(sales, 4)},
    )


@cache
def runs(settings: Settings) -> Runs:
    """Runs all contestants in turns, ``settings.pairs`` times."""
    folder = settings.scratch / "silver"
    say(f"generating {settings.rows} orders")
    drop = web_orders.generate(folder / "lake", settings.rows)
    inputs = folder / "inputs.json"
    inputs.write_text(json.dumps(drop.inputs))
    done: dict[str, list[Finished]] = {job: [] for job in JOBS}
    sizes: dict[str, tuple[int, ...]] = {}
    for pair in range(settings.pairs):
        for job in JOBS:
            finished, days = _run(job, folder, inputs, drop)
            done[job].append(finished)
            sizes = days if job == "ours" else sizes
            say(f"pair {pair + 1} of {settings.pairs}: {job} {finished.seconds:.1f} s")
    shutil.rmtree(folder)
    return Runs(tuple(done["ours"]), tuple(done["seed"]), tuple(done["duckdb"]), drop, sizes)


def _run(
    job: str, folder: Path, inputs: Path, drop: web_orders.Drop
) -> tuple[Finished, dict[str, tuple[int, ...]]]:
    """One run, and the sizes of its files by business day of sales."""
    scratch, lake = folder / "scratch", folder / "lake"
    for used in (scratch, lake / "silver", lake / "ops"):
        shutil.rmtree(used, ignore_errors=True)
    scratch.mkdir()
    module = ["-m", "tests.benchmarks.silver_jobs", job]
    options: list[str | Path] = ["--inputs", inputs, "--scratch", scratch]
    finished = run(f"the silver job ({job})", [GLUE, *module, *options])
    silver = list((lake if job == "ours" else scratch).glob("silver/**/*.parquet"))
    sales: dict[str, tuple[int, ...]] = {}
    for file in (lake / "silver" / "sales").glob("**/*.parquet"):
        day = file.parent.name
        sales[day] = (*sales.get(day, ()), file.stat().st_size)
    finished.figures["silver"] = sum(file.stat().st_size for file in silver)
    finished.figures["sales"] = sum(map(sum, sales.values()))
    expected = drop.rows - drop.duplicates - drop.refused
    if job != "seed" and finished.figures["rows"] != expected:
        rows = finished.figures["rows"]
        raise MeasurementError(f"{job} kept {rows} rows of sales, {expected} were planted")
    return finished, sales


def _figure(done: Sequence[Finished], name: str) -> list[float]:
    return [float(each.figures[name]) for each in done]
