"""The API over HTTP: `GET /v1/sales`, and what only a laptop's has: faults and a request log."""

import base64
import hmac
import json
import socket
import struct
import threading
import time
from collections import deque
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from include.laptop.marketplace.faults import Fault, FaultError, Switchboard
from include.laptop.marketplace.sales import Sale, Sales, SalesError, instant

RESOURCE = "/v1/sales"
DEFAULT_LIMIT = 500
LARGEST_LIMIT = 1000
REMEMBERED_REQUESTS = 1000
DRIP_SECONDS = 0.05
LARGEST_SWITCH = 1 << 16
JSON = "application/json"


class Refused(Exception):
    """A request that is answered with a status and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Marketplace(ThreadingHTTPServer):
    """The server, on the loopback only.

    Args:
        port: To listen on; 0 takes a free one, which `port` then is.
        folder: Of the sales, see `Sales`.
        token: That requests must bear.
    """

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, port: int, folder: Path, token: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.sales = Sales(folder)
        self.token = token
        self.faults = Switchboard()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_REQUESTS)
        self.ending = threading.Event()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that went away in the middle of an answer."""

    def shutdown(self) -> None:
        """Stops, and lets no fault hold an answer back any longer."""
        self.ending.set()
        super().shutdown()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Marketplace
    protocol_version = "HTTP/1.1"
    server_version = "marketplace"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answers sales, health, the faults that are on, or the requests so far."""
        path = urlsplit(self.path).path
        if path == RESOURCE:
            self._sales()
        elif path == "/healthz":
            self._answer(200, {"status": "ok"})
        elif path == "/_faults":
            self._answer(200, {"faults": self.server.faults.listed()})
        elif path == "/_requests":
            self._answer(200, {"requests": list(self.server.requests)})
        else:
            self._answer(404, {"error": f"there is no {path}; sales are at {RESOURCE}"})

    def do_POST(self) -> None:
        """Switches a fault on: `{"kind": "429", "times": 2, "page": 3, "retry_after": 1}`."""
        if self.path != "/_faults":
            return self._answer(404, {"error": "only faults are posted, to /_faults"})
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_SWITCH:
            self.close_connection = True
            return self._answer(400, {"error": "a fault has a Content-Length, and a small one"})
        try:
            asked = json.loads(self.rfile.read(int(length)))
            if not isinstance(asked, dict):
                raise FaultError("a fault is a JSON object")
            self.server.faults.add(Fault.of(asked))
        except (ValueError, FaultError) as error:
            return self._answer(400, {"error": str(error)})
        return self._answer(201, {"faults": self.server.faults.listed()})

    def do_DELETE(self) -> None:
        """Switches all faults off, or forgets the requests."""
        if self.path == "/_faults":
            self.server.faults.clear()
        elif self.path == "/_requests":
            self.server.requests.clear()
        else:
            return self._answer(404, {"error": "only /_faults and /_requests are deleted"})
        return self._answer(200, {})

    def _sales(self) -> None:
        entry: dict[str, Any] = {"time": time.time(), "page": None, "status": None, "fault": None}
        self.server.requests.append(entry)
        try:
            self._authorize()
            asked = _Asked.of(urlsplit(self.path).query)
            entry["page"] = asked.offset // asked.limit + 1
            fault = self.server.faults.take(entry["page"])
            entry["fault"] = None if fault is None else fault.kind
            entry["status"] = (fault.status if fault else None) or 200
            sales = self.server.sales.between(asked.start, asked.end)
        except Refused as refused:
            entry["status"] = refused.status
            return self._answer(refused.status, {"error": str(refused)})
        except SalesError as error:
            entry["status"] = 500
            return self._answer(500, {"error": str(error)})
        if fault is None:
            return self._send(200, JSON, asked.answer(sales))
        return self._fail(fault, asked, sales)

    def _authorize(self) -> None:
        given = self.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
            raise Refused(401, "a bearer token of this marketplace is needed")

    def _fail(self, fault: Fault, asked: "_Asked", sales: list[Sale]) -> None:
        right = asked.answer(sales)
        if fault.status is not None:
            after = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            return self._answer(fault.status, {"error": "out of order, on demand"}, after)
        match fault.kind:
            case "timeout":
                self.close_connection = True
                self.server.ending.wait(fault.seconds)
                return None
            case "slow":
                return self._drip(right, fault.seconds)
            case "reset" | "cut":
                return self._break(right, fault.kind)
            case "truncated":
                return self._send(200, JSON, right[: len(right) // 2])
            case "html":
                return self._send(200, "text/html", b"<html><body>We are back soon.</body></html>")
            case "text":
                return self._send(200, "text/plain", right)
        return self._send(200, JSON, asked.distorted(sales, fault.kind))

    def _drip(self, body: bytes, seconds: float) -> None:
        self._head(200, JSON, len(body))
        pieces = max(1, round(seconds / DRIP_SECONDS))
        size = -(-len(body) // pieces)
        for start in range(0, len(body), size):
            self.wfile.write(body[start : start + size])
            self.wfile.flush()
            if self.server.ending.wait(DRIP_SECONDS):
                return

    def _break(self, body: bytes, kind: str) -> None:
        self.close_connection = True
        self._head(200, JSON, len(body))
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        if kind == "reset":  # closing with a linger of 0 sends a reset instead of the end
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def _answer(
        self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self._send(status, JSON, json.dumps(document).encode(), headers)

    def _send(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self._head(status, kind, len(body), headers)
        self.wfile.write(body)

    def _head(
        self, status: int, kind: str, length: int, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()


class _Asked:
    """The parameters of one request: interval, limit, and where in the interval its page begins."""

    def __init__(self, start: datetime, end: datetime, limit: int, offset: int) -> None:
        self.start, self.end, self.limit, self.offset = start, end, limit, offset

    @classmethod
    def of(cls, query: str) -> "_Asked":
        values = {name: found[-1] for name, found in parse_qs(query).items()}
        try:
            start, end = instant(values["from"]), instant(values["to"])
            limit = int(values.get("limit", DEFAULT_LIMIT))
        except KeyError as error:
            raise Refused(400, f"{error} is missing: from and to are ISO instants") from error
        except ValueError as error:
            raise Refused(400, f"from, to or limit: {error}") from error
        if not 1 <= limit <= LARGEST_LIMIT:
            raise Refused(400, f"limit is 1 to {LARGEST_LIMIT}")
        asked = cls(start, end, limit, 0)
        if "cursor" in values:
            asked.offset = asked._offset_of(values["cursor"])
        return asked

    def answer(self, sales: list[Sale], **changes: Any) -> bytes:
        """One page as JSON; the records' text is the file's own."""
        rows = [sale.text for sale in sales[self.offset : self.offset + self.limit]]
        following = self.offset + self.limit
        parts = {
            "data": f"[{','.join(rows)}]",
            "next_cursor": json.dumps(self._cursor(following) if following < len(sales) else None),
            "total": str(len(sales)),
        } | changes
        fields = (f"{json.dumps(name)}:{text}" for name, text in parts.items() if text is not None)
        return f"{{{','.join(fields)}}}".encode()

    def distorted(self, sales: list[Sale], kind: str) -> bytes:
        """The page as a faulty server would send it."""
        page = sales[self.offset : self.offset + self.limit]
        match kind:
            case "repeated_page" | "overlap":
                back = self.limit if kind == "repeated_page" else 1
                start = max(0, self.offset - back)
                rows = [sale.text for sale in sales[start : start + self.limit]]
                return self.answer(sales, data=f"[{','.join(rows)}]")
            case "unsorted":
                rows = [sale.text for sale in (*page[1:], *page[:1])]
                return self.answer(sales, data=f"[{','.join(rows)}]")
            case "repeated_cursor":
                return self.answer(sales, next_cursor=json.dumps(self._cursor(self.offset)))
            case "wrong_total":
                return self.answer(sales, total=str(len(sales) + 1))
            case "missing_key":
                return self.answer(sales, next_cursor=None)
        first = json.loads(page[0].text) if page else {}
        if kind == "outside":
            first["sold_at"] = (self.start - timedelta(days=1)).isoformat()
        else:
            first["quantity"] = float("nan")
        texts = [json.dumps(first), *(sale.text for sale in page[1:])]
        return self.answer(sales, data=f"[{','.join(texts)}]")

    def _cursor(self, offset: int) -> str:
        place = [self.start.isoformat(), self.end.isoformat(), offset]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()

    def _offset_of(self, cursor: str) -> int:
        try:
            *interval, offset = json.loads(base64.urlsafe_b64decode(cursor))
        except ValueError as error:
            raise Refused(400, "the cursor is not one of ours") from error
        if interval != [self.start.isoformat(), self.end.isoformat()] or int(offset) < 0:
            raise Refused(400, "the cursor belongs to another interval")
        return int(offset)
