"""An S3 endpoint that takes every object and keeps none: `-m tests.benchmarks.s3_drain --port P`.

What is measured is the extract. A store that hashes, locks and writes would be measured with it.
"""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CREATED = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
COMPLETED = b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>"
CHUNK = 1 << 20


class Drain(BaseHTTPRequestHandler):
    """Answers the requests of uploads; nothing is ever there."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Take an object or a part."""
        self._swallow()
        self._answer(200)

    def do_POST(self) -> None:
        """Begin or complete a multipart upload."""
        self._swallow()
        began = "uploads" in parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        self._answer(200, CREATED if began else COMPLETED)

    def do_HEAD(self) -> None:
        """Say that the object is not there."""
        self._answer(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _swallow(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            left -= len(self.rfile.read(min(left, CHUNK)))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response_only(status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Drain).serve_forever()


if __name__ == "__main__":
    main()
