"""The crawls that ran and run, in SQLite: what survives a restart, and who may start."""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS crawls (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, crawler TEXT, state TEXT,
    started REAL, ended REAL, error TEXT, changes TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS one_at_a_time ON crawls (crawler)
    WHERE state IN ('RUNNING', 'STOPPING');
"""
RUNNING, STOPPING = "RUNNING", "STOPPING"
SUCCEEDED, FAILED, CANCELLED = "SUCCEEDED", "FAILED", "CANCELLED"
COLUMNS = "id, crawler, state, started, ended, error, changes"


@dataclass(frozen=True)
class Record:
    """One crawl.

    Attributes:
        id: the crawl's id.
        crawler: name of the crawler.
        state: RUNNING, STOPPING, SUCCEEDED, FAILED or CANCELLED.
        started: seconds since 1970.
        ended: the same, None while it runs.
        error: why it failed, "" otherwise.
        changes: numbers of changes to the catalog, by "TABLE ADD" and the like.
    """

    id: str
    crawler: str
    state: str
    started: float
    ended: float | None
    error: str
    changes: dict[str, int]

    @property
    def active(self) -> bool:
        """Whether the crawl still runs."""
        return self.state in {RUNNING, STOPPING}

    @property
    def seconds(self) -> float:
        """How long it ran, or has run until now."""
        return (self.ended or time.time()) - self.started


class History:
    """All crawls of one front.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connection() as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as db:
            yield db

    def start(self, crawler: str) -> str | None:
        """Begin a crawl and give its id; None when one of this crawler runs already."""
        crawl = str(uuid.uuid4())
        try:
            with self._connection() as db:
                db.execute(
                    "INSERT INTO crawls (id, crawler, state, started, error, changes)"
                    " VALUES (?, ?, ?, ?, '', '{}')",
                    (crawl, crawler, RUNNING, time.time()),
                )
        except sqlite3.IntegrityError:
            return None
        return crawl

    def stop(self, crawler: str) -> bool:
        """Ask the running crawl to stop; False when none is running."""
        with self._connection() as db:
            changed = db.execute(
                "UPDATE crawls SET state=? WHERE crawler=? AND state=?",
                (STOPPING, crawler, RUNNING),
            )
            return changed.rowcount > 0

    def finish(self, crawl: str, state: str, error: str, changes: Mapping[str, int]) -> None:
        """Write down how a crawl ended."""
        with self._connection() as db:
            db.execute(
                "UPDATE crawls SET state=?, ended=?, error=?, changes=? WHERE id=?",
                (state, time.time(), error, json.dumps(changes), crawl),
            )

    def fail_interrupted(self, reason: str) -> None:
        """Fail all crawls that are still running: after a restart nobody runs them."""
        with self._connection() as db:
            db.execute(
                "UPDATE crawls SET state=?, ended=?, error=? WHERE state IN (?, ?)",
                (FAILED, time.time(), reason, RUNNING, STOPPING),
            )

    def of(self, crawler: str) -> list[Record]:
        """Give the crawls of a crawler, newest first."""
        with self._connection() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM crawls WHERE crawler=? ORDER BY number DESC", (crawler,)
            ).fetchall()
        return [
            Record(
                id=row[0],
                crawler=row[1],
                state=row[2],
                started=row[3],
                ended=row[4],
                error=row[5],
                changes=json.loads(row[6]),
            )
            for row in rows
        ]

    def forget(self, crawler: str) -> None:
        """Remove the history of a crawler that is deleted."""
        with self._connection() as db:
            db.execute("DELETE FROM crawls WHERE crawler=?", (crawler,))
