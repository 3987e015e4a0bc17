"""Documents of several kinds by name, in SQLite: what the Glue API shows of them."""

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
    UNIQUE (kind, name))
"""


class Documents:
    """A store for a service with few and small documents. Safe for many threads.

    Args:
        file: The database, made if missing.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def add(self, kind: str, name: str, document: dict[str, Any]) -> bool:
        """Add a document; False if there is one of this name."""
        with self._lock:
            added = self._database.execute(
                "INSERT OR IGNORE INTO documents (kind, name, document) VALUES (?, ?, ?)",
                (kind, name, json.dumps(document)),
            )
            return added.rowcount == 1

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """One document."""
        with self._lock:
            row = self._database.execute(
                "SELECT document FROM documents WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def change(self, kind: str, name: str, **fields: Any) -> bool:
        """Set fields of a document; False if there is none."""
        with self._lock:
            document = self.get(kind, name)
            if document is None:
                return False
            self._database.execute(
                "UPDATE documents SET document = ? WHERE kind = ? AND name = ?",
                (json.dumps(document | fields), kind, name),
            )
        return True

    def delete(self, kind: str, name: str) -> bool:
        """Remove a document; False if there is none."""
        with self._lock:
            gone = self._database.execute(
                "DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name)
            )
            return gone.rowcount == 1

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All documents of a kind, oldest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT document FROM documents WHERE kind = ? ORDER BY sequence", (kind,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]
