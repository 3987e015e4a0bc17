"""One real MiniStack for the whole test session, and what the services of the front build on."""

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config

from include.local_aws import catalog, crawlers
from include.local_aws.front.context import Context, Handler
from include.local_aws.front.server import FrontServer

START_SECONDS = 60
ROOT = Path(__file__).parents[3]
SESSION = boto3.session.Session()


def free_port() -> int:
    """Give a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Block until `url` answers 200; fail with the log when the process ends or never answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{url} did not come up:\n{log.read_text()[-4000:]}")


def end(process: "subprocess.Popen[bytes]") -> int:
    """Ask the process to end, insist after 15 s, and give its exit code."""
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(15)


def aws_client(service: str, url: str) -> Any:
    """Make a boto3 client of `service` at `url`, as an application would, without retries."""
    return SESSION.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
        ),
    )


def ministack_settings(port: int, folder: Path) -> dict[str, str]:
    """The variables of a MiniStack that persists to a folder."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a MiniStack that persists to a temporary folder (shared: use names of your own)."""
    folder = tmp_path_factory.mktemp("ministack")
    port = free_port()
    log = folder / "ministack.log"
    environment = os.environ | ministack_settings(port, folder)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "include.local_aws.base",
                "--calls",
                str(folder / "calls" / "base.jsonl"),
            ],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/_ministack/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


@pytest.fixture
def context(ministack: str, tmp_path: Path) -> Context:
    """A fresh Context on the shared MiniStack, with an empty state folder."""
    state = tmp_path / "state"
    state.mkdir()
    return Context(
        endpoint=ministack,
        state=state,
        region="us-east-1",
        account="000000000000",
        gateway_port=free_port(),
        front_url="http://127.0.0.1:1",
    )


@pytest.fixture
def unique() -> str:
    """A short name part that no other test uses (letters and digits, starts with a letter)."""
    return "t" + uuid.uuid4().hex[:10]


@pytest.fixture
def bucket(ministack: str, unique: str) -> str:
    """Name of a new, empty S3 bucket."""
    name = f"bucket-{unique}"
    aws_client("s3", ministack).create_bucket(Bucket=name)
    return name


@pytest.fixture
def client() -> Callable[[str, str], Any]:
    """Makes a boto3 client of (service, URL) as an application has it, without retries."""
    return aws_client


@pytest.fixture
def serve(context: Context) -> Iterator[Callable[..., str]]:
    """Starts a front with (handlers, optionally another context); gives its URL."""
    running: list[tuple[FrontServer, Context]] = []

    def start(handlers: Mapping[str, Handler], at: Context = context) -> str:
        server = FrontServer(0, at.endpoint, handlers)
        running.append((server, at))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, at in running:
        server.shutdown()
        server.server_close()
        at.shutdown()


@pytest.fixture
def front(serve: Callable[..., str], context: Context) -> str:
    """URL of a running front over `context`, with the services that need no other process."""
    return serve(catalog.actions(context) | crawlers.actions(context))


@pytest.fixture
def front_process(
    ministack: str, tmp_path: Path
) -> Iterator[Callable[[], tuple["subprocess.Popen[bytes]", str]]]:
    """Starts the whole front as the supervisor does, on one state folder; gives process and URL."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple["subprocess.Popen[bytes]", str]:
        port, log = free_port(), tmp_path / "front.log"
        command = [sys.executable, "-m", "include.local_aws.front", "--port", str(port)]
        command += ["--endpoint", ministack, "--state", str(tmp_path / "front")]
        command += ["--gateway-port", str(free_port())]
        with log.open("ab") as output:
            process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        started.append(process)
        wait_until_healthy(f"http://127.0.0.1:{port}/healthz", process, log)
        return process, f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        end(process)


@pytest.fixture
def glue(front: str) -> Any:
    """A Glue client of the running front."""
    return aws_client("glue", front)


@pytest.fixture
def s3(ministack: str) -> Any:
    """An S3 client of MiniStack."""
    return aws_client("s3", ministack)
