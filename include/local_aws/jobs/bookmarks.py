"""Job bookmarks: what a job's runs have read, as the job's script commits it.

A bookmark is the text that the script's library stored (`JobBookmark`), with a version that a
commit has to name: of two runs that read at the same time the second one to commit is refused.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Any

from include.local_aws.front.context import AwsError, Handler

SCHEMA = """
CREATE TABLE IF NOT EXISTS bookmarks (
    job TEXT PRIMARY KEY, version INTEGER NOT NULL, runs INTEGER NOT NULL,
    run TEXT NOT NULL, previous TEXT NOT NULL, document TEXT NOT NULL)
"""
EMPTY = "{}"


class Bookmarks:
    """The bookmarks of all jobs.

    Args:
        file: SQLite database, made if missing.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.execute(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target; the commit is not one of AWS's."""
        return {
            "AWSGlue.GetJobBookmark": self.get,
            "AWSGlue.ResetJobBookmark": self.reset,
            "LocalGlue.CommitJobBookmark": self.commit,
        }

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetJobBookmark.

        Raises:
            AwsError: EntityNotFoundException: no run of the job has committed one.
        """
        with self._lock:
            entry = self._entry(str(body.get("JobName") or ""))
        if body.get("RunId") and body["RunId"] != entry["RunId"]:
            raise AwsError(
                "EntityNotFoundException", f"the bookmark of {entry['JobName']} is of another run"
            )
        return {"JobBookmarkEntry": entry}

    def reset(self, body: dict[str, Any]) -> dict[str, Any]:
        """ResetJobBookmark: the next run reads everything. A single run cannot be reset here."""
        if body.get("RunId"):
            raise AwsError(
                "InvalidInputException", "not supported here: ResetJobBookmark to a RunId"
            )
        with self._lock:
            entry = self._entry(str(body.get("JobName") or ""))
            self._store(entry | {"Version": entry["Version"] + 1, "JobBookmark": EMPTY})
            return {"JobBookmarkEntry": self._entry(entry["JobName"])}

    def commit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Store what a run has read.

        Args:
            body: JobName, RunId, JobBookmark (text) and the Version that the run began with.

        Raises:
            AwsError: ConcurrentModificationException: another run has committed since, or the
                bookmark was reset.
        """
        with self._lock:
            try:
                before = self._entry(body["JobName"])
            except AwsError:
                before = {"Version": 0, "Run": 0, "RunId": ""}
            if before["Version"] != body["Version"]:
                raise AwsError(
                    "ConcurrentModificationException",
                    f"VERSION_MISMATCH: the bookmark of {body['JobName']} has version "
                    f"{before['Version']}, this run began with {body['Version']}",
                )
            self._store(
                {
                    "JobName": body["JobName"],
                    "Version": before["Version"] + 1,
                    "Run": before["Run"] + 1,
                    "RunId": body["RunId"],
                    "PreviousRunId": before["RunId"],
                    "JobBookmark": body["JobBookmark"],
                }
            )
        return {}

    def delete(self, job: str) -> None:
        """Forget the bookmark of a job, which is deleted."""
        with self._lock:
            self._database.execute("DELETE FROM bookmarks WHERE job = ?", (job,))

    def _entry(self, job: str) -> dict[str, Any]:
        row = self._database.execute(
            "SELECT version, runs, run, previous, document FROM bookmarks WHERE job = ?", (job,)
        ).fetchone()
        if row is None:
            raise AwsError("EntityNotFoundException", f"Job bookmark for {job} not found")
        version, runs, run, previous, document = row
        return {
            "JobName": job,
            "Version": version,
            "Run": runs,
            "Attempt": 0,
            "PreviousRunId": previous,
            "RunId": run,
            "JobBookmark": document,
        }

    def _store(self, entry: dict[str, Any]) -> None:
        names = ("JobName", "Version", "Run", "RunId", "PreviousRunId", "JobBookmark")
        self._database.execute(
            "INSERT OR REPLACE INTO bookmarks (job, version, runs, run, previous, document) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            tuple(entry[name] for name in names),
        )
