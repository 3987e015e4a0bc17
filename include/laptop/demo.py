"""Days of the lake at work: delivered, run by the scheduler, compared with what was planted."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3

from include.lake.contracts import load_lake
from include.lake.costs import money, total
from include.laptop import planted, queries, tills
from include.laptop.published import Published
from include.laptop.runs import RunError, Runs
from include.laptop.stack import ROOT, Laptop

RUN_SECONDS = 900
TOTALS = ("transactions", "units", "gross_revenue", "returns", "revenue", "customers")
DAILY_SALES = f"""
SELECT CAST(sale_date AS varchar) AS sale_date, channel, {", ".join(TOTALS)}
FROM daily_sales ORDER BY 1, 2
"""
LEDGER = ("rows_in", "silver", "quarantined", "duplicates")


def show(laptop: Laptop, count: int) -> int:
    """Runs the demonstration.

    Args:
        laptop: The running stack; the endpoints' variables are set.
        count: How many days; the last is the one that the schedule itself runs for.

    Returns:
        0 if every number is the planted one, else 1.
    """
    started = time.monotonic()
    runs = Runs(laptop.airflow)
    days = choose_days(laptop.folder / "demo.json", runs, count)
    sample = make_sample(laptop.folder / "sample", days)
    truth = json.loads((sample / "truth.json").read_text())
    for day in days:
        tills.open_day(laptop, sample, day)
    runs.unpause()
    wrong: list[str] = []
    for day in days:
        deliver(laptop.outputs()["LakeBucket"], sample, day)
        # the schedule's own run of the last day has waited for its files since the DAG was unpaused
        waiting = runs.waiting_run() if day == days[-1] else None
        first_time = (Published.now().latest_day() or date.min) < day
        run = waiting or runs.trigger(day)
        print(
            f"\n{day}  delivered; {'scheduled' if waiting else 'triggered'} run {run}", flush=True
        )
        delivered = time.monotonic()
        runs.succeed(run, RUN_SECONDS)
        seconds = time.monotonic() - delivered
        report = runs.returned(run, "report")
        wrong += accounting(report, truth, day, first_time)
        scanned = ", ".join(f"{name} {size:,}" for name, size in report["bytes_scanned"].items())
        print(f"bytes scanned: {scanned}\ncost at AWS's list prices: {cost(report)}")
        print(f"published {seconds:.0f} s after the delivery")
    outputs = laptop.outputs()
    wrong += totals(outputs["AnalystsWorkgroup"], truth)
    wrong += planted.regions(outputs["AnalystsWorkgroup"], truth)
    wrong += planted.categories(outputs["AnalystsWorkgroup"], truth)
    wrong += planted.faults(outputs["PipelineWorkgroup"], truth)
    print("\nsha256 of the published files, all days")
    for table, digest in sorted(Published.now().digests().items()):
        print(f"  {table:<26}{digest}")
    verdict = "NOT as planted:" if wrong else "exactly as planted"
    print(f"\n{len(days)} days in {time.monotonic() - started:.0f} s; the numbers are {verdict}")
    for line in wrong:
        print(f"  {line}")
    password = laptop.airflow.keys["password"]
    print(f"\nAirflow  {laptop.airflow.url}  user admin, password {password}")
    print('query    make athena SQL="SELECT sale_date, sum(revenue) FROM daily_sales GROUP BY 1"')
    print("stop     make down")
    return 1 if wrong else 0


def choose_days(remembered: Path, runs: Runs, count: int) -> list[date]:
    """The days up to the one that the schedule is about to run for; the same at the next demo.

    Raises:
        RunError: If this stack has shown another number of days, whose sales would still count.
    """
    if remembered.exists():
        shown = [date.fromisoformat(day) for day in json.loads(remembered.read_text())]
        if len(shown) != count:
            raise RunError(
                f"this stack has shown {len(shown)} days already: repeat them with "
                f"DAYS={len(shown)}, or `make down`, remove {remembered.parent} and start anew"
            )
        return shown
    last = runs.scheduled_instant().astimezone(ZoneInfo(load_lake().time_zone)).date()
    days = [last - timedelta(days=back) for back in reversed(range(count))]
    remembered.write_text(json.dumps([str(day) for day in days]))
    return days


def make_sample(folder: Path, days: Sequence[date]) -> Path:
    """Writes the days' sample data and their truth file; returns the folder."""
    command = [sys.executable, "-m", "include.sample_data", "--out", str(folder)]
    command += ["--from", str(days[0]), "--to", str(days[-1])]
    subprocess.run(command, check=True, cwd=ROOT)
    return folder


