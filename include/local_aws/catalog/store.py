"""Table versions and partitions in SQLite, kept in step with the tables that MiniStack holds.

One file per front. A change takes SQLite's write lock first, so "read the version, compare, write"
is one step for all threads and processes that use the same state folder.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from include.local_aws.front.context import Context

LOCK_SECONDS = 60
SCHEMA = """
CREATE TABLE IF NOT EXISTS heads (
    database TEXT, name TEXT, created REAL, version INTEGER, remote INTEGER,
    PRIMARY KEY (database, name));
CREATE TABLE IF NOT EXISTS versions (
    database TEXT, name TEXT, version INTEGER, document TEXT,
    PRIMARY KEY (database, name, version));
CREATE TABLE IF NOT EXISTS partitions (
    database TEXT, name TEXT, "values" TEXT, document TEXT,
    PRIMARY KEY (database, name, "values"));
CREATE TABLE IF NOT EXISTS statistics (
    database TEXT, name TEXT, "values" TEXT, column TEXT, document TEXT,
    PRIMARY KEY (database, name, "values", column));
CREATE TABLE IF NOT EXISTS indexes (
    database TEXT, name TEXT, index_name TEXT, document TEXT,
    PRIMARY KEY (database, name, index_name));
"""
UNSET: dict[str, Any] = {
    "Description": "",
    "Owner": "",
    "StorageDescriptor": {},
    "PartitionKeys": [],
    "TableType": "",
    "Parameters": {},
    "ViewOriginalText": None,
    "ViewExpandedText": None,
}
"""MiniStack's UpdateTable leaves members alone that are not given; Glue's replaces the table."""
NOT_INPUT = {
    "DatabaseName",
    "CreateTime",
    "UpdateTime",
    "CatalogId",
    "VersionId",
    "IsRegisteredWithLakeFormation",
}
"""Members of a Table that its TableInput does not have."""


class Store:
    """The SQLite file of one front, and the steps that keep it true to MiniStack."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._path = context.state / "catalog.sqlite"
        with closing(self._connect()) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.executescript(SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        """Open the file; transactions are begun by hand."""
        db = sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None)
        db.execute("PRAGMA synchronous=NORMAL")
        return db

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for reading; nobody waits for it."""
        with closing(self._connect()) as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that holds the write lock; kept when the block ends, else undone."""
        with closing(self._connect()) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def table(self, database: str, name: str) -> dict[str, Any]:
        """Give the current version of a table, in Glue's Table shape.

        Raises:
            AwsError: EntityNotFoundException when MiniStack has no such table.
        """
        return self.current([self.remote_table(database, name)])[0]

    def remote_table(self, database: str, name: str) -> dict[str, Any]:
        """Give the table as MiniStack holds it."""
        body = {"DatabaseName": database, "Name": name}
        table: dict[str, Any] = self.context.forward("AWSGlue.GetTable", body)["Table"]
        return table

    def current(self, remotes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give the current versions of tables that MiniStack answered with."""
        with self.reading() as db:
            known = [_known(db, remote) for remote in remotes]
        if all(known):
            return [table for table in known if table]
        with self.writing() as db:
            return [self.adopt(db, remote) for remote in remotes]

    def adopt(self, db: sqlite3.Connection, remote: dict[str, Any]) -> dict[str, Any]:
        """Bring the store in step with one table of MiniStack and give the current version.

        A table created since is a new one, without the old one's versions and partitions. One that
        was changed behind the front (CloudFormation) has a new version. One that MiniStack knows
        in an older state than the store (it was killed before it saved) is written to it again.

        Args:
            db: a connection that holds the write lock.
            remote: the table as MiniStack holds it now.
        """
        if known := _known(db, remote):
            return known
        database, name = remote["DatabaseName"], remote["Name"]
        head = db.execute(
            "SELECT created, version, remote FROM heads WHERE database=? AND name=?",
            (database, name),
        ).fetchone()
        document = {key: value for key, value in remote.items() if value is not None}
        if head is None or head[0] != remote["CreateTime"]:
            forget(db, database, name)
            return write_version(db, document, int(remote["VersionId"]), int(remote["VersionId"]))
        if int(remote["VersionId"]) > head[2]:
            return write_version(db, document, head[1] + 1, int(remote["VersionId"]))
        kept = _document(db, database, name, head[1])
        return write_version(db, kept, head[1], self.replace_remote(remote, kept))

    def replace_remote(self, remote: dict[str, Any], document: dict[str, Any]) -> int:
        """Give MiniStack's table another definition.

        Args:
            remote: the table as MiniStack holds it now; refused if it changes meanwhile.
            document: the definition, Table or TableInput.

        Returns:
            MiniStack's own number of the new version.
        """
        table_input = {key: value for key, value in document.items() if key not in NOT_INPUT}
        self.context.forward(
            "AWSGlue.UpdateTable",
            {
                "DatabaseName": remote["DatabaseName"],
                "TableInput": UNSET | table_input | {"Name": remote["Name"]},
                "VersionId": remote["VersionId"],
            },
        )
        return int(remote["VersionId"]) + 1


def _known(db: sqlite3.Connection, remote: dict[str, Any]) -> dict[str, Any] | None:
    """Give the stored current version if it is the one that MiniStack holds."""
    row = db.execute(
        "SELECT document FROM heads JOIN versions USING (database, name, version)"
        " WHERE database=? AND name=? AND created=? AND remote=?",
        (remote["DatabaseName"], remote["Name"], remote["CreateTime"], int(remote["VersionId"])),
    ).fetchone()
    return json.loads(row[0]) if row else None


def _document(db: sqlite3.Connection, database: str, name: str, version: int) -> dict[str, Any]:
    """Give one stored version, which must exist."""
    row = db.execute(
        "SELECT document FROM versions WHERE database=? AND name=? AND version=?",
        (database, name, version),
    ).fetchone()
    document: dict[str, Any] = json.loads(row[0])
    return document


def write_version(
    db: sqlite3.Connection, document: dict[str, Any], version: int, remote: int
) -> dict[str, Any]:
    """Make `document` the table's current version.

    Args:
        db: a connection that holds the write lock.
        document: a Table; its VersionId is set.
        version: number of the version here.
        remote: number of the same state in MiniStack.

    Returns:
        The document as stored.
    """
    table = document | {"VersionId": str(version)}
    key = (table["DatabaseName"], table["Name"])
    db.execute(
        "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?, ?)",
        (*key, table["CreateTime"], version, remote),
    )
    db.execute(
        "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?)", (*key, version, json.dumps(table))
    )
    return table


def forget(db: sqlite3.Connection, database: str, name: str | None) -> None:
    """Remove what is stored of one table, or of a whole database when `name` is None."""
    for relation in ("heads", "versions", "partitions", "statistics", "indexes"):
        db.execute(
            f"DELETE FROM {relation} WHERE database=? AND name=coalesce(?, name)",
            (database, name),
        )
