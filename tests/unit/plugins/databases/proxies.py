"""What stands between the extract and its database or its S3, and breaks what passes."""

import http.client
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")
ERROR = b"<Error><Code>%s</Code><Message>injected</Message></Error>"


class CuttableProxy:
    """Passes TCP on to a server and, once told to, cuts the connections after some bytes.

    Attributes:
        port: where it listens on the loopback interface.
        cut_after: bytes from the server after which a connection is cut; None is never.
        cuts: how many connections were cut.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.cut_after: int | None = None
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                inside, _ = self._listener.accept()
                outside = socket.create_connection(self.target)
                for pair in ((inside, outside, False), (outside, inside, True)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65_536):
                passed += len(data)
                if answers and self.cut_after is not None and passed > self.cut_after:
                    self.cuts += 1
                    for end in (sink, source):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@dataclass
class Fault:
    """What goes wrong with requests whose `METHOD /path?query` fits `request`, so many times.

    `kind` is a status (`500 InternalError`), `200 InternalError` (which S3 says when it fails after
    the headers), `reset` in the middle of the body, or `lost`: it is done, but nobody is told.
    """

    request: str
    kind: str
    times: int
    done: int = 0

    def take(self, request: str) -> bool:
        """Say whether this request is to go wrong."""
        if self.done >= self.times or not re.search(self.request, request):
            return False
        self.done += 1
        return True


@dataclass
class FaultyS3:
    """An S3 endpoint that passes requests on, except for its `faults`.

    Attributes:
        url: the endpoint.
        faults: what goes wrong; the first that fits is taken.
        requests: `METHOD /path?query` of every request, in order.
    """

    upstream: str
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["FaultyS3"]:
        """Serve until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def _handler(faulty: FaultyS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):
                super().handle_one_request()

        def _serve(self) -> None:
            request = f"{self.command} {self.path}"
            faulty.requests.append(request)
            fault = next((each for each in faulty.faults if each.take(request)), None)
            if fault is not None and fault.kind == "reset":
                self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.close_connection = True
                self.connection.close()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fault is not None and fault.kind != "lost":
                status, code = fault.kind.split(" ")
                self._answer(int(status), {}, ERROR % code.encode())
                return
            target = urlsplit(faulty.upstream)
            connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=30)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            if fault is not None:
                self.close_connection = True
                self.connection.close()
                return
            self._answer(answer.status, dict(answer.getheaders()), content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Content-Length", headers.get("Content-Length", "0"))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    return Handler
