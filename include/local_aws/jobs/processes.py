"""One process session: a command with all its children, to be ended as a whole.

The script's JVM and Python workers make process groups of their own, so a signal to the
script's group would miss them. They all stay in the session that the script leads.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO

import psutil  # type: ignore[import-untyped]

GRACE_SECONDS = 5.0


def start(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Popen[bytes]:
    """Start a command as the leader of a new session, its output in pipes."""
    return Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )


def pipes(process: Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Standard output and error of a process from `start`."""
    if process.stdout is None or process.stderr is None:
        raise ValueError(f"process {process.pid} was not started with pipes")
    return process.stdout, process.stderr


def members(session: int) -> list[int]:
    """The processes of a session that still run."""
    found = []
    for pid in psutil.pids():
        try:
            inside = os.getsid(pid) == session
            if inside and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            # it ended while we were looking, or is another user's and so not of this session
            continue
    return found


def end(session: int, grace: float = GRACE_SECONDS) -> None:
    """End every process of a session: SIGTERM, and SIGKILL to what is left after `grace` seconds.

    Raises:
        TimeoutError: Something could not even be killed.
    """
    deadline = time.monotonic() + grace
    _signal(members(session), signal.SIGTERM)
    while left := members(session):
        if time.monotonic() > deadline + grace:
            raise TimeoutError(f"processes {left} of session {session} could not be ended")
        if time.monotonic() > deadline:
            _signal(left, signal.SIGKILL)
        time.sleep(0.05)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # ended by itself


def identity(pid: int) -> float:
    """When a process was created, in seconds since 1970: tells it from a later one of that id."""
    return float(psutil.Process(pid).create_time())


def end_leftover(pid: int, created: float) -> None:
    """End the session of a leader that an earlier front started, if any of it still runs."""
    try:
        if abs(identity(pid) - created) > 1:
            return
    except psutil.NoSuchProcess:
        pass  # the leader is gone; its children may not be, and their session id is still its id
    end(pid)
