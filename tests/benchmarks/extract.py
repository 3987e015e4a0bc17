"""P1 and P2: the database extract against binary COPY and against SqlToS3Operator's code path."""

import json
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.goals import Result, Settings, paired_ratio
from tests.benchmarks.processes import AIRFLOW, GLUE, ROOT, Finished, MeasurementError, run, say

JOBS = ("ours", "copy", "copy_in_order", "sql_to_s3")
START_SECONDS = 60
MOST_MB = 300


def time_against_copy(settings: Settings) -> Result:
    """P1: from connecting to the finished object; COPY is drained to nothing."""
    rows = settings.extract_rows
    done: dict[str, list[Finished]] = {job: [] for job in JOBS}
    with _servers(settings.scratch / "extract") as target:
        say(f"filling a table with {rows} rows")
        _run("fill", target, rows)
        for pair in range(settings.pairs):
            for job in JOBS:
                finished = _run(job, target, rows)
                done[job].append(finished)
                seconds = finished.figures["seconds"]
                say(f"pair {pair + 1} of {settings.pairs}: {job} {seconds:.2f} s")
    ours, copy, in_order, provider = (_seconds(done[job]) for job in JOBS)
    against_provider = paired_ratio(ours, provider)
    return Result(
        says=f"extract / binary COPY drained (/ SqlToS3Operator's path: {against_provider:.3f})",
        value=paired_ratio(ours, copy),
        goal=2.5,
        also={"at most 1/5 of SqlToS3Operator's path": against_provider <= 0.2},
        detail={
            "against_sql_to_s3": round(against_provider, 4),
            "against_copy_in_order": round(paired_ratio(ours, in_order), 4),
            "rows": rows,
            "runs": {job: [each.document() for each in done[job]] for job in JOBS},
        },
        lines=tuple(_line(job, done[job]) for job in JOBS),
    )


def memory(settings: Settings) -> Result:
    """P2: most resident memory of the process, which has loaded all that a worker's task loads."""
    few, many = settings.memory_rows
    small: list[Finished] = []
    large: list[Finished] = []
    with _servers(settings.scratch / "extract-memory") as target:
        for rows, done in ((few, small), (many, large)):
            say(f"filling a table with {rows} rows")
            _run("fill", target, rows)
            for _ in range(settings.pairs):
                done.append(_run("ours", target, rows))
                say(f"{rows} rows: {done[-1].figures['max_rss_mb']:.0f} MB")
    least, most = ([float(each.figures["max_rss_mb"]) for each in done] for done in (small, large))
    return Result(
        says=f"memory at {many} rows / at {few} rows ({median(most):.0f} MB, at most {MOST_MB})",
        value=paired_ratio(most, least),
        goal=1.15,
        also={f"at most {MOST_MB} MB": max(most) <= MOST_MB},
        detail={"mb": {few: [round(mb) for mb in least], many: [round(mb) for mb in most]}},
    )


def _seconds(done: list[Finished]) -> list[float]:
    return [float(each.figures["seconds"]) for each in done]


def _line(job: str, done: list[Finished]) -> str:
    memory_mb = median(float(each.figures["max_rss_mb"]) for each in done)
    return f"extract, {job:13} {median(_seconds(done)):6.2f} s, memory {memory_mb:.0f} MB"


def _run(job: str, target: dict[str, Any], rows: int) -> Finished:
    command = [AIRFLOW, "-m", "tests.benchmarks.extract_jobs", job, str(rows)]
    finished = run(f"the extract ({job})", command, target["environment"])
    if finished.figures["rows"] != rows:
        raise MeasurementError(f"{job} read {finished.figures['rows']} rows, not {rows}")
    return finished


@contextmanager
def _servers(folder: Path) -> Iterator[dict[str, Any]]:
    """A PostgreSQL of our own and an S3 that takes everything and keeps nothing, both local."""
    folder.mkdir(parents=True)
    password = uuid.uuid4().hex
    (folder / "password").write_text(password)
    port, s3 = _free_port(), _free_port()
    state = ["--state", folder / "state", "--password-file", folder / "password"]
    database = [GLUE, "-m", "include.local_aws.database", "--port", port, *state]
    drain = [sys.executable, "-m", "tests.benchmarks.s3_drain", "--port", s3]
    secret = {
        "host": "127.0.0.1",
        "port": port,
        "dbname": "postgres",
        "username": "postgres",
        "password": password,
    }
    try:
        with _service(database, port, folder), _service(drain, s3, folder):
            yield _target(secret, s3, folder)
    finally:
        moved = folder / "state" / "moved-to"  # where root lets the server keep its data
        if moved.exists():
            shutil.rmtree(moved.read_text().strip(), ignore_errors=True)


def _target(secret: dict[str, Any], s3: int, folder: Path) -> dict[str, Any]:
    """How the contestants find the servers."""
    access = f"{secret['username']}:{secret['password']}@{secret['host']}:{secret['port']}"
    return {
        "environment": {
            "PYTHONPATH": str(ROOT / "plugins"),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW_CONN_TILLS": f"postgres://{access}/{secret['dbname']}",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "BENCHMARK_DATABASE": json.dumps(secret),
        }
    }


@contextmanager
def _service(command: list[Any], port: int, folder: Path) -> Iterator[None]:
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise MeasurementError(f"{command[2]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
