"""A real MariaDB server of the tests' own: a free loopback port, its data in a temporary folder."""

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from tests.unit.plugins.conftest import free_port
from tests.unit.plugins.databases.certificates import Authority

PROGRAMS = ("mariadbd", "mariadb-install-db")
NOT_TESTED = (
    "no {} on this machine: the extract from MySQL and MariaDB was not tested "
    "(.ci/run installs mariadb-server where it may)"
)
START_SECONDS = 60


def absent() -> str | None:
    """Return why there is no server here, if there is none."""
    missing = [name for name in PROGRAMS if not _program(name)]
    return NOT_TESTED.format(" and no ".join(missing)) if missing else None


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """Run a server until the block ends; yields the administrator's secret.

    It speaks TLS with a certificate for 127.0.0.1, whose authority is the secret's `sslrootcert`.
    """
    folder = Path(tempfile.mkdtemp(prefix="retail-lake-mariadb-"))
    try:
        authority = Authority(folder)
        certificate, key = authority.certify("127.0.0.1")
        user = []
        if os.geteuid() == 0:  # the server refuses to run as root
            user = ["--user=nobody"]
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "nobody")
        data = folder / "data"
        subprocess.run(
            [
                *(_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", *user),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ],
            check=True,
            capture_output=True,
        )
        secret = {
            "engine": "mariadb",
            "host": "127.0.0.1",
            "port": free_port(),
            "dbname": "public",
            "username": "root",
            "password": "",
            "sslrootcert": str(authority.file),
        }
        command = [
            *(_program("mariadbd"), "--no-defaults", f"--datadir={data}", *user),
            *(f"--port={secret['port']}", "--bind-address=127.0.0.1"),
            *(f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-log-bin"),
            *("--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2"),
            *(f"--ssl-ca={authority.file}", f"--ssl-cert={certificate}", f"--ssl-key={key}"),
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            _wait(process, secret, folder / "log")
            secret["password"] = uuid.uuid4().hex
            with connect({**secret, "password": "", "dbname": None}) as connection:
                connection.cursor().execute("CREATE DATABASE public CHARACTER SET utf8mb4")
                connection.cursor().execute(
                    "ALTER USER root@localhost IDENTIFIED BY %s", (secret["password"],)
                )
            yield secret
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def connect(secret: dict[str, Any]) -> Any:
    """Return an autocommitting connection to the database of a secret, with instants in UTC."""
    return pymysql.connect(
        host=secret["host"],
        port=secret["port"],
        database=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
        charset="utf8mb4",
        autocommit=True,
        init_command="SET time_zone = '+00:00'",
    )


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def _wait(process: "subprocess.Popen[bytes]", secret: dict[str, Any], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return connect({**secret, "dbname": None}).close()
        except pymysql.err.OperationalError:
            assert process.poll() is None, f"mariadbd ended:\n{log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"mariadbd is not up:\n{log.read_text()[-4000:]}"
            time.sleep(0.1)
