"""The runs of all jobs, in SQLite: what a crash leaves behind is known afterwards."""

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACTIVE = ("STARTING", "RUNNING", "STOPPING")
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    job TEXT NOT NULL,
    state TEXT NOT NULL,
    document TEXT NOT NULL,
    pid INTEGER,
    created REAL
);
CREATE INDEX IF NOT EXISTS runs_by_job ON runs (job, sequence);
"""


@dataclass(frozen=True)
class Leftover:
    """A run that was active when the front ended; `pid` and `created` are of its script."""

    id: str
    pid: int | None
    created: float | None


class RunStore:
    """Job runs as the Glue API shows them (`JobRun`), newest last. Safe for many threads.

    Args:
        file: The database, made if missing.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def add(self, run: dict[str, Any], most: int) -> bool:
        """Add a new run unless its job already has `most` active ones; whether it was added."""
        marks = ",".join("?" * len(ACTIVE))
        with self._lock:
            active = self._database.execute(
                f"SELECT count(*) FROM runs WHERE job = ? AND state IN ({marks})",
                (run["JobName"], *ACTIVE),
            ).fetchone()[0]
            if active >= most:
                return False
            self._database.execute(
                "INSERT INTO runs (id, job, state, document) VALUES (?, ?, ?, ?)",
                (run["Id"], run["JobName"], run["JobRunState"], json.dumps(run)),
            )
        return True

    def get(self, job: str, run_id: str) -> dict[str, Any] | None:
        """One run, None if this job has no such run."""
        with self._lock:
            row = self._database.execute(
                "SELECT document FROM runs WHERE job = ? AND id = ?", (job, run_id)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def page(
        self, job: str, size: int, before: int | None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """The `size` newest runs of a job that came before the run with sequence number `before`.

        Returns:
            The runs, newest first, and what `before` has to be for the next page, if any.
        """
        with self._lock:
            rows = self._database.execute(
                "SELECT sequence, document FROM runs WHERE job = ? AND sequence < ? "
                "ORDER BY sequence DESC LIMIT ?",
                (job, before if before is not None else 2**62, size + 1),
            ).fetchall()
        more = rows[size - 1][0] if len(rows) > size else None
        return [json.loads(document) for _, document in rows[:size]], more

    def change(self, run_id: str, **fields: Any) -> bool:
        """Set fields of a run that is still active; False, and nothing set, if it is not.

        A final state is final, and a run that is STOPPING does not become RUNNING.
        """
        with self._lock:
            row = self._database.execute(
                "SELECT state, document FROM runs WHERE id = ?", (run_id,)
            ).fetchone()
            if row is None or row[0] not in ACTIVE:
                return False
            if row[0] == "STOPPING" and fields.get("JobRunState") == "RUNNING":
                del fields["JobRunState"]
            run = json.loads(row[1]) | {"LastModifiedOn": time.time()} | fields
            self._database.execute(
                "UPDATE runs SET state = ?, document = ? WHERE id = ?",
                (run["JobRunState"], json.dumps(run), run_id),
            )
        return True

    def started(self, run_id: str, pid: int, created: float) -> None:
        """Remember the process of a run."""
        with self._lock:
            self._database.execute(
                "UPDATE runs SET pid = ?, created = ? WHERE id = ?", (pid, created, run_id)
            )

    def leftovers(self) -> list[Leftover]:
        """The runs that are active according to the database."""
        marks = ",".join("?" * len(ACTIVE))
        with self._lock:
            rows = self._database.execute(
                f"SELECT id, pid, created FROM runs WHERE state IN ({marks})", ACTIVE
            ).fetchall()
        return [Leftover(*row) for row in rows]
