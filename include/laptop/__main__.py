"""The lake on a laptop: what `make up`, `down`, `athena`, `report`, `demo` and the like run."""

import argparse
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

from include.laptop import queries, replay, report, rollback, runs, stack
from include.local_aws import supervisor
from include.local_aws.__main__ import print_status
from include.local_aws.stack import ENFORCE

STATE = stack.ROOT / ".local"
POOLS = {"glue": "the one Glue crawler and job at a time that our account allows"}


def main() -> int:
    """Runs one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.laptop", description=__doc__)
    parser.add_argument("--state", type=Path, default=STATE, help="state folder (.local)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (
        ("up", "start everything and deploy to it"),
        ("down", "stop everything"),
        ("status", "what runs"),
        ("env", "print the exports for any AWS client"),
        ("run", "the supervisor itself, in the foreground"),
        ("databases", "make the databases (a step of up)"),
        ("install", "give Airflow its bundle (a step of up)"),
    ):
        made = commands.add_parser(name, help=text)
        add_state(made)
        if name == "up":
            add_enforcement(made)
    athena = commands.add_parser("athena", help="run a query as an analyst")
    athena.add_argument("sql")
    add_state(athena)
    again = commands.add_parser("replay", help="tell which quarantined rows would pass now")
    replay.arguments(again)
    add_state(again)
    back = commands.add_parser("rollback", help="show readers another version of what is published")
    rollback.arguments(back)
    add_state(back)
    page = commands.add_parser("report", help="bring the page about a run to a file")
    report.arguments(page)
    add_state(page)
    demo = commands.add_parser("demo", help="run the daily DAG over sample days and show it")
    demo.add_argument("--days", type=int, default=3, help="how many days (3)")
    add_state(demo)
    add_enforcement(demo)
    arguments = parser.parse_args()
    folder: Path = arguments.state.resolve()
    if getattr(arguments, "enforce_iam", False):
        os.environ[ENFORCE] = "1"
    try:
        return COMMANDS[arguments.command](folder, arguments) or 0
    except (supervisor.SupervisorError, runs.RunError, queries.QueryError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)
        return 1


def add_state(parser: argparse.ArgumentParser) -> None:
    """Lets --state stand after the command too."""
    parser.add_argument("--state", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_enforcement(parser: argparse.ArgumentParser) -> None:
    """Lets what starts the stack start it with policies that are enforced."""
    parser.add_argument(
        "--enforce-iam", action="store_true", help="everybody may do only what their policies allow"
    )


def up(folder: Path, _: argparse.Namespace) -> None:
    """Starts the stack unless it runs, and waits until the DAGs are known to Airflow."""
    if supervisor.status(folder)["state"] == "ready":
        return
    started = datetime.now(UTC)
    supervisor.stop(folder)  # what a killed supervisor left
    laptop = stack.before_start(folder)
    command = (sys.executable, "-m", "include.laptop", "run", "--state", str(folder))
    supervisor.start_detached(folder, command, {}, seconds=400)
    token = laptop.airflow.token()
    for name, description in POOLS.items():
        body = {"name": name, "slots": 1, "description": description, "include_deferred": True}
        try:
            laptop.airflow.call("POST", "/api/v2/pools", body, token=token)
        except urllib.error.HTTPError as error:
            if error.code != 409:  # it is there already
                raise
    _wait_for_dags(laptop, token, since=started)


def _wait_for_dags(laptop: stack.Laptop, token: str, since: datetime) -> None:
    """Waits until Airflow has read the DAGs; an import error of an earlier start does not count."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if laptop.airflow.call("GET", "/api/v2/dags", token=token)["total_entries"]:
            return
        failed = laptop.airflow.call("GET", "/api/v2/importErrors", token=token)
        for error in failed["import_errors"]:
            if datetime.fromisoformat(error["timestamp"]) > since:
                trace = error["stack_trace"]
                raise supervisor.SupervisorError(f"{error['filename']} fails to import:\n{trace}")
        time.sleep(0.3)
    raise supervisor.SupervisorError("Airflow found no DAG in 60 s; see logs/dag-processor.log")


def down(folder: Path, _: argparse.Namespace) -> None:
    """Stops everything that `up` started."""
    print("stopped" if supervisor.stop(folder) else "nothing runs")


