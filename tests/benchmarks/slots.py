"""P8: how long waiting tasks occupy a worker, in a real Airflow."""

from tests.benchmarks.goals import Result, Settings
from tests.benchmarks.processes import AIRFLOW, MeasurementError, run

WORKING, WAITING = "running", "deferred"


def worker_time_of_waits(settings: Settings) -> Result:
    """P8: of the tasks that wait (for files, the crawl, the job, …), by the run's own states."""
    folder, late = settings.scratch / "slots", str(settings.wait_seconds)
    done = run("slots", [AIRFLOW, "-m", "tests.benchmarks.slots_jobs", folder, late], last_lines=60)
    waited = {task: states for task, states in done.figures.items() if states.get(WAITING)}
    deliveries = [task for task in waited if ".wait_" in task]
    if not deliveries:
        raise MeasurementError(f"no task waited for its files: {done.figures}")
    working, waiting = (
        sum(states.get(state, 0.0) for states in waited.values()) for state in (WORKING, WAITING)
    )
    return Result(
        says="worker slots of waiting tasks / their whole time",
        value=working / (working + waiting),
        goal=0.05,
        detail={"late_seconds": settings.wait_seconds, "tasks": done.figures},
        lines=(
            f"slots, {len(waited)} waiting tasks: {working:.0f} s in workers, {waiting:.0f} s not; "
            f"deliveries were {settings.wait_seconds} s late",
        ),
    )
