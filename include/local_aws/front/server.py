"""HTTP server of the front: actions with a handler are answered here, all others by MiniStack.

AWS JSON 1.1: the X-Amz-Target header names the action, body and answer are JSON, an error is an
HTTP status with `__type` in the body and `x-amzn-ErrorType` in the headers.
"""

import json
import logging
import sys
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from include.local_aws.front.context import AwsError, Handler
from include.local_aws.front.gate import DroppedError, Gate, access_key
from include.local_aws.front.orders import PREFIX, execute
from include.local_aws.front.resources import Request

log = logging.getLogger(__name__)

FORWARD_SECONDS = 120
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te"}
JSON = [("Content-Type", "application/json")]
INTERNAL_ERRORS = {"AmazonAthena": "InternalServerException"}
"""X-Amz-Target prefix -> its name for "our fault", where it is not InternalServiceException."""


class FrontServer(ThreadingHTTPServer):
    """One thread per client connection, on the loopback interface only.

    Args:
        port: port to listen on.
        endpoint: URL of MiniStack, which gets every request without a handler.
        handlers: X-Amz-Target -> handler of that action.
        gate: what happens before and after a request is executed; None: nothing.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        endpoint: str,
        handlers: Mapping[str, Handler],
        gate: Gate | None = None,
    ) -> None:
        self.upstream = urlsplit(endpoint)
        self.handlers = handlers
        self.gate = gate
        super().__init__(("127.0.0.1", port), RequestHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what ended a connection; a client that went away is nothing to worry about."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError):
            log.info("client %s left: %s", client_address, error)
        else:
            log.exception("connection of %s broke", client_address)


class RequestHandler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, kept alive until the client closes it."""

    protocol_version = "HTTP/1.1"
    server_version = "LocalAWS"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Health of the front; other GETs are MiniStack's."""
        if self.path == "/healthz":
            self._wanted, self._began = Request("", "", ()), time.monotonic()
            self._answer(200, b'{"status":"ok"}', JSON)
        else:
            self._serve()

    def _serve(self) -> None:
        """Run the action's handler, or pass the request on as it came."""
        self._wanted, self._began = Request("", "", ()), time.monotonic()
        body = self._body()
        target = self.headers.get("X-Amz-Target", "")
        server = cast(FrontServer, self.server)
        if server.gate is not None:
            if self.path.startswith(PREFIX):
                status, found = execute(
                    self.command, self.path, body, server.gate.context, server.gate.rules
                )
                self._answer(status, json.dumps(found).encode(), JSON)
                return
            self._wanted = server.gate.describe(target, body)
            try:
                server.gate.admit(self._wanted, self.command, self.path, self.headers.items(), body)
            except AwsError as refusal:
                self._refuse(refusal)
                return
            except DroppedError:
                self._note(0, [])
                self.close_connection = True
                return
        if server.gate is not None:
            handler = server.gate.handler(self._wanted, target)
            caller = server.gate.caller(self._wanted, access_key(self.headers.items()))
        else:
            handler, caller = server.handlers.get(target), nullcontext()
        if handler is None:
            self._forward(body)
            return
        with caller:
            self._execute(handler, target, body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve

    def _body(self) -> bytes:
        """Read the request's body, sent whole or in chunks."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _execute(self, handler: Handler, target: str, body: bytes) -> None:
        """Answer with the handler's result or refusal; whatever else it raises is our fault."""
        try:
            answer = json.dumps(handler(_json_object(body))).encode()
        except AwsError as refusal:
            self._refuse(refusal)
        except Exception as error:
            log.exception("%s failed", target)
            code = INTERNAL_ERRORS.get(target.partition(".")[0], "InternalServiceException")
            self._refuse(AwsError(code, f"{target}: {type(error).__name__}: {error}", 500))
        else:
            self._answer(200, answer, [("Content-Type", "application/x-amz-json-1.1")])

    def _forward(self, body: bytes) -> None:
        """Send the request to MiniStack unchanged, so that its signature still holds."""
        upstream = cast(FrontServer, self.server).upstream
        connection = HTTPConnection(
            str(upstream.hostname), upstream.port or 80, timeout=FORWARD_SECONDS
        )
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if body or self.command in {"POST", "PUT", "PATCH"}:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            status, headers, content = answer.status, answer.getheaders(), answer.read()
        except (OSError, HTTPException) as error:
            log.exception("MiniStack did not answer %s %s", self.command, self.path)
            reason = f"MiniStack at {upstream.geturl()} does not answer ({error}): is it running?"
            self._refuse(AwsError("ServiceUnavailableException", reason, 503))
        else:
            kept = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
            self._answer(status, content, kept)
        finally:
            connection.close()

    def _refuse(self, error: AwsError) -> None:
        """Answer with an AWS JSON 1.1 error."""
        body = json.dumps({"__type": error.code, "Message": error.message}).encode()
        headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("x-amzn-ErrorType", error.code),
            *error.headers.items(),
        ]
        self._answer(error.status, body, headers)

    def _note(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Have the call written down."""
        gate = cast(FrontServer, self.server).gate
        if gate is not None and self._wanted.service:
            given = {name.lower(): value for name, value in headers}
            gate.note(
                self._wanted,
                access_key(self.headers.items()),
                status,
                given.get("x-amzn-errortype", ""),
                given.get("x-amzn-requestid", ""),
                time.monotonic() - self._began,
            )

    def _answer(self, status: int, body: bytes, headers: Iterable[tuple[str, str]]) -> None:
        """Send status, headers (a request id is added when missing) and body at once."""
        headers = list(headers)
        if "x-amzn-requestid" not in {name.lower() for name, _ in headers}:
            headers.append(("x-amzn-RequestId", str(uuid.uuid4())))
        self._note(status, headers)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Log broken requests as the rest of the front does; requests that work are not logged."""
        log.warning(format, *args)


def _json_object(body: bytes) -> dict[str, Any]:
    """Read a request body; an empty one is an empty request."""
    try:
        data = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise AwsError("SerializationException", "the body is not a JSON object")
    return data
