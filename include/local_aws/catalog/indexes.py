"""Partition indexes: kept and given back; partitions are found as fast without them."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from include.local_aws.catalog.reading import Catalog
from include.local_aws.catalog.requests import name_of, page, required
from include.local_aws.front.context import AwsError, Context, Handler

MOST_INDEXES = 3


def index_actions(context: Context) -> dict[str, Handler]:
    """Give the handlers for partition indexes by action name."""
    indexes = PartitionIndexes(Catalog(context))
    return {
        "CreatePartitionIndex": indexes.create,
        "GetPartitionIndexes": indexes.get,
        "DeletePartitionIndex": indexes.delete,
    }


class PartitionIndexes:
    """Handlers: each takes the request body of a Glue action and gives its answer."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def _table(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._catalog.table(name_of(body, "DatabaseName"), name_of(body, "TableName"))

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreatePartitionIndex: active at once."""
        with self._catalog.store.writing() as db:
            add_indexes(db, self._table(body), [required(body, "PartitionIndex")])
        return {}

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetPartitionIndexes, by name."""
        table = self._table(body)
        with self._catalog.store.reading() as db:
            found = db.execute(
                "SELECT document FROM indexes WHERE database=? AND name=? ORDER BY index_name",
                (table["DatabaseName"], table["Name"]),
            ).fetchall()
        rows, token = page([json.loads(row[0]) for row in found], body)
        return {"PartitionIndexDescriptorList": list(rows), **token}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeletePartitionIndex."""
        table, name = self._table(body), required(body, "IndexName")
        with self._catalog.store.writing() as db:
            gone = db.execute(
                "DELETE FROM indexes WHERE database=? AND name=? AND index_name=?",
                (table["DatabaseName"], table["Name"], name),
            )
        if gone.rowcount == 0:
            label = f"{table['DatabaseName']}.{table['Name']}"
            raise AwsError("EntityNotFoundException", f"{label} has no partition index {name}")
        return {}


def add_indexes(
    db: sqlite3.Connection, table: dict[str, Any], indexes: Iterable[dict[str, Any]]
) -> None:
    """Store the partition indexes of a table.

    Args:
        db: a connection that holds the write lock.
        table: the table, in Glue's Table shape.
        indexes: in Glue's PartitionIndex shape.

    Raises:
        AwsError: InvalidInputException, a key is none of the table's; AlreadyExistsException;
            ResourceNumberLimitExceededException.
    """
    owner = table["DatabaseName"], table["Name"]
    types = {
        key["Name"].lower(): key.get("Type", "string") for key in table.get("PartitionKeys", [])
    }
    for index in indexes:
        name, keys = required(index, "IndexName"), [key.lower() for key in required(index, "Keys")]
        if unknown := [key for key in keys if key not in types]:
            raise AwsError("InvalidInputException", f"{unknown} are no partition keys: {[*types]}")
        rows = db.execute(
            "SELECT index_name FROM indexes WHERE database=? AND name=?", owner
        ).fetchall()
        if (name,) in rows:
            raise AwsError("AlreadyExistsException", f"the partition index {name} exists")
        if len(rows) == MOST_INDEXES:
            text = f"{'.'.join(owner)} has {MOST_INDEXES} partition indexes, more it cannot have"
            raise AwsError("ResourceNumberLimitExceededException", text)
        described = {
            "IndexName": name,
            "Keys": [{"Name": key, "Type": types[key]} for key in keys],
            "IndexStatus": "ACTIVE",
        }
        db.execute("INSERT INTO indexes VALUES (?, ?, ?, ?)", (*owner, name, json.dumps(described)))
