"""Orders for faults, in SQLite: every process of the stack sees them and they are counted once.

An order is a JSON object:

    kind         "throttle", "error", "slow" or "drop"
    service      signing name ("s3", "glue", "athena", …), "*" for all
    action       IAM's name of the action, with `*` and `?`; "*" if left out
    times        how many calls it hits, 1 if left out; null: until the orders are cleared
    seconds      of "slow": the delay before the call is executed; 1 if left out
    retry_after  of "throttle": seconds in the Retry-After header; 1 if left out
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

KINDS = ("throttle", "error", "slow", "drop")
SCHEMA = "CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, fault TEXT, times INTEGER)"


class WrongFaultError(Exception):
    """An order that says nothing sensible; the message names the member."""


@dataclass(frozen=True)
class Fault:
    """One order, as the module describes it."""

    kind: str
    service: str
    action: str = "*"
    times: int | None = 1
    seconds: float = 1.0
    retry_after: int = 1

    @staticmethod
    def of(order: Any) -> "Fault":
        """Read an order.

        Raises:
            WrongFaultError: it is none.
        """
        if not isinstance(order, dict):
            raise WrongFaultError("an order is a JSON object")
        try:
            fault = Fault(**order)
        except TypeError as error:
            raise WrongFaultError(f"{order}: kind and service are needed ({error})") from error
        if fault.kind not in KINDS:
            raise WrongFaultError(f"kind {fault.kind!r} is not one of {', '.join(KINDS)}")
        for name in ("seconds", "retry_after"):
            if not isinstance(getattr(fault, name), int | float) or getattr(fault, name) < 0:
                raise WrongFaultError(f"{name} {getattr(fault, name)!r} is not a number of seconds")
        if fault.times is not None and (not isinstance(fault.times, int) or fault.times < 1):
            raise WrongFaultError(f"times {fault.times!r} is not 1 or more, or null")
        return fault

    def hits(self, service: str, action: str) -> bool:
        """Say whether a call is meant."""
        return self.service in ("*", service) and fnmatchcase(action, self.action)


class FaultRules:
    """The orders of one stack.

    Args:
        path: the SQLite file, shared by all processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connection() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as db:
            yield db

    def add(self, fault: Fault) -> None:
        """Order a fault, behind those that were ordered before."""
        with self._connection() as db:
            text = json.dumps(asdict(fault))
            db.execute("INSERT INTO orders (fault, times) VALUES (?, ?)", (text, fault.times))

    def all(self) -> list[dict[str, Any]]:
        """Give the orders that are not used up, `times` being what is left of them."""
        with self._connection() as db:
            rows = db.execute("SELECT fault, times FROM orders ORDER BY number").fetchall()
        return [json.loads(row[0]) | {"times": row[1]} for row in rows]

    def clear(self) -> None:
        """Forget all orders."""
        with self._connection() as db:
            db.execute("DELETE FROM orders")

    def take(self, service: str, action: str) -> Fault | None:
        """Give the oldest order for a call and count it down; None if nothing is to go wrong."""
        with self._connection() as db:
            if db.execute("SELECT 1 FROM orders LIMIT 1").fetchone() is None:
                return None
            db.execute("BEGIN IMMEDIATE")
            rows = db.execute("SELECT number, fault, times FROM orders ORDER BY number").fetchall()
            for number, text, times in rows:
                fault = Fault(**json.loads(text))
                if fault.hits(service, action):
                    if times == 1:
                        db.execute("DELETE FROM orders WHERE number=?", (number,))
                    elif times is not None:
                        db.execute("UPDATE orders SET times=times-1 WHERE number=?", (number,))
                    db.execute("COMMIT")
                    return fault
            db.execute("COMMIT")
            return None
