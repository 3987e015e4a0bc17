"""A real S3, Glue catalog and PostgreSQL for the operators, and a task instance to run them as."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

# Airflow reads these when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", f"{tempfile.gettempdir()}/retail-lake-tests-{os.getpid()}")
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW_CONN_AWS_DEFAULT", "aws://")

import boto3
import psycopg2
import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.module_loading import import_string

from include.lake import layout
from include.lake.contracts import load_lake
from tests.unit.plugins.world import MART, PARQUET, World

ROOT = Path(__file__).parents[3]
GLUE_PYTHON = ROOT / ".venv-glue" / "bin" / "python"
START_SECONDS = 60


def pytest_unconfigure() -> None:
    """Remove the AIRFLOW_HOME that only these tests had."""
    if os.environ["AIRFLOW_HOME"].endswith(f"/retail-lake-tests-{os.getpid()}"):
        shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


def free_port() -> int:
    """Return a loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(
    command: list[str], log: Path, healthy: Callable[[], bool], **environment: str
) -> Iterator[None]:
    """Run a service until the block ends; fail with its log if it does not become healthy."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(GLUE_PYTHON), *command],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy():
            assert process.poll() is None, f"{command} ended:\n{log.read_text()[-4000:]}"
            assert time.monotonic() < deadline, f"{command} is not up:\n{log.read_text()[-4000:]}"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(15)


def answers(url: str) -> Callable[[], bool]:
    """Return a check that the URL answers 200."""

    def check() -> bool:
        try:
            with urlopen(url, timeout=2) as answer:
                return int(answer.status) == 200
        except (URLError, OSError):
            return False

    return check


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Endpoint of a MiniStack (S3, Secrets Manager, SNS …), set in the environment."""
    folder = tmp_path_factory.mktemp("ministack")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    healthy = answers(f"{endpoint}/_ministack/health")
    with (
        service(["-m", "ministack"], folder / "ministack.log", healthy, **settings),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield endpoint


@pytest.fixture(scope="session")
def front(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Endpoint of the Glue and Athena that really execute, set in the environment."""
    folder = tmp_path_factory.mktemp("front")
    port, gateway = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["-m", "include.local_aws.front", "--port", str(port), "--endpoint", ministack]
    command += ["--state", str(folder), "--gateway-port", str(gateway)]
    command += ["--faults", str(folder / "faults.sqlite")]
    with (
        service(command, folder / "front.log", answers(f"{url}/healthz")),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL_GLUE", url)
        patch.setenv("AWS_ENDPOINT_URL_ATHENA", url)
        yield url


@pytest.fixture
def fault(front: str) -> Iterator[Callable[..., None]]:
    """Orders what goes wrong with calls to Glue and Athena (see include/local_aws/README.md)."""
    url = f"{front}/_local_aws/faults"

    def order(**wanted: Any) -> None:
        with urlopen(Request(url, json.dumps(wanted).encode(), method="POST")) as answer:
            assert answer.status == 200

    yield order
    with urlopen(Request(url, method="DELETE")) as answer:
        assert answer.status == 200


@pytest.fixture(scope="session")
def client(ministack: str) -> Callable[[str], Any]:
    """Return boto3 clients of the local AWS."""
    return lambda name: boto3.session.Session().client(name)


@pytest.fixture
def bucket(client: Callable[[str], Any]) -> str:
    """Name of a fresh bucket."""
    name = f"lake-{uuid.uuid4().hex[:12]}"
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def database(front: str, client: Callable[[str], Any]) -> str:
    """Name of a fresh Glue database."""
    name = f"db_{uuid.uuid4().hex[:12]}"
    client("glue").create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Secret of a real PostgreSQL server."""
    folder = tmp_path_factory.mktemp("postgres")
    secret = {
        "host": "127.0.0.1",
        "port": free_port(),
        "dbname": "postgres",
        "username": "postgres",
        "password": uuid.uuid4().hex,
    }
    password_file = folder / "password"
    password_file.write_text(str(secret["password"]))

    def healthy() -> bool:
        try:
            connect(secret).close()
        except psycopg2.OperationalError:
            return False
        return True

    command = ["-m", "include.local_aws.database", "--port", str(secret["port"])]
    command += ["--state", str(folder / "state"), "--password-file", str(password_file)]
    with service(command, folder / "postgres.log", healthy):
        yield secret
    moved = folder / "state" / "moved-to"  # where root lets the server keep its data
    if moved.exists():
        shutil.rmtree(moved.read_text().strip(), ignore_errors=True)


def connect(secret: dict[str, Any]) -> Any:
    """Return an autocommitting connection to the database of a secret."""
    connection = psycopg2.connect(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
    )
    connection.autocommit = True
    return connection


class TaskInstance(SimpleNamespace):
    """What the operators use of a task instance; XComs are kept in `xcoms`."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep a value under (task, key)."""
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        """Return the values of one task or of a list of tasks."""
        if isinstance(task_ids, list):
            return [self.xcoms.get((task, key)) for task in task_ids]
        return self.xcoms.get((task_ids or self.task_id, key))


async def first_event(trigger: Any) -> Any:
    """Wait for a trigger to fire, as the triggerer does."""
    events = trigger.run()
    try:
        return await anext(events)
    finally:
        await events.aclose()


def complete(operator: Any, context: dict[str, Any]) -> Any:
    """Execute an operator as the worker and the triggerer would, to its end."""
    try:
        return operator.execute(context)
    except TaskDeferred as deferred:
        deferral = deferred
    while True:
        classpath, arguments = deferral.trigger.serialize()
        trigger = import_string(classpath)(**arguments)
        event = asyncio.run(first_event(trigger))
        method = getattr(operator, deferral.method_name)
        try:
            return method(context, event=event.payload, **(deferral.kwargs or {}))
        except TaskDeferred as deferred:
            deferral = deferred


@pytest.fixture
def context() -> dict[str, Any]:
    """Context of the first attempt of a task with two retries."""
    ti = TaskInstance(
        dag_id="daily",
        run_id="manual__1",
        task_id="load",
        map_index=-1,
        try_number=1,
        max_tries=2,
        task=SimpleNamespace(retries=2),
        xcoms={},
        log_url="http://airflow/log",
    )
    return {"ti": ti, "run_id": ti.run_id}


@pytest.fixture
def workgroup(front: str, bucket: str, client: Callable[[str], Any]) -> str:
    """A workgroup that writes its results into the fresh bucket."""
    name = f"wg-{uuid.uuid4().hex[:8]}"
    configuration = {
        "EnforceWorkGroupConfiguration": False,
        "ResultConfiguration": {"OutputLocation": f"s3://{bucket}/results/"},
    }
    client("athena").create_work_group(Name=name, Configuration=configuration)
    return name


@pytest.fixture
def world(database: str, bucket: str, client: Callable[[str], Any], context: Any) -> World:
    """An empty lake: the pointer names nothing."""
    shipped = load_lake()
    lake = replace(
        shipped,
        bronze_database=database,
        silver_database=database,
        contracts=(shipped.contract("ecommerce_orders"),),
    )
    made = World(bucket, database, lake, client("glue"), client("s3"), context)
    empty = f"s3://{bucket}/{layout.EMPTY_POINTER_PREFIX}"
    made.table("published", {}, {"Columns": [], "Location": empty})
    made.table("published_history", {"version": "int", "published_at": "string"}, {"Columns": []})
    made.table(MART, {"sale_date": "date", "release": "string"}, PARQUET)
    return made
