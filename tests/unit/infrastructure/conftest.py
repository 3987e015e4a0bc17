"""A real emulated AWS to deploy to: MiniStack, and the front that keeps the catalog."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
import psycopg2
import pytest

ROOT = Path(__file__).parents[3]
START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def running(command: Sequence[str], environment: dict[str, str], health: str, log: Path) -> Any:
    """Starts a server and waits until its health page answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(health, timeout=2):
                return process
        except (URLError, OSError):
            time.sleep(0.1)
    process.kill()
    raise AssertionError(f"{command[2]} did not come up:\n{log.read_text()[-4000:]}")


def stopped(process: Any) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(15)


@contextmanager
def ministack(folder: Path, **settings: str) -> Iterator[str]:
    """Runs a MiniStack that keeps its state in the folder; gives its URL."""
    port = free_port()
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": f"127.0.0.1:{port}",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "MINISTACK_REGION": "us-east-1",
        "LOG_LEVEL": "WARNING",
    }
    process = running(
        [sys.executable, "-m", "ministack"],
        environment | settings,
        f"http://127.0.0.1:{port}/_ministack/health",
        folder / "log",
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stopped(process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a MiniStack of this test session."""
    with ministack(tmp_path_factory.mktemp("ministack")) as url:
        yield url


@pytest.fixture(scope="session")
def guarded_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a MiniStack that enforces IAM policies."""
    with ministack(tmp_path_factory.mktemp("guarded"), AUTH="true") as url:
        yield url


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """libpq variables of an empty PostgreSQL server."""
    folder = tmp_path_factory.mktemp("database")
    folder.joinpath("password").write_text("secret")
    port = free_port()
    module = "include.local_aws.database"
    command = [sys.executable, "-m", module, f"--port={port}", f"--state={folder / 'state'}"]
    libpq = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
    libpq |= {"PGPASSWORD": "secret", "PGDATABASE": "postgres"}
    with folder.joinpath("log").open("wb") as output:
        process = subprocess.Popen(
            [*command, f"--password-file={folder / 'password'}"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(
                host="127.0.0.1", port=port, user="postgres", password="secret"
            ).close()
            break
        except psycopg2.OperationalError:
            assert process.poll() is None, folder.joinpath("log").read_text()
            assert time.monotonic() < deadline, folder.joinpath("log").read_text()
            time.sleep(0.1)
    yield libpq
    stopped(process)
    moved = folder / "state" / "moved-to"
    if moved.exists():
        shutil.rmtree(moved.read_text().strip(), ignore_errors=True)


@pytest.fixture(scope="session")
def front(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the Glue and Athena front over that MiniStack."""
    folder = tmp_path_factory.mktemp("front")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "include.local_aws.front",
        f"--port={port}",
        f"--endpoint={endpoint}",
        f"--state={folder / 'state'}",
        f"--gateway-port={free_port()}",
    ]
    url = f"http://127.0.0.1:{port}"
    process = running(command, {}, f"{url}/healthz", folder / "log")
    yield url
    stopped(process)


CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Makes clients of the emulated account, which the environment variables lead to as well."""
    for name, value in (CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(name, value)
    return lambda service: boto3.session.Session().client(service)


@pytest.fixture
def aws_and_front(
    aws: Callable[[str], Any], front: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """The same, with Glue and Athena behind the front, as on the laptop."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", front)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", front)
    return aws
