"""P7: importing the daily DAG against one of the provider's own operators."""

import shutil
from pathlib import Path
from statistics import median

from tests.benchmarks.goals import Result, Settings, paired_ratio
from tests.benchmarks.processes import AIRFLOW, GLUE, ROOT, Finished, MeasurementError, run, say

DAILY, REFERENCE = "retail_sales_daily.py", "reference_dag.py"
#: A process takes seconds, so there are more of them than of other measurements.
TIMES = 3


def time_against_reference(settings: Settings) -> Result:
    """P7: whole processes, as a worker starts one for every task."""
    folder = bundle(settings.scratch / "parse")
    ours: list[Finished] = []
    theirs: list[Finished] = []
    for _ in range(settings.pairs * TIMES):
        ours.append(imported(folder, DAILY))
        theirs.append(imported(folder, REFERENCE))
    whole = imported(folder)
    ratio, parsing = (
        paired_ratio([what(each) for each in ours], [what(each) for each in theirs])
        for what in (lambda each: each.seconds, lambda each: each.figures["seconds"])
    )
    say(f"parsed {len(whole.figures['dags'])} DAGs")
    return Result(
        says=f"import of the daily DAG / one of the provider's operators ({parsing:.2f} without "
        "the start of Airflow)",
        value=ratio,
        goal=1.1,
        also={
            "no heavy module comes along": not whole.figures["heavy"],
            "no socket is opened": not whole.figures["sockets"],
        },
        detail={
            "without_start_of_airflow": round(parsing, 4),
            "ours": [each.document() for each in ours],
            "reference": [each.document() for each in theirs],
            "all": whole.document(),
        },
        lines=tuple(
            f"parse, {name:9} {median(each.seconds for each in runs):6.2f} s "
            f"({median(each.figures['seconds'] for each in runs):.2f} s without the start of "
            f"Airflow), {runs[0].figures['tasks']} tasks"
            for name, runs in (("ours", ours), ("reference", theirs))
        ),
    )


def bundle(folder: Path) -> Path:
    """The DAGs folder as MWAA has it, and the reference in it."""
    deployment = ROOT / "tests" / "integration" / "deployment.json"
    command = [GLUE, "-m", "include.infrastructure.bundle", "--out", folder]
    run("bundle", [*command, "--deployment", deployment])
    dags = folder / "mwaa" / "dags"
    if not (dags / DAILY).is_file():
        raise MeasurementError(f"{dags / DAILY} is missing: the bundle lies elsewhere now")
    shutil.copy(Path(__file__).with_name(REFERENCE), dags)
    shutil.unpack_archive(folder / "mwaa" / "plugins.zip", folder / "home" / "plugins")
    return folder


def imported(folder: Path, file: str = "") -> Finished:
    """One process that imports a file, or all."""
    environment = {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(folder / "home" / "plugins"),
        "PYTHONSAFEPATH": "1",
    }
    script = Path(__file__).with_name("parse_jobs.py")
    command = [AIRFLOW, script, folder / "mwaa" / "dags", *([file] if file else [])]
    return run(f"import of {file or 'all DAGs'}", command, environment)
