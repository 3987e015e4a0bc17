"""Query executions on disk: what GetQueryExecution shows, and idempotency tokens."""

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS executions (
  id TEXT PRIMARY KEY, token TEXT UNIQUE, fingerprint TEXT NOT NULL, work_group TEXT NOT NULL,
  state TEXT NOT NULL, submitted REAL NOT NULL, execution TEXT NOT NULL, details TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_work_group ON executions (work_group, submitted);
"""
UNFINISHED = ("QUEUED", "RUNNING")


class Store:
    """A small table behind a lock; every write is on disk when the call returns.

    Args:
        path: the SQLite file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode = WAL;" + SCHEMA)

    def add(self, execution: dict[str, Any], token: str | None, fingerprint: str) -> str | None:
        """Store a new execution, unless its token is taken.

        Returns:
            None when stored; else the id that has the token, if the request is the same.

        Raises:
            KeyError: the token was used for another request.
        """
        with self._lock:
            if token is not None:
                row = self._connection.execute(
                    "SELECT id, fingerprint FROM executions WHERE token = ?", (token,)
                ).fetchone()
                if row and row[1] != fingerprint:
                    raise KeyError(token)
                if row:
                    return str(row[0])
            self._connection.execute(
                "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, '{}')",
                (
                    execution["QueryExecutionId"],
                    token,
                    fingerprint,
                    execution["WorkGroup"],
                    execution["Status"]["State"],
                    execution["Status"]["SubmissionDateTime"],
                    json.dumps(execution),
                ),
            )
            return None

    def latest(
        self, fingerprint: str, since: float
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Give the newest execution of the same request that computed its own result.

        Args:
            fingerprint: of the request.
            since: earliest time of submission, seconds since 1970.
        """
        with self._lock:
            rows = self._connection.execute(
                "SELECT execution, details FROM executions WHERE fingerprint = ? AND "
                "state = 'SUCCEEDED' AND submitted >= ? ORDER BY submitted DESC",
                (fingerprint, since),
            ).fetchall()
        for row in rows:
            execution = json.loads(row[0])
            if "ResultReuseInformation" not in execution["Statistics"]:
                return execution, json.loads(row[1])
        return None

    def get(self, identity: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Give an execution and its private details, None when there is none."""
        with self._lock:
            row = self._connection.execute(
                "SELECT execution, details FROM executions WHERE id = ?", (identity,)
            ).fetchone()
        return (json.loads(row[0]), json.loads(row[1])) if row else None

    def update(
        self, execution: dict[str, Any], details: dict[str, Any] | None, states: tuple[str, ...]
    ) -> bool:
        """Replace an execution that is still in one of `states`; tell whether it was."""
        marks = ", ".join("?" for _ in states)
        with self._lock:
            cursor = self._connection.execute(
                "UPDATE executions SET state = ?, execution = ?, details = coalesce(?, details) "
                f"WHERE id = ? AND state IN ({marks})",
                (
                    execution["Status"]["State"],
                    json.dumps(execution),
                    None if details is None else json.dumps(details),
                    execution["QueryExecutionId"],
                    *states,
                ),
            )
            return cursor.rowcount == 1

    def ids(self, work_group: str) -> list[str]:
        """Give the ids of a work group's executions, newest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id FROM executions WHERE work_group = ? ORDER BY submitted DESC, id",
                (work_group,),
            ).fetchall()
        return [str(row[0]) for row in rows]

    def unfinished(self) -> list[dict[str, Any]]:
        """Give the executions that are queued or running."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT execution FROM executions WHERE state IN (?, ?)", UNFINISHED
            ).fetchall()
        return [json.loads(row[0]) for row in rows]
