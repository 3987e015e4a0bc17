"""What can go wrong with a third party's API, switched on for a number of requests."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Besides these, any status from 400 to 599 is a kind.
KINDS = {
    "timeout": "no answer for `seconds`, then the connection is closed",
    "slow": "the answer trickles over `seconds`",
    "reset": "the connection is reset in the middle of the answer",
    "cut": "the answer ends before its Content-Length",
    "truncated": "half of the JSON, with a Content-Length that fits it",
    "html": "status 200 and a page of HTML",
    "text": "the right answer as text/plain",
    "repeated_page": "the rows of the page before",
    "overlap": "a first row from the page before",
    "unsorted": "the page's first row at its end",
    "repeated_cursor": "a next_cursor that leads back to this page",
    "wrong_total": "a total that is one too high",
    "missing_key": "an answer without next_cursor",
    "outside": "a first row that was sold a day before the interval",
    "not_a_number": "a first row with a NaN",
}


class FaultError(Exception):
    """A switch that asks for no fault we know; the message says what is wrong."""


@dataclass
class Fault:
    """One switch.

    Attributes:
        kind: What happens, one of KINDS or a status.
        times: Requests that it still happens to; None: to all.
        page: Which page it happens to, from 1; None: any.
        retry_after: Retry-After of a status: seconds or an HTTP date.
        seconds: How long `timeout` and `slow` take.
    """

    kind: str
    times: int | None = 1
    page: int | None = None
    retry_after: str | None = None
    seconds: float = 30.0

    @property
    def status(self) -> int | None:
        """The status, if that is the kind."""
        return int(self.kind) if self.kind.isdigit() else None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Fault":
        """Reads the body of `POST /_faults`.

        Raises:
            FaultError: It names no fault.
        """
        unknown = sorted(set(asked) - set(cls.__dataclass_fields__))
        kind = str(asked.get("kind"))
        if unknown or not (kind in KINDS or (kind.isdigit() and 400 <= int(kind) <= 599)):
            raise FaultError(f"kind is one of {', '.join(KINDS)} or 400 to 599, not {asked}")
        try:
            whole = {n: int(asked[n]) for n in ("times", "page") if asked.get(n) is not None}
            seconds = float(asked.get("seconds", cls.seconds))
        except (TypeError, ValueError) as error:
            raise FaultError(f"times, page and seconds are numbers: {error}") from error
        after = asked.get("retry_after")
        times = None if "times" in asked and asked["times"] is None else whole.get("times", 1)
        return cls(kind, times, whole.get("page"), None if after is None else str(after), seconds)


class Switchboard:
    """The faults that are on; requests of several threads take them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switches one on, behind those that are on already."""
        with self._lock:
            self._on.append(fault)

    def clear(self) -> None:
        """Switches all off."""
        with self._lock:
            self._on.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Those that are on."""
        with self._lock:
            return [dict(vars(fault)) for fault in self._on]

    def take(self, page: int) -> Fault | None:
        """The first fault for a request of that page; it is used up by one."""
        with self._lock:
            for fault in self._on:
                if fault.page in (None, page):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self._on.remove(fault)
                    return fault
        return None
