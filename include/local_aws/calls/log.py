"""A JSON line per call, in a file per process that is turned over before it grows large.

{"time": "2026-11-20T10:30:00.123Z", "service": "glue", "action": "GetTable",
 "resource": "arn:aws:glue:…:table/shop/orders", "role": "arn:aws:sts::…:assumed-role/etl/run",
 "status": 400, "error": "EntityNotFoundException", "request_id": "…", "milliseconds": 3}
"""

import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LARGEST = 8 * 1024 * 1024


@dataclass
class Call:
    """One request to an AWS service.

    Attributes:
        service: signing name, for example `s3`.
        action: IAM's name of the action: S3's ListObjectsV2 is ListBucket.
        resource: ARN of the most specific resource that the request names, "*" for none.
        role: ARN of the caller.
        status: HTTP status of the answer, 0 when the connection was dropped.
        error: code of the refusal, the status where the headers have none; "" for no refusal.
        request_id: as the client got it.
        milliseconds: until the answer began.
    """

    service: str
    action: str
    resource: str = "*"
    role: str = ""
    status: int = 0
    error: str = ""
    request_id: str = ""
    milliseconds: int = 0


class CallLog:
    """The file of one process; the file before it is kept beside it as `<name>.1`.

    Args:
        path: of the file; its folder is made.
        largest: bytes at which the file is turned over.
    """

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._path = path
        self._largest = largest
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._file).st_size

    def write(self, call: Call) -> None:
        """Append a call; the line is in the file when this returns."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": now, **asdict(call)}).encode() + b"\n"
        with self._lock:
            if self._size + len(line) > self._largest:
                os.close(self._file)
                self._path.replace(self._path.with_name(self._path.name + ".1"))
                self._open()
            os.write(self._file, line)
            self._size += len(line)
