"""Starts processes in order, waits until each is healthy, watches them, stops them in reverse.

The supervisor itself is one detached process with a folder of its own:

    status.json     what runs: {"state", "error", "pid", "services": {name: {"pid", "state"}}}
    logs/<name>.log what each service printed

Every service is the leader of a process group, so that its children go with it. A service that
ends by itself takes the rest down: a half-working stack is worse than none.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from include.local_aws.processes import (
    adopt_orphans,
    born,
    collect_orphans,
    end_orphans,
    replace_text,
    stop_group,
)

LOG_LINES = 25


class SupervisorError(Exception):
    """A service that did not come up; the message names it and shows the end of its log."""


@dataclass(frozen=True)
class Service:
    """One process.

    Attributes:
        name: Names its log and its line in `status`.
        argv: The command.
        env: Variables added to the supervisor's own.
        healthy: True once the service answers; asked every 0.1 s. None: nobody waits for it.
        waits: Whether it starts after the services before it are ready, not beside them.
        task: A command that must end with exit code 0 before the next service starts.
        seconds: How long it may take to become healthy, or to end if it is a task.
        cwd: Its working folder.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    healthy: Callable[[], bool] | None = None
    waits: bool = True
    task: bool = False
    seconds: float = 60.0
    cwd: Path | None = None


class Supervisor:
    """Runs services until one ends or a signal comes."""

    def __init__(self, folder: Path, services: Sequence[Service]) -> None:
        self._folder = folder
        self._services = services
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._states: dict[str, str] = {service.name: "waiting" for service in services}
        self._stopping = False
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    def run(self) -> int:
        """Starts everything and watches it; returns 0 after a signal, 1 after a failure."""
        adopt_orphans()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        error = ""
        try:
            starting: list[Service] = []
            for service in self._services:
                if service.waits:
                    self._until_ready(starting)
                    starting = []
                self._start(service)
                starting.append(service)
            self._until_ready(starting)
            self._write("ready")
            self._watch()
        except SupervisorError as failure:
            error = str(failure)
        finally:
            self._stop_all()
            self._write("failed" if error else "stopped", error)
        return 1 if error else 0

    def _on_signal(self, *_: object) -> None:
        self._stopping = True

    def _start(self, service: Service) -> None:
        if self._stopping:
            return
        self._states[service.name] = "starting"
        self._write("starting")
        with self._log(service.name).open("ab") as log:
            process = subprocess.Popen(
                list(service.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **service.env},
                cwd=service.cwd,
                start_new_session=True,
            )
        self._running[service.name] = process
        self._write("starting")

    def _until_ready(self, services: Sequence[Service]) -> None:
        began = time.monotonic()
        waiting = list(services)
        while waiting and not self._stopping:
            waiting = [service for service in waiting if not self._is_ready(service)]
            for service in waiting:
                if time.monotonic() > began + service.seconds:
                    raise SupervisorError(
                        self._explain(service.name, f"was not ready in {service.seconds:.0f} s")
                    )
            if waiting:
                time.sleep(0.1)

    def _is_ready(self, service: Service) -> bool:
        """Whether the service answers, or the task is done.

        Raises:
            SupervisorError: It ended as it should not.
        """
        if service.name not in self._running:
            return True
        ended = self._running[service.name].poll()
        if ended is not None and service.task and ended == 0:
            self._states[service.name] = "done"
            del self._running[service.name]
            return True
        if ended is not None:
            raise SupervisorError(self._explain(service.name, f"ended with exit code {ended}"))
        if service.task or (service.healthy is not None and not service.healthy()):
            return False
        self._states[service.name] = "running"
        return True

    def _watch(self) -> None:
        while not self._stopping:
            collect_orphans({process.pid for process in self._running.values()})
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise SupervisorError(
                        self._explain(name, f"ended with exit code {process.returncode}")
                    )
            time.sleep(0.5)

    def _stop_all(self) -> None:
        for name in reversed(list(self._running)):
            stop_group(self._running[name].pid)
            self._running[name].wait()
            if self._states[name] in ("running", "starting"):
                self._states[name] = "stopped"
        end_orphans()

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"

    def _explain(self, name: str, what: str) -> str:
        self._states[name] = "failed"
        lines = self._log(name).read_text(errors="replace").splitlines()[-LOG_LINES:]
        tail = "\n".join(f"    {line}" for line in lines)
        return f"{name} {what}; the end of {self._log(name)}:\n{tail}"

    def _write(self, state: str, error: str = "") -> None:
        status = {
            "state": state,
            "error": error,
            "pid": os.getpid(),
            "services": {
                name: {
                    "state": self._states[name],
                    "pid": self._running[name].pid if name in self._running else None,
                    "born": born(self._running[name].pid) if name in self._running else None,
                }
                for name in self._states
            },
        }
        replace_text(self._folder / "status.json", json.dumps(status, indent=1))


def status(folder: Path) -> dict[str, object]:
    """What the supervisor last wrote; state "stopped" if it is not there any more."""
    path = folder / "status.json"
    if not path.exists():
        return {"state": "stopped", "error": "", "services": {}}
    written: dict[str, object] = json.loads(path.read_text())
    if written["state"] in ("starting", "ready") and not _alive(int(str(written["pid"])), folder):
        written["state"] = "stopped"
        written["error"] = "the supervisor is gone"
    return written


def _alive(pid: int, folder: Path) -> bool:
    """Whether that process is this folder's supervisor: process ids are used again."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return str(folder).encode() in command


def start_detached(
    folder: Path, argv: Sequence[str], env: Mapping[str, str], seconds: float
) -> None:
    """Starts a supervisor process in the background and waits until its stack is ready.

    Args:
        folder: The supervisor's folder; it must be part of argv, which is how it is found again.
        argv: The command, whose process calls `Supervisor.run`.
        env: Variables added to ours.
        seconds: How long the whole stack may take.

    Raises:
        SupervisorError: With the failed service's own words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status.json").unlink(missing_ok=True)
    with (folder / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **env},
            start_new_session=True,
        )
    deadline = time.monotonic() + seconds
    shown = ""
    while time.monotonic() < deadline:
        now = status(folder)
        shown = _show_progress(now, shown)
        if now["state"] == "ready":
            return
        if process.poll() is not None:
            error = now["error"] or (folder / "supervisor.log").read_text()[-2000:]
            raise SupervisorError(str(error))
        time.sleep(0.1)
    stop(folder)
    raise SupervisorError(f"not ready in {seconds:.0f} s; see {folder / 'logs'}")


def _show_progress(now: dict[str, object], shown: str) -> str:
    services = now["services"]
    assert isinstance(services, dict)
    starting = next((name for name, one in services.items() if one["state"] == "starting"), "")
    if starting and starting != shown:
        print(f"  starting {starting}", file=sys.stderr, flush=True)
    return starting or shown


def stop(folder: Path) -> bool:
    """Stops the stack and whatever a killed supervisor left of it; False if nothing ran."""
    path = folder / "status.json"
    if not path.exists():
        return False
    written = json.loads(path.read_text())
    found = _alive(written["pid"], folder)
    if found:
        os.kill(written["pid"], signal.SIGTERM)
        while _alive(written["pid"], folder):
            time.sleep(0.05)
    else:
        for service in reversed(list(written["services"].values())):
            if service["pid"] and born(service["pid"]) == service.get("born") is not None:
                stop_group(service["pid"])
                found = True
    path.unlink()
    return bool(found)
