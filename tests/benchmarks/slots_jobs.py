"""What P8 measures, in Airflow's environment: a day that waits for its files, on a whole stack.

    python -m tests.benchmarks.slots_jobs FOLDER SECONDS

The schedule's own run begins to wait as soon as the DAG is unpaused; the files come so many seconds
later. Prints a JSON object: seconds by task and state, as the REST API shows them all the time.
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

from include.lake.contracts import load_lake
from include.laptop import demo, stack, tills
from include.laptop.runs import Runs

ROOT = Path(__file__).parents[2]
GLUE = ROOT / ".venv-glue" / "bin" / "python"
PERIOD = 0.2  # seconds between two looks
RUN_SECONDS = 1200


def measured(folder: Path, late: float) -> dict[str, dict[str, float]]:
    """Seconds by state by task of a run whose files are late."""
    laptop = stack.at(folder)
    os.environ.update(laptop.aws.exports())
    runs = Runs(laptop.airflow)
    day = runs.scheduled_instant().astimezone(ZoneInfo(load_lake().time_zone)).date()
    sample = folder / "sample"
    command = [sys.executable, "-m", "include.sample_data", "--out", str(sample), "--scale", "0.3"]
    subprocess.run([*command, "--from", str(day), "--to", str(day)], check=True, cwd=ROOT)
    tills.open_day(laptop, sample, day)
    runs.unpause()
    run = runs.waiting_run()
    if run is None:
        raise SystemExit("the schedule's run does not wait for its files")
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    begun = last = time.monotonic()
    delivered = False
    while (state := runs.state(run)) not in ("success", "failed"):
        if not delivered and time.monotonic() - begun > late:
            demo.deliver(laptop.outputs()["LakeBucket"], sample, day)
            delivered = True
        states = runs.tasks(run)
        now = time.monotonic()
        for task, shown in states.items():
            found[task][shown] += now - last
        last = now
        if now - begun > late + RUN_SECONDS:
            raise SystemExit(f"{run} does not end: {states}")
        time.sleep(PERIOD)
    if state != "success":
        raise SystemExit(f"{run} failed: {runs.tasks(run)}")
    return found


def main() -> None:
    """Start a stack, measure, stop it."""
    folder, late = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    command = [str(GLUE), "-m", "include.laptop", "--state", str(folder)]
    try:
        subprocess.run([*command, "up"], check=True, cwd=ROOT)
        found = measured(folder, late)
    finally:
        subprocess.run([*command, "down"], check=True, cwd=ROOT)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
