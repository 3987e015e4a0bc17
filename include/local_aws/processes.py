"""Process groups, ports and health checks: what supervising local servers needs."""

import ctypes
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from pathlib import Path

STOP_SECONDS = 20.0


def replace_text(path: Path, text: str) -> None:
    """Writes a file so that a reader sees the old or the new text, never a part of it.

    Only its owner may read it: some of these files hold passwords.
    """
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


def stop_group(pid: int) -> None:
    """SIGTERM to a process group, and SIGKILL to what of it is left after STOP_SECONDS."""
    if not _signal_group(pid, signal.SIGTERM):
        return
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        _reap(pid)
        if not _signal_group(pid, 0):
            return
        time.sleep(0.05)
    _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> bool:
    """False if no process of the group is left."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    return True


def _reap(pid: int) -> None:
    """Takes the exit codes of the group's dead, which otherwise still count as processes."""
    try:
        while os.waitpid(-pid, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def adopt_orphans() -> None:
    """Makes this process the parent of what its services leave behind (Linux: prctl 36).

    The first process of a container often collects nothing, so that the dead children of a
    service would stay as zombies.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def collect_orphans(own: Collection[int]) -> None:
    """Takes the exit codes of adopted children that ended; not of `own`, which others wait for."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in own:
            return
        os.waitpid(ended.si_pid, 0)


def end_orphans() -> None:
    """Kills and collects every child that is left: those that made a session of their own."""
    try:
        while True:
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            os.waitpid(-1, 0)
    except (ChildProcessError, FileNotFoundError):
        return


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_free(port: int) -> bool:
    """Whether nobody listens on a loopback port."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(url: str) -> Callable[[], bool]:
    """A health check: the address answers a GET with a status below 400."""

    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return bool(response.status < 400)
        except (urllib.error.URLError, OSError):
            return False

    return check


def born(pid: int) -> int | None:
    """When a process was made, in clock ticks since boot; None if it is gone or a zombie.

    Process ids are used again: with its birth, a process is known for certain (proc(5), stat).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])