def status(folder: Path, _: argparse.Namespace) -> int:
    """Prints what runs; 1 if it is not all of it."""
    print_status(folder)
    now = supervisor.status(folder)["state"]
    if now == "ready":
        print(f"Airflow: {stack.at(folder).airflow.url}")
    return 0 if now == "ready" else 1


def env(folder: Path, _: argparse.Namespace) -> int:
    """Prints the exports; 1 if nothing runs."""
    if supervisor.status(folder)["state"] != "ready":
        print("nothing runs here: `make up` first", file=sys.stderr)
        return 1
    laptop = stack.at(folder)
    exports = {**laptop.exports(), "AIRFLOW_TOKEN": laptop.airflow.token()}
    for name, value in exports.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def run(folder: Path, _: argparse.Namespace) -> int:
    """The supervisor process."""
    return supervisor.Supervisor(folder, stack.at(folder).services()).run()


def databases(folder: Path, _: argparse.Namespace) -> None:
    """Makes the databases of the tills and of Airflow if they are not there."""
    from include.laptop import tills

    tills.create_databases(stack.at(folder))


def install(folder: Path, _: argparse.Namespace) -> None:
    """Builds the bundle and installs it into Airflow's home."""
    laptop = stack.at(folder)
    bundle = folder / "bundle"
    command = [sys.executable, "-m", "include.infrastructure.bundle", "--out", str(bundle)]
    command += ["--deployment", str(laptop.deployment)]
    subprocess.run(command, check=True, cwd=stack.ROOT)
    laptop.airflow.install(bundle / "mwaa")


def athena(folder: Path, arguments: argparse.Namespace) -> int:
    """Prints the result of a query in the analysts' role and workgroup."""
    if supervisor.status(folder)["state"] != "ready":
        print("nothing runs here: `make up` first", file=sys.stderr)
        return 1
    if not arguments.sql.strip():
        print('no query: make athena SQL="SELECT …"', file=sys.stderr)
        return 2
    laptop = stack.at(folder)
    os.environ.update(laptop.aws.exports())
    outputs = laptop.outputs()
    analyst = queries.in_role(outputs["AnalystRoleArn"])
    columns, rows, scanned = queries.run(
        arguments.sql, outputs["AnalystsWorkgroup"], "sales_analytics", analyst
    )
    print(queries.as_table(columns, rows))
    print(f"{len(rows)} rows, {scanned:,} bytes scanned", file=sys.stderr)
    return 0


def replayed(folder: Path, arguments: argparse.Namespace) -> int:
    """Replays quarantined rows, or tells which would pass."""
    if supervisor.status(folder)["state"] != "ready":
        print("nothing runs here: `make up` first", file=sys.stderr)
        return 1
    return replay.show(stack.at(folder), arguments)


def rolled_back(folder: Path, arguments: argparse.Namespace) -> int:
    """Lists the versions of what is published, or shows readers one of them."""
    if supervisor.status(folder)["state"] != "ready":
        print("nothing runs here: `make up` first", file=sys.stderr)
        return 1
    os.environ.update(stack.at(folder).aws.exports())
    return rollback.run(arguments)


def reported(folder: Path, arguments: argparse.Namespace) -> int:
    """Brings the page about a run, prints where it is, and opens it where there is a browser."""
    if supervisor.status(folder)["state"] != "ready":
        print("nothing runs here: `make up` first", file=sys.stderr)
        return 1
    laptop = stack.at(folder)
    os.environ.update(laptop.aws.exports())
    file = report.fetch(laptop.outputs()["LakeBucket"], arguments.release, folder / "reports")
    print(file)
    if sys.stdout.isatty():
        webbrowser.open(file.as_uri())
    return 0


def demo(folder: Path, arguments: argparse.Namespace) -> int:
    """Starts the stack and shows the DAG at work; 1 if a number is not what was planted."""
    if not 1 <= arguments.days <= 30:
        print("demo: --days must be 1 to 30", file=sys.stderr)
        return 2
    from include.laptop import demo as demonstration

    print("starting the embedded AWS and Airflow", flush=True)
    up(folder, arguments)
    laptop = stack.at(folder)
    os.environ.update(laptop.aws.exports())
    return demonstration.show(laptop, arguments.days)


COMMANDS = {
    function.__name__: function
    for function in (up, down, status, env, run, databases, install, athena, demo)
} | {"replay": replayed, "report": reported, "rollback": rolled_back}

if __name__ == "__main__":
    sys.exit(main())