def deliver(bucket: str, sample: Path, day: date) -> None:
    """Puts a day's files into bronze as their senders do: the data, then `_SUCCESS`."""
    s3 = boto3.client("s3")
    for folder in sorted(sample.glob(f"*/ingest_date={day}")):
        files = sorted(folder.iterdir(), key=lambda file: (file.name == "_SUCCESS", file.name))
        for file in files:
            s3.upload_file(str(file), bucket, f"bronze/{file.relative_to(sample)}")


def cost(report: dict[str, Any]) -> str:
    """What AWS would have billed for a run, and what was estimated before its job."""
    currency = report["estimate"]["currency"]
    crawled = total(row for row in report["costs"] if row["kind"] == "crawl")
    spent, estimated = total(report["costs"]), crawled + Decimal(report["estimate"]["amount"])
    return f"{money(spent, currency)} (estimated {money(estimated, currency)})"


def accounting(
    report: dict[str, Any], truth: dict[str, Any], day: date, first_time: bool
) -> list[str]:
    """Prints where the rows of a day's files went; returns what is not as planted.

    Args:
        report: What the run's last task returned.
        truth: The sample data's truth file.
        day: The arrival day.
        first_time: Whether no later day is published yet. A later day's copies of a transaction
            win over this day's: a re-run counts these as duplicates, the first run as silver.
    """
    planted = next(run["files"] for run in truth["runs"] if run["from"] == str(day))
    columns = ["dataset", "file", *LEDGER]
    rows: list[list[str | None]] = []
    for entry in report["ledger"]:
        file = str(entry["source_file"]).rsplit("/", 1)[1]
        rows.append([entry["dataset"], file, *(str(entry[name]) for name in LEDGER)])
    print(queries.as_table(columns, rows))
    return compare_ledger(report["ledger"], planted, exact=first_time)


def compare_ledger(
    ledger: Sequence[dict[str, Any]], planted: Sequence[dict[str, Any]], exact: bool
) -> list[str]:
    """What in the ledger is not as planted, by dataset and in total over its files."""

    def summed(entries: Sequence[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
        datasets = sorted({entry["dataset"] for entry in entries})
        return {
            name: tuple(
                sum(int(entry[what]) for entry in entries if entry["dataset"] == name)
                for what in LEDGER
            )
            for name in datasets
        }

    def kept(counts: tuple[int, ...]) -> tuple[int, ...]:
        rows_in, silver, quarantined, duplicates = counts
        return counts if exact else (rows_in, silver + duplicates, quarantined)

    found, wanted = summed(ledger), summed(planted)
    wrong = [
        f"{entry['source_file']}: {entry['rows_in']} rows in, but not as many accounted for"
        for entry in ledger
        if entry["rows_in"] != entry["silver"] + entry["quarantined"] + entry["duplicates"]
    ]
    wrong += [
        f"{name}: {LEDGER} are {found.get(name)}, planted {wanted.get(name)}"
        for name in sorted(found.keys() | wanted.keys())
        if name not in found or name not in wanted or kept(found[name]) != kept(wanted[name])
    ]
    return wrong


def totals(workgroup: str, truth: dict[str, Any]) -> list[str]:
    """Prints gold's daily sales as an analyst reads them; returns what is not as planted."""
    columns, rows, scanned = queries.run(DAILY_SALES, workgroup, load_lake().analytics_database)
    print(f"\ndaily_sales as published ({scanned:,} bytes scanned)")
    print(queries.as_table(columns, rows))
    found = {(str(row[0]), str(row[1])): [Decimal(str(cell)) for cell in row[2:]] for row in rows}
    wanted = {
        (day, channel): [Decimal(str(sums[name])) for name in TOTALS]
        for day, channels in truth["daily_sales"].items()
        for channel, sums in channels.items()
    }
    return [
        f"daily_sales {key}: {found.get(key)}, planted {wanted.get(key)}"
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    ]
