"""A gateway in this process on the session's MiniStack, and what a Hadoop client sends to it."""

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from include.local_aws.gateway.filesystem import FileSystem
from include.local_aws.gateway.server import GatewayServer
from include.local_aws.gateway.staging import Staging
from include.local_aws.gateway.storage import ObjectStore, s3_client


@dataclass(frozen=True)
class Hdfs:
    """Calls a gateway as Hadoop's client does: path encoded once, PUT and OPEN redirected."""

    port: int

    def call(
        self, method: str, path: str, op: str, body: bytes | None = None, **query: object
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        pairs = "".join(f"&{key}={quote(str(value), safe='')}" for key, value in query.items())
        target = f"/webhdfs/v1{quote(path, safe='/=+;&')}?op={op}&user.name=test{pairs}"
        status, answer, location = self._send(method, target, None)
        if status == 307:
            parts = urlsplit(location or "")
            status, answer, _ = self._send(method, f"{parts.path}?{parts.query}", body)
        return status, answer

    def _send(self, method: str, target: str, body: bytes | None) -> tuple[int, bytes, str | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            chunks = None if body is None else iter([body[:7], body[7:]] if body else [])
            connection.request(method, target, chunks, encode_chunked=body is not None)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Location")
        finally:
            connection.close()

    def json(self, method: str, path: str, op: str, **query: object) -> Any:
        """The document of an answer that has to be 200."""
        status, body = self.call(method, path, op, **query)
        assert status == 200, body
        return json.loads(body) if body else None

    def refused(self, method: str, path: str, op: str, **query: object) -> tuple[int, str, str]:
        """Status, Java exception and message of an answer that has to be an error."""
        status, body = self.call(method, path, op, **query)
        assert status >= 400, body
        error = json.loads(body)["RemoteException"]
        assert error["javaClassName"].endswith(f".{error['exception']}")
        return status, error["exception"], error["message"]

    def put(self, path: str, content: bytes, **query: object) -> int:
        """CREATE; the status."""
        return self.call("PUT", path, "CREATE", content, **query)[0]

    def read(self, path: str, **query: object) -> bytes:
        """OPEN."""
        status, body = self.call("GET", path, "OPEN", **query)
        assert status == 200, body
        return body

    def names(self, path: str) -> dict[str, str]:
        """LISTSTATUS: name and type."""
        statuses = self.json("GET", path, "LISTSTATUS")["FileStatuses"]["FileStatus"]
        return {status["pathSuffix"]: status["type"] for status in statuses}

    def rename(self, source: str, target: str) -> bool:
        """RENAME; what it answers."""
        return bool(self.json("PUT", source, "RENAME", destination=target)["boolean"])


@pytest.fixture
def tree(ministack: str, tmp_path: Path) -> FileSystem:
    return FileSystem(ObjectStore(s3_client(ministack, "us-east-1")), Staging(tmp_path / "staging"))


@pytest.fixture
def hdfs(tree: FileSystem) -> Iterator[Hdfs]:
    with GatewayServer(0, tree) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield Hdfs(server.server_port)
        server.shutdown()


@pytest.fixture
def s3(ministack: str) -> Any:
    return s3_client(ministack, "us-east-1")
