"""WebHDFS over HTTP on the loopback interface."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from include.local_aws.gateway import documents
from include.local_aws.gateway.errors import (
    RemoteError,
    from_s3,
    illegal_argument,
    io_error,
    unsupported,
)
from include.local_aws.gateway.filesystem import FileSystem
from include.local_aws.gateway.paths import ObjectPath, ascii_target, split_target

LOGGER = logging.getLogger("local_aws.gateway")
Query = dict[str, str]


class GatewayServer(ThreadingHTTPServer):
    """A WebHDFS server for one tree.

    Args:
        port: On 127.0.0.1; 0 takes a free one (see `server_port`).
        tree: What to serve.
        tree_of: Gives what a user is served, by the request's user.name; None: everybody `tree`.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, port: int, tree: FileSystem, tree_of: Callable[[str], FileSystem] | None = None
    ) -> None:
        self.tree_of = tree_of or (lambda user: tree)
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: GatewayServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # socket timeout: a client that vanished without closing does not hold a thread for ever
    timeout = 3600

    def do_GET(self) -> None:
        """OPEN, GETFILESTATUS, LISTSTATUS and other questions, and /healthz."""
        self._answer()

    def do_PUT(self) -> None:
        """CREATE, MKDIRS, RENAME and what S3 has no use for."""
        self._answer()

    def do_POST(self) -> None:
        """APPEND and CONCAT: refused."""
        self._answer()

    def do_DELETE(self) -> None:
        """DELETE."""
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Spark asks thousands of times: requests are logged only when debugging."""
        LOGGER.debug(format, *args)

    def _answer(self) -> None:
        self._body_left, self._headers_sent = True, False
        if self.path == "/healthz":
            self._json({"status": "ok"})
            return
        path = ObjectPath("")
        try:
            text, query = split_target(self.path)
            path = ObjectPath.parse(text)
            operation = f"{self.command} {query.get('op', '').upper()}"
            action = OPERATIONS.get(operation)
            if action is None:
                LOGGER.warning("%s is not supported (%s)", operation, path)
                raise unsupported(f"{operation} of {path} is not supported by the gateway")
            action(self, path, query)
        except RemoteError as error:
            self._fail(error)
        except (ClientError, BotoCoreError) as error:
            LOGGER.warning("%s %s: %s", self.command, path, error)
            self._fail(from_s3(error, path))
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            # the client went away, as a reader does that has seen enough
            self.close_connection = True
        except OSError as error:
            LOGGER.exception("%s %s", self.command, path)
            self._fail(io_error(f"{path}: {error}"))

    def _fail(self, error: RemoteError) -> None:
        if self._headers_sent:
            # too late to say it: a body cut short is an error to the client as well
            self.close_connection = True
        elif self._body_left:
            self._json(error.body(), error.status)
        else:
            # some of the upload may still be on its way
            self.close_connection = True
            self._json(error.body(), error.status, Connection="close")

    def _send(self, status: int, length: int, kind: str, **headers: str) -> None:
        if self._body_left:
            for _ in self._body():
                pass
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _json(self, document: Any, status: int = 200, **headers: str) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self._send(status, len(body), "application/json", **headers)
        self.wfile.write(body)

    def _body(self) -> Iterator[bytes]:
        """The request's body, whole or with an error.

        Raises:
            RemoteError: It ended early.
        """
        self._body_left = False
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield from self._exactly(int(self.headers.get("Content-Length") or 0))
            return
        while True:
            header = self.rfile.readline(1024).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", header):
                raise self._cut_short()
            size = int(header, 16)
            yield from self._exactly(size)
            if self.rfile.readline(1024) not in (b"\r\n", b"\n"):
                raise self._cut_short()
            if size == 0:
                return

    def _exactly(self, length: int) -> Iterator[bytes]:
        while length > 0:
            data = self.rfile.read(min(length, 1024 * 1024))
            if not data:
                raise self._cut_short()
            length -= len(data)
            yield data

    def _cut_short(self) -> RemoteError:
        self.close_connection = True
        return io_error("the upload ended before its end: nothing was written")

    def _tree(self, query: Query) -> FileSystem:
        return self.server.tree_of(query.get("user.name", ""))

    # -- operations --------------------------------------------------------------------------

    def _redirected(self, query: Query) -> bool:
        """Send the client here again: it expects the bytes from a second server, a data node."""
        if "datanode" in query:
            return False
        host = self.headers.get("Host") or f"127.0.0.1:{self.server.server_port}"
        self._json(None, 307, Location=f"http://{host}{ascii_target(self.path)}&datanode=true")
        return True

    def _open(self, path: ObjectPath, query: Query) -> None:
        if self._redirected(query):
            return
        length = _number(query, "length", None)
        download = self._tree(query).read(path, _number(query, "offset", 0) or 0, length)
        self._send(200, download.length, "application/octet-stream")
        self._headers_sent = True
        for chunk in download.chunks:
            self.wfile.write(chunk)

    def _create(self, path: ObjectPath, query: Query) -> None:
        if self._redirected(query):
            return
        self._tree(query).write(path, self._body(), query.get("overwrite", "true") != "false")
        self._json(None, 201)

    def _file_status(self, path: ObjectPath, query: Query) -> None:
        self._json({"FileStatus": documents.file_status(self._tree(query).status(path))})

    def _list(self, path: ObjectPath, query: Query) -> None:
        self._json(documents.file_statuses(self._tree(query).listing(path)))

    def _list_batch(self, path: ObjectPath, query: Query) -> None:
        listing = documents.file_statuses(self._tree(query).listing(path))
        self._json({"DirectoryListing": {"partialListing": listing, "remainingEntries": 0}})

    def _block_locations(self, path: ObjectPath, query: Query) -> None:
        self._json(documents.located_blocks(self._tree(query).status(path).size))

    def _content_summary(self, path: ObjectPath, query: Query) -> None:
        self._json(documents.content_summary(*self._tree(query).total(path)))

    def _home(self, path: ObjectPath, query: Query) -> None:
        self._json({"Path": f"/user/{query.get('user.name', 'hadoop')}"})

    def _check_access(self, path: ObjectPath, query: Query) -> None:
        self._tree(query).status(path)
        self._json(None)

    def _make_folder(self, path: ObjectPath, query: Query) -> None:
        self._tree(query).make_folder(path)
        self._json({"boolean": True})

    def _rename(self, path: ObjectPath, query: Query) -> None:
        if "destination" not in query:
            raise illegal_argument(f"RENAME of {path} has no destination")
        target = ObjectPath.parse(query["destination"])
        self._json({"boolean": self._tree(query).rename(path, target)})

    def _delete(self, path: ObjectPath, query: Query) -> None:
        recursive = query.get("recursive", "false") == "true"
        self._json({"boolean": self._tree(query).delete(path, recursive)})

    def _ignore(self, path: ObjectPath, query: Query) -> None:
        self._json(None)

    def _set_replication(self, path: ObjectPath, query: Query) -> None:
        self._json({"boolean": True})


OPERATIONS: dict[str, Callable[[Handler, ObjectPath, Query], None]] = {
    "GET OPEN": Handler._open,
    "GET GETFILESTATUS": Handler._file_status,
    "GET LISTSTATUS": Handler._list,
    "GET LISTSTATUS_BATCH": Handler._list_batch,
    "GET GET_BLOCK_LOCATIONS": Handler._block_locations,
    "GET GETFILEBLOCKLOCATIONS": Handler._block_locations,
    "GET GETCONTENTSUMMARY": Handler._content_summary,
    "GET GETHOMEDIRECTORY": Handler._home,
    "GET CHECKACCESS": Handler._check_access,
    "PUT CREATE": Handler._create,
    "PUT MKDIRS": Handler._make_folder,
    "PUT RENAME": Handler._rename,
    "PUT SETREPLICATION": Handler._set_replication,
    "DELETE DELETE": Handler._delete,
    # what HDFS keeps about a file and S3 does not: accepted, without effect
    "PUT SETPERMISSION": Handler._ignore,
    "PUT SETTIMES": Handler._ignore,
    "PUT SETOWNER": Handler._ignore,
}


def _number(query: Query, name: str, default: int | None) -> int | None:
    text = query.get(name)
    if text is None or text == "null":
        return default
    if not text.isdecimal():
        raise illegal_argument(f"{name}={text!r} is not a number of bytes")
    return int(text)
