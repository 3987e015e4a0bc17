"""MiniStack's state in its files before its answers are sent.

MiniStack 1.5.33 writes the state of its services when it ends in order, and only then, so that a
killed one forgets every table, role and secret since its start (its S3 objects are written at once:
`ministack/services/s3.py`, `_persist_object`). This runs the same program with its ASGI application
wrapped: after a request that may have changed something, and before its answer is sent, every
state that changed is written, with MiniStack's own writer, into the files that it reads at start.

Log events and metrics come often and grow; they are written behind the answers, a second or so
late, which is what a kill can lose of them.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import ministack.app as program
from ministack.core import persistence

from include.local_aws.base.asgi import Application, Message, Peek, Receive, Send

LATE_SERVICES = {"logs": "cloudwatch_logs", "monitoring": "cloudwatch"}
"""Signing name -> state that is written behind the answers."""
LATE_SECONDS = 1.0
LATE_SHARE = 20  # a late write that took a second is followed by the next after 20 s at least
READS = re.compile(r"(Get|List|Describe|BatchGet|Head|Query|Scan|Search|Lookup|Select|AssumeRole)")
ATTEMPTS = 20


class Saver:
    """Writes the states that changed; requests that wait at the same time share one writing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, bytes] = {}
        self._wanted = 0
        self._done = 0
        self._lock = asyncio.Lock()
        self._late: asyncio.Task[None] | None = None

    async def save(self) -> None:
        """Return when all that had changed before the call is in the files."""
        self._wanted += 1
        mine = self._wanted
        async with self._lock:
            if self._done >= mine:
                return
            self._done = self._wanted
            self._write(set(LATE_SERVICES.values()), inside=False)

    def save_late(self) -> None:
        """Have the logs and metrics written soon."""
        if self._late is None or self._late.done():
            self._late = asyncio.create_task(self._write_late())

    async def _write_late(self) -> None:
        await asyncio.sleep(LATE_SECONDS)
        async with self._lock:
            began = time.monotonic()
            self._write(set(LATE_SERVICES.values()), inside=True)
        await asyncio.sleep(LATE_SHARE * (time.monotonic() - began))

    def _write(self, names: set[str], inside: bool) -> None:
        """Write the states that are (or are not) among `names` and are not in the files yet."""
        for name, state_of in program._build_persistence_save_dict().items():
            if (name in names) != inside:
                continue
            state = _unchanging(state_of)
            if state is None:
                continue
            version = persistence._state_format_version(name)
            text = json.dumps(
                {"__ministack_format__": version, "payload": state},
                default=persistence._json_default,
            )
            mark = sha256(text.encode()).digest()
            if self._written.get(name) != mark:
                _replace(self._folder / f"{name}.json", text)
                self._written[name] = mark


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new text; a kill does not lose it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_text(text)
    partial.replace(path)


def _unchanging(state_of: Callable[[], Any]) -> Any:
    """Copy a state, again if one of MiniStack's threads changed it meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            return state_of()
        except RuntimeError as error:
            if "changed size during iteration" not in str(error):
                raise
    raise RuntimeError(f"{state_of.__module__} does not hold still: its state was not saved")


class Durable:
    """An ASGI application over MiniStack's.

    Args:
        application: MiniStack's.
        saver: writes its state.
    """

    def __init__(self, application: Application, saver: Saver) -> None:
        self._application = application
        self._saver = saver

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request; answers to what may change something wait for the files."""
        if scope["type"] != "http" or scope["path"].startswith("/_ministack"):
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        service = signing_name(headers)
        if service == "s3" and writes_itself(scope["method"], scope["path"], scope["query_string"]):
            await self._application(scope, receive, send)
            return
        asked = Peek(receive)

        async def saved(message: Message) -> None:
            if message["type"] == "http.response.start" and may_change(
                service, scope["method"], headers, bytes(asked.body)
            ):
                if service in LATE_SERVICES:
                    self._saver.save_late()
                else:
                    await self._saver.save()
            await send(message)

        await self._application(scope, asked, saved)


def signing_name(headers: Mapping[bytes, str]) -> str:
    """The service of a request's signature, "" if it is not signed by header."""
    found = re.search(r"Credential=[^/]*/\d+/[^/]*/([^/]+)/", headers.get(b"authorization", ""))
    return found[1].lower() if found else ""


def writes_itself(method: str, path: str, query: bytes) -> bool:
    """Whether an S3 request reads, or is about objects, which MiniStack writes at once."""
    return method in ("GET", "HEAD") or "/" in path.strip("/") or b"delete" in query


def may_change(service: str, method: str, headers: Mapping[bytes, str], body: bytes) -> bool:
    """Whether a request may have changed a state.

    CloudFormation makes its resources behind its answers, so its readings count as changes: who
    has seen CREATE_COMPLETE finds the stack after a kill.
    """
    if method in ("HEAD", "OPTIONS"):
        return False
    if service == "cloudformation":
        return True
    action = headers.get(b"x-amz-target", "").rpartition(".")[2]
    if not action:
        action = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
    if action:
        return READS.match(action) is None
    return method != "GET"
