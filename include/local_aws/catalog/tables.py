"""Databases and tables: versions, optimistic locking, lower-cased names, pages."""

import json
import re
import sqlite3
import time
from typing import Any

from include.local_aws.catalog.indexes import add_indexes
from include.local_aws.catalog.requests import name_of, page, required
from include.local_aws.catalog.store import Store, forget, write_version
from include.local_aws.front.context import AwsError, Context, Handler

MOST_VERSIONS = 100


def table_actions(context: Context) -> dict[str, Handler]:
    """Give the handlers for databases, tables and table versions by action name."""
    tables = Tables(Store(context))
    return {
        "CreateDatabase": tables.create_database,
        "GetDatabase": tables.get_database,
        "UpdateDatabase": tables.update_database,
        "DeleteDatabase": tables.delete_database,
        "CreateTable": tables.create,
        "GetTable": tables.get,
        "GetTables": tables.get_all,
        "UpdateTable": tables.update,
        "DeleteTable": tables.delete,
        "BatchDeleteTable": tables.delete_many,
        "GetTableVersion": tables.get_version,
        "GetTableVersions": tables.get_versions,
        "DeleteTableVersion": tables.delete_version,
        "BatchDeleteTableVersion": tables.delete_versions,
    }


class Tables:
    """Handlers: each takes the request body of a Glue action and gives its answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._forward = store.context.forward

    def create_database(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreateDatabase, by its lower-cased name."""
        database = required(body, "DatabaseInput")
        lowered = database | {"Name": name_of(database, "Name")}
        return self._forward("AWSGlue.CreateDatabase", body | {"DatabaseInput": lowered})

    def get_database(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetDatabase, by its lower-cased name."""
        return self._forward("AWSGlue.GetDatabase", {"Name": name_of(body, "Name")})

    def update_database(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateDatabase, by its lower-cased name."""
        return self._forward("AWSGlue.UpdateDatabase", body | {"Name": name_of(body, "Name")})

    def delete_database(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteDatabase with its tables, their versions and partitions."""
        name = name_of(body, "Name")
        with self._store.writing() as db:
            self._forward("AWSGlue.DeleteDatabase", {"Name": name})
            forget(db, name, None)
        return {}

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreateTable: the table's first version."""
        database, table_input = _definition(body)
        with self._store.writing() as db:
            self._forward(
                "AWSGlue.CreateTable", {"DatabaseName": database, "TableInput": table_input}
            )
            forget(db, database, table_input["Name"])
            remote = self._store.remote_table(database, table_input["Name"])
            version = int(remote["VersionId"])
            table = write_version(db, self._table(table_input, remote), version, version)
            try:
                add_indexes(db, table, body.get("PartitionIndexes") or [])
            except AwsError:
                request = {"DatabaseName": database, "Name": table_input["Name"]}
                self._forward("AWSGlue.DeleteTable", request)
                raise
        return {}

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateTable: replace the definition, if the caller has seen the current version.

        Raises:
            AwsError: ConcurrentModificationException when VersionId is not the current one.
        """
        database, table_input = _definition(body)
        name, seen = table_input["Name"], body.get("VersionId")
        with self._store.writing() as db:
            remote = self._store.remote_table(database, name)
            current = int(self._store.adopt(db, remote)["VersionId"])
            if seen is not None and str(seen) != str(current):
                raise AwsError(
                    "ConcurrentModificationException",
                    f"{database}.{name} is at version {current}, not {seen}: it was changed since"
                    " you read it",
                )
            remote = self._store.remote_table(database, name)
            number = self._store.replace_remote(remote, table_input)
            write_version(db, self._table(table_input, remote), current + 1, number)
            if body.get("SkipArchive"):
                _drop_version(db, database, name, current)
        return {}

    def _table(self, table_input: dict[str, Any], remote: dict[str, Any]) -> dict[str, Any]:
        """Make a Table of a definition; `remote` says when the table was created."""
        return table_input | {
            "DatabaseName": remote["DatabaseName"],
            "CreateTime": remote["CreateTime"],
            "UpdateTime": int(time.time()),
            "IsRegisteredWithLakeFormation": False,
            "CatalogId": self._store.context.account,
        }

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetTable: the current version."""
        return {"Table": self._store.table(name_of(body, "DatabaseName"), name_of(body, "Name"))}

    def get_all(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetTables: current versions by name, filtered by the regular expression Expression."""
        database = name_of(body, "DatabaseName")
        self._forward("AWSGlue.GetDatabase", {"Name": database})
        remotes = self._forward("AWSGlue.GetTables", {"DatabaseName": database})["TableList"]
        try:
            wanted = re.compile(body.get("Expression") or ".*", re.IGNORECASE)
        except re.error as error:
            raise AwsError("InvalidInputException", f"Expression: {error}") from error
        found = sorted(
            (remote for remote in remotes if wanted.fullmatch(remote["Name"])),
            key=lambda remote: str(remote["Name"]),
        )
        rows, token = page(found, body, 100)
        return {"TableList": self._store.current(list(rows)), **token}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteTable with its versions and partitions."""
        database, name = name_of(body, "DatabaseName"), name_of(body, "Name")
        with self._store.writing() as db:
            self._forward("AWSGlue.DeleteTable", {"DatabaseName": database, "Name": name})
            forget(db, database, name)
        return {}

    def delete_many(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchDeleteTable: what cannot be deleted is listed in Errors."""
        errors = []
        for name in required(body, "TablesToDelete"):
            try:
                self.delete(body | {"Name": name})
            except AwsError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                errors.append({"TableName": name, "ErrorDetail": detail})
        return {"Errors": errors}

    def _versions(self, body: dict[str, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
        """Give the current version's number and all versions by number, newest first."""
        current = self._store.table(name_of(body, "DatabaseName"), name_of(body, "TableName"))
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT version, document FROM versions WHERE database=? AND name=?"
                " ORDER BY version DESC",
                (current["DatabaseName"], current["Name"]),
            ).fetchall()
        return current["VersionId"], {str(row[0]): json.loads(row[1]) for row in rows}

    def get_version(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetTableVersion: the named version, or the current one."""
        current, versions = self._versions(body)
        wanted = str(body.get("VersionId") or current)
        if wanted not in versions:
            raise AwsError("EntityNotFoundException", f"{_label(body)} has no version {wanted}")
        return {"TableVersion": {"Table": versions[wanted], "VersionId": wanted}}

    def get_versions(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetTableVersions, newest first."""
        _, versions = self._versions(body)
        rows, token = page(list(versions.items()), body, 100)
        found = [{"Table": table, "VersionId": number} for number, table in rows]
        return {"TableVersions": found, **token}

    def delete_version(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteTableVersion; the current version cannot be deleted."""
        wanted = str(required(body, "VersionId"))
        current, versions = self._versions(body)
        if wanted not in versions:
            raise AwsError("EntityNotFoundException", f"{_label(body)} has no version {wanted}")
        if wanted == current:
            raise AwsError("InvalidInputException", f"version {wanted} is the current one")
        with self._store.writing() as db:
            _drop_version(
                db, name_of(body, "DatabaseName"), name_of(body, "TableName"), int(wanted)
            )
        return {}

    def delete_versions(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchDeleteTableVersion: what cannot be deleted is listed in Errors."""
        numbers = required(body, "VersionIds")
        if len(numbers) > MOST_VERSIONS:
            raise AwsError(
                "InvalidInputException",
                f"VersionIds has {len(numbers)} entries, at most {MOST_VERSIONS} may be",
            )
        errors = []
        for number in numbers:
            try:
                self.delete_version(body | {"VersionId": number})
            except AwsError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": error.message}
                name = name_of(body, "TableName")
                errors.append({"TableName": name, "VersionId": number, "ErrorDetail": detail})
        return {"Errors": errors}


def _definition(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give database and TableInput of a request, names lower-cased."""
    table_input = required(body, "TableInput")
    name = name_of(table_input, "Name")
    return name_of(body, "DatabaseName"), table_input | {"Name": name}


def _drop_version(db: sqlite3.Connection, database: str, name: str, version: int) -> None:
    """Remove one version from the history."""
    db.execute(
        "DELETE FROM versions WHERE database=? AND name=? AND version=?", (database, name, version)
    )


def _label(body: dict[str, Any]) -> str:
    """Name the table of a request in a message."""
    return f"{body['DatabaseName']}.{body['TableName']}"
