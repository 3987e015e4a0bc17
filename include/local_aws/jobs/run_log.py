"""What a run prints: into a file, to CloudWatch Logs, and the error message that is in it."""

import logging
import queue
import re
import signal
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

LOGGER = logging.getLogger(__name__)

STREAMS = ("output", "error")
# MiniStack keeps every event in memory: the file has all of them, CloudWatch the first ones.
MOST_EVENTS = 5_000
BATCH = 500
LAST_WORDS_SECONDS = 5.0
LINE_LIMIT = 64 * 1024
TAIL_LINES = 2_000
MESSAGE_LIMIT = 2_000
TRACEBACK = "Traceback (most recent call last):"
# Java stack frames, "... 12 more", and the log lines of a JVM that is shutting down
NOT_MESSAGE = re.compile(
    r"\s+at |\t|\s*\.\.\. \d+ more|\d\d/\d\d/\d\d \d\d:\d\d:\d\d |JVM stacktrace:"
)
LOGGED = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")
NOT_COMPILED = re.compile(r"(SyntaxError|IndentationError|TabError): ")


class RunLog:
    """The log of one run; use as a context manager.

    Args:
        file: Gets both streams, in the order in which they came.
        run_id: Name of the log streams.
        logs: boto3 client of CloudWatch Logs.
        group: Start of the names of the log groups, which end in /output and /error.
    """

    def __init__(self, file: Path, run_id: str, logs: Any, group: str) -> None:
        self._file = file
        self._shipper = _Shipper(logs, run_id, group)
        self._errors: deque[str] = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._out = self._file.open("a", encoding="utf-8", errors="replace", buffering=1)
        self._shipper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wait()
        self._shipper.finish()
        with self._lock:
            self._out.close()

    def follow(self, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        """Start reading a process's output until both pipes are closed."""
        for name, pipe in (("output", stdout), ("error", stderr)):
            reader = threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait(self) -> None:
        """Return when all that the process printed has been read.

        A process that left the run's session may hold the pipes open: what it prints more than
        a few seconds after the run is lost.
        """
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        for reader in self._readers:
            reader.join(max(0.0, deadline - time.monotonic()))

    def write(self, stream: str, line: str) -> None:
        """Add a line to `output` or `error`."""
        with self._lock:
            if self._out.closed:
                return
            self._out.write(f"{line}\n")
            if stream == "error":
                self._errors.append(line)
        self._shipper.put(stream, line)

    def _read(self, stream: str, pipe: IO[bytes]) -> None:
        with pipe:
            while raw := pipe.readline(LINE_LIMIT):
                self.write(stream, raw.decode("utf-8", "replace").rstrip("\r\n"))

    def failure(self, exit_code: int) -> str:
        """Why the script failed, as Glue words it: the last exception, else the exit code."""
        with self._lock:
            lines = list(self._errors)
        return exception_message(lines) or exit_message(exit_code, lines)


def exception_message(lines: list[str]) -> str | None:
    """The message of the last Python traceback in `lines`, None if there is none.

    A message that came through the JVM is followed by its root cause, where there is one.
    """
    starts = [number for number, line in enumerate(lines) if line == TRACEBACK]
    if not starts:
        # a script that cannot be compiled has no traceback
        return next((line for line in reversed(lines) if NOT_COMPILED.match(line)), None)
    after = lines[starts[-1] + 1 :]
    while after and (after[0].startswith(" ") or not after[0]):
        after = after[1:]
    message = after[:1]
    for line in after[1:]:
        if NOT_MESSAGE.match(line) or line == TRACEBACK:
            break
        message.append(line)
    # what the JVM logs after that, as it shuts down, has other causes
    trace = takewhile(lambda line: not LOGGED.match(line), after[len(message) :])
    causes = [line for line in trace if line.startswith("Caused by: ")]
    text = "\n".join(message + causes[-1:]).strip()
    return text[:MESSAGE_LIMIT] or None


def exit_message(exit_code: int, lines: list[str]) -> str:
    """What to say about a script that ended without a traceback."""
    if exit_code < 0:
        return f"the script was ended by {signal.Signals(-exit_code).name}"
    last = next((line for line in reversed(lines) if line.strip()), "")
    said = f": {last.strip()[:MESSAGE_LIMIT]}" if last else ""
    return f"the script ended with exit code {exit_code}{said}"


class _Shipper:
    """Puts lines into CloudWatch Logs in the background; the run never waits for it."""

    def __init__(self, logs: Any, run_id: str, group: str) -> None:
        self._logs = logs
        self._groups = {name: f"{group}/{name}" for name in STREAMS}
        self._run_id = run_id
        self._lines: queue.SimpleQueue[tuple[str, int, str] | None] = queue.SimpleQueue()
        self._left = dict.fromkeys(STREAMS, MOST_EVENTS)
        self._thread = threading.Thread(target=self._ship, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, stream: str, line: str) -> None:
        self._left[stream] -= 1
        if self._left[stream] > 0:
            self._lines.put((stream, time.time_ns() // 1_000_000, line or " "))
        elif self._left[stream] == 0:
            note = f"only the first {MOST_EVENTS} lines are kept here; the run's log file has all"
            self._lines.put((stream, time.time_ns() // 1_000_000, note))

    def finish(self) -> None:
        """Send what is left, for at most 10 seconds."""
        self._lines.put(None)
        self._thread.join(10)

    def _ship(self) -> None:
        try:
            for group in self._groups.values():
                self._make(group)
            ended = False
            while not ended:
                batch, ended = self._batch()
                self._send(batch)
        except (ClientError, BotoCoreError) as error:
            # the run's file has everything, and a run does not fail for its log's sake
            LOGGER.warning(
                "%s: CloudWatch Logs does not get this run's log: %s", self._run_id, error
            )

    def _make(self, group: str) -> None:
        exists = self._logs.exceptions.ResourceAlreadyExistsException
        with suppress(exists):
            self._logs.create_log_group(logGroupName=group)
        with suppress(exists):
            self._logs.create_log_stream(logGroupName=group, logStreamName=self._run_id)

    def _batch(self) -> tuple[list[tuple[str, int, str]], bool]:
        batch: list[tuple[str, int, str]] = []
        deadline = time.monotonic() + 0.5
        while len(batch) < BATCH:
            try:
                item = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _send(self, batch: list[tuple[str, int, str]]) -> None:
        for stream, group in self._groups.items():
            events = [
                {"timestamp": moment, "message": line}
                for name, moment, line in batch
                if name == stream
            ]
            if events:
                self._logs.put_log_events(
                    logGroupName=group, logStreamName=self._run_id, logEvents=events
                )
