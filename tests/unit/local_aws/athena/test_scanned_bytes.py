"""DataScannedInBytes is what a relay in front of S3 sees going by."""

import http.client
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from include.local_aws import athena, catalog
from include.local_aws.front.context import Context
from tests.unit.local_aws.athena.conftest import JSON, Athena

ROWS = 60_000
TOLERANCE = 0.02
"""The difference that is allowed; both were equal to the byte when this was written."""
CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


class Relay(ThreadingHTTPServer):
    """Passes requests on to S3 and counts the bytes of objects that come back."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.bytes = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Pass)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Pass(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        url = urlsplit(self.path)
        if self.command == "GET" and answer.status in {200, 206} and "/data/" in url.path:
            with self.server.lock:
                self.server.bytes += len(data)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass


@pytest.fixture
def relay(ministack: str) -> Iterator[Relay]:
    """A relay in front of MiniStack."""
    server = Relay(ministack)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def measured(context: Context, relay: Relay, bucket: str, unique: str) -> Iterator[Athena]:
    """An Athena whose S3 is behind the relay."""
    behind = replace(context, endpoint=relay.url)
    handlers = {**catalog.actions(behind), **athena.actions(behind)}
    made = Athena(behind, handlers, bucket, f"db_{unique}")
    made.glue("CreateDatabase", DatabaseInput={"Name": made.database})
    yield made
    behind.shutdown()


def _parquet(engine: Athena) -> None:
    engine.table("data", [("id", "bigint"), ("word", "string"), ("x", "double")], [("d", "string")])
    source = random.Random(1)
    for day in range(4):
        engine.put_parquet(
            f"data/d={day}/part",
            {
                "id": pa.array([source.randrange(10**9) for _ in range(ROWS)], pa.int64()),
                "word": pa.array([f"{source.randrange(10**6):x}" for _ in range(ROWS)]),
                "x": pa.array([source.random() for _ in range(ROWS)]),
            },
            row_group_size=20_000,
        )
        engine.partition("data", [str(day)], f"data/d={day}")


def _json(engine: Athena) -> None:
    engine.table("data", [("id", "bigint"), ("word", "string")], serde=JSON)
    lines = "".join(f'{{"id": {i}, "word": "w{i}"}}\n' for i in range(ROWS))
    engine.put("data/a.json", lines)


def _csv(engine: Athena) -> None:
    engine.table("data", [("id", "bigint"), ("word", "string")], serde=CSV)
    engine.put("data/a.csv", "".join(f'"{i}","w{i}"\n' for i in range(ROWS)))


@pytest.mark.parametrize(
    ("fill", "sql"),
    [
        (_parquet, "SELECT * FROM data"),
        (_parquet, "SELECT sum(x) FROM data"),
        (_parquet, "SELECT max(word) FROM data WHERE d = '2'"),
        (_parquet, "SELECT count(*) FROM data"),
        (_parquet, "SELECT a.d, count(*) FROM data a JOIN data b ON a.id = b.id GROUP BY 1"),
        (_json, "SELECT sum(id) FROM data"),
        (_csv, "SELECT max(word) FROM data"),
    ],
)
def test_the_relay_agrees(
    measured: Athena, relay: Relay, fill: Callable[[Athena], None], sql: str
) -> None:
    fill(measured)
    before = relay.bytes
    scanned = measured.run(sql)["Statistics"]["DataScannedInBytes"]
    passed = relay.bytes - before
    assert passed > 0
    assert scanned == pytest.approx(passed, rel=TOLERANCE)
