"""Runs what is measured in a process of its own: time, processor time, memory, figures."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
#: The two environments' Python (see the README): the job's, and Airflow's.
GLUE = ROOT / ".venv-glue" / "bin" / "python"
AIRFLOW = ROOT / ".venv" / "bin" / "python"
_PERIOD = 0.05  # seconds between two looks at a process


class MeasurementError(RuntimeError):
    """Something that was to be measured did not work."""


@dataclass(frozen=True)
class Finished:
    """A run of a process.

    Attributes:
        seconds: wall time from start to end.
        cpu_seconds: processor time of the process and all below it (seen 20 times a second).
        peak_mb: most resident memory of the process and all below it at one time, in MB of 10^6.
        figures: the JSON object in the last line that it printed; empty if there is none.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    figures: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """For bench.json."""
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "peak_mb": round(self.peak_mb),
            **self.figures,
        }


def run(
    what: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    last_lines: int = 25,
) -> Finished:
    """Runs a command from the root of the repository.

    Args:
        what: it is, for the error.
        command: program and arguments.
        environment: added to this process's own.
        last_lines: of its output, to show if it fails.

    Raises:
        MeasurementError: it failed; has the end of what it printed.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        watch = _Watch(process.pid)
        try:
            code = process.wait()
        finally:
            watch.stop()
            if process.poll() is None:
                process.kill()
        seconds = time.monotonic() - started
        output.seek(0)
        lines = output.read().splitlines()
    if code:
        shown = "\n".join(lines[-last_lines:])
        raise MeasurementError(f"{what} ended with code {code}; the end of its output:\n{shown}")
    return Finished(seconds, watch.cpu_seconds, watch.peak_mb, _figures(lines))


def _figures(lines: Sequence[str]) -> dict[str, Any]:
    if not lines or not lines[-1].startswith("{"):
        return {}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


class _Watch:
    """Looks at a process and those below it until told to stop."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._used: dict[tuple[int, float], float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(psutil.Process(pid),), daemon=True)
        self._thread.start()

    @property
    def cpu_seconds(self) -> float:
        return sum(self._used.values())

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _look(self, process: psutil.Process) -> None:
        while not self._end.wait(_PERIOD):
            resident = 0
            try:
                family = [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for each in family:
                try:
                    times, memory = each.cpu_times(), each.memory_info()
                except psutil.NoSuchProcess:
                    continue  # ended since it was listed: its last figures stand
                self._used[(each.pid, each.create_time())] = times.user + times.system
                resident += memory.rss
            self.peak_mb = max(self.peak_mb, resident / 1e6)


def say(text: str) -> None:
    """Tells the reader where things stand; standard output is for the table."""
    print(text, file=sys.stderr, flush=True)
