"""Quarantine replay from the command line: starts the DAG, prints its verdict."""

import argparse

from include.laptop import queries
from include.laptop.runs import Runs
from include.laptop.stack import Laptop

DAG = "retail_quarantine_replay"
SECONDS = 3600.0
COLUMNS = ("dataset", "ingest_date", "reason", "quarantined", "would_pass")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the form's fields."""
    parser.add_argument("--dataset", default="", help="only this one")
    parser.add_argument("--reason", default="", help="only this one, such as invalid:price")
    parser.add_argument("--from", dest="from_date", help="first arrival day")
    parser.add_argument("--to", dest="to_date", help="last arrival day")
    parser.add_argument("--apply", action="store_true", help="rebuild the days, not only tell")


def show(laptop: Laptop, given: argparse.Namespace) -> int:
    """Runs the replay and prints what is quarantined and what would pass.

    Raises:
        RunError: the run failed or did not end in an hour.
    """
    runs = Runs(laptop.airflow, DAG)
    names = ("dataset", "reason", "from_date", "to_date")
    conf = {name: getattr(given, name) for name in names if getattr(given, name)}
    run = runs.start({**conf, "dry_run": not given.apply})
    runs.succeed(run, SECONDS)
    if runs.tasks(run)["find_rows"] == "skipped":
        print("nothing is quarantined as asked")
        return 0
    verdict = runs.returned(run, "verdict", "verdict")
    rows: list[list[str | None]] = [[str(row[name]) for name in COLUMNS] for row in verdict["rows"]]
    print(queries.as_table(list(COLUMNS), rows))
    days = ", ".join(verdict["days"]) or "none"
    told = "would be rebuilt (--apply)" if verdict["dry_run"] else "rebuilt"
    print(f"{verdict['would_pass']} of {verdict['quarantined']} pass; days {told}: {days}")
    return 0
