"""The gateway as a process: HTTP, concurrency, its end and its next start."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[4]


def start(ministack: str, state: Path) -> "tuple[subprocess.Popen[bytes], int]":
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "include.local_aws.gateway", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--endpoint", ministack, "--state", str(state)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(state)},
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                assert answer.status == 200
                return process, port
        except URLError:
            assert process.poll() is None
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the gateway did not come up")


def test_it_ends_cleanly_and_forgets_what_was_not_committed(
    ministack: str, bucket: str, tmp_path: Path, hdfs: Any
) -> None:
    for _ in range(2):
        process, port = start(ministack, tmp_path / "state")
        try:
            client = type(hdfs)(port)
            assert client.refused("GET", f"/{bucket}/out/_temporary/x", "OPEN")[0] == 404
            assert client.put(f"/{bucket}/out/_temporary/x", b"x") == 201
            assert client.read(f"/{bucket}/out/_temporary/x") == b"x"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


@pytest.mark.parametrize("folder", ["d", "d/_temporary"])
def test_an_upload_that_is_cut_short_leaves_nothing(
    hdfs: Any, s3: Any, bucket: str, tmp_path: Path, folder: str
) -> None:
    for framing, body in (
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"ff\r\nhello"),
        (b"Content-Length: 100\r\n", b"hello"),
    ):
        with socket.create_connection(("127.0.0.1", hdfs.port), timeout=10) as client:
            path = f"/webhdfs/v1/{bucket}/{folder}/x?op=CREATE&datanode=true"
            client.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\n".encode() + framing + b"\r\n")
            client.sendall(body)
            client.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert b"500" in answer.split(b"\r\n")[0]
        assert b"nothing was written" in answer
    assert hdfs.refused("GET", f"/{bucket}/{folder}/x", "GETFILESTATUS")[0] == 404
    assert not s3.list_objects_v2(Bucket=bucket).get("Contents")
    assert [file for file in (tmp_path / "staging").rglob("*") if file.is_file()] == []


def test_what_s3_cannot_do_is_refused(hdfs: Any, bucket: str) -> None:
    for method, op in (("POST", "APPEND"), ("PUT", "CREATESYMLINK"), ("POST", "TRUNCATE")):
        status, exception, message = hdfs.refused(method, f"/{bucket}/x", op)
        assert (status, exception) == (400, "UnsupportedOperationException")
        assert op in message
    assert hdfs.refused("GET", f"/{bucket}/x", "OPEN", offset="-1")[0] == 400
    assert hdfs.refused("PUT", f"/{bucket}/x", "RENAME")[0] == 400
    # a failure names what failed
    assert hdfs.put(f"/no-{bucket}/x", b"x") == 404


def test_many_clients_at_once(hdfs: Any, s3: Any, bucket: str) -> None:
    def work(number: int) -> bool:
        content = bytes([number]) * (number * 1000)
        staged = f"/{bucket}/out/_temporary/0/task_{number}"
        assert hdfs.put(f"{staged}/p/part-{number}", content) == 201
        assert hdfs.rename(f"{staged}/p/part-{number}", f"/{bucket}/out/part-{number}")
        hdfs.json("DELETE", staged, "DELETE", recursive="true")
        return bool(hdfs.read(f"/{bucket}/out/part-{number}") == content)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(48)))
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 48
    assert sorted(hdfs.names(f"/{bucket}/out")) == sorted(
        ["_temporary", *(f"part-{number}" for number in range(48))]
    )
