"""DataScannedInBytes is what a relay in front of S3 sees going by."""

import gzip
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
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


class Relay(ThreadingHTTPServer):
    """Passes requests on to S3 and counts the bytes of objects that come back."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.bytes = 0
        self.requests = 0
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
        with self.server.lock:
            self.server.requests += 1
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


def _zipped(engine: Athena) -> None:
    """Two days of delimited text and JSON, all of it gzip; what is billed is what is stored."""
    options = {"field.delim": ","}
    columns = [("id", "bigint"), ("word", "string")]
    engine.table("text", columns, [("d", "string")], serde=LAZY, serde_parameters=options)
    engine.table("json", columns, [("d", "string")], serde=JSON)
    for day in "12":
        text = "".join(f"{i},w{i}\n" for i in range(ROWS))
        engine.put(f"text/data/d={day}/a.csv.gz", gzip.compress(text.encode()))
        engine.partition("text", [day], f"text/data/d={day}")
        text = "".join(f'{{"id": {i}, "word": "w{i}"}}\n' for i in range(ROWS))
        engine.put(f"json/data/d={day}/a.json.gz", gzip.compress(text.encode()))
        engine.partition("json", [day], f"json/data/d={day}")


def _small(engine: Athena) -> None:
    """Forty days of files that are no larger than what a footer is looked for in."""
    engine.table("data", [("id", "bigint"), ("word", "string")], [("d", "string")])
    for day in range(40):
        words = pa.array([f"w{day}{i}" for i in range(50)])
        columns = {"id": pa.array(range(50), pa.int64()), "word": words}
        engine.put_parquet(f"data/d={day:02d}/part", columns)
        engine.partition("data", [f"{day:02d}"], f"data/d={day:02d}")


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
        (_zipped, "SELECT count(*), max(word) FROM text"),
        (_zipped, "SELECT sum(id) FROM text WHERE d = '2'"),
        (_zipped, "SELECT sum(id) FROM json WHERE d = '2'"),
        (_small, "SELECT max(word) FROM data"),
        (_small, "SELECT max(word) FROM data WHERE d BETWEEN '03' AND '05'"),
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


def test_a_day_costs_the_same_however_many_there_are(measured: Athena, relay: Relay) -> None:
    """Partitions that the query cannot need are neither listed nor opened."""
    _parquet(measured)
    costs = []
    for days in (4, 40):
        for day in range(4, days):
            measured.partition("data", [str(day)], f"data/d={day}")
            measured.put(f"data/d={day}/part", "not Parquet: whoever opens it fails")
        before = relay.bytes, relay.requests
        execution = measured.run("SELECT sum(x), count(*) FROM data WHERE d = '2'")
        assert measured.result(execution["QueryExecutionId"])[1][1] == str(ROWS)
        written = relay.bytes - before[0], relay.requests - before[1]
        assert execution["Statistics"]["DataScannedInBytes"] == written[0]
        costs.append(written)
    assert costs[0] == costs[1]


def test_many_partitions_are_listed_together_unless_the_folder_holds_too_much_else(
    measured: Athena, relay: Relay
) -> None:
    _small(measured)
    sql = "SELECT count(*), count(DISTINCT d) FROM data"
    assert measured.rows(sql) == [("2000", "40")]
    before = relay.requests
    measured.run(sql)
    together = relay.requests - before
    assert 40 <= together < 60  # a file each, the listing, the results
    measured.put("data/d=00/_hidden", "x")
    measured.partition("data", ["40"], "elsewhere/data/d=40")
    measured.put("elsewhere/data/d=40/part", measured.get("data/d=00/part"))
    assert measured.rows(sql) == [("2050", "41")]  # one of them is elsewhere
