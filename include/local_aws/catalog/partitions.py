"""Partitions: single and batch calls, filters, pages; kept in the front's own store."""

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any
from zlib import crc32

from include.local_aws.catalog.reading import Catalog
from include.local_aws.catalog.requests import name_of, page, required
from include.local_aws.front.context import AwsError, Context, Handler

Change = Callable[[sqlite3.Connection, dict[str, Any]], None]
"""One partition's change: (connection with the write lock, the table); refuses by AwsError."""

MOST_CREATED = MOST_UPDATED = 100
MOST_DELETED = 25
MOST_READ = 1000


def partition_actions(context: Context) -> dict[str, Handler]:
    """Give the handlers for partitions by action name."""
    partitions = Partitions(Catalog(context), context.account)
    return {
        "CreatePartition": partitions.create,
        "GetPartition": partitions.get,
        "GetPartitions": partitions.get_all,
        "UpdatePartition": partitions.update,
        "DeletePartition": partitions.delete,
        "BatchCreatePartition": partitions.create_many,
        "BatchGetPartition": partitions.get_many,
        "BatchUpdatePartition": partitions.update_many,
        "BatchDeletePartition": partitions.delete_many,
    }


class Partitions:
    """Handlers: each takes the request body of a Glue action and gives its answer."""

    def __init__(self, catalog: Catalog, account: str) -> None:
        self._catalog = catalog
        self._account = account

    def _table(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._catalog.table(name_of(body, "DatabaseName"), name_of(body, "TableName"))

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetPartition, by its values."""
        table, values = self._table(body), required(body, "PartitionValues")
        found = self._catalog.documents(table, [_key(table, values)])
        if not found:
            raise _missing(table, values)
        return {"Partition": found[0]}

    def get_all(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetPartitions that fulfil Expression, of one Segment, page by page."""
        table = self._table(body)
        keys = self._catalog.values(table, body.get("Expression"))
        if segment := body.get("Segment"):
            number, total = segment["SegmentNumber"], segment["TotalSegments"]
            keys = [key for key in keys if crc32(key.encode()) % total == number]
        rows, token = page(keys, body)
        found = self._catalog.documents(table, rows)
        if body.get("ExcludeColumnSchema"):
            for partition in found:
                partition.get("StorageDescriptor", {}).pop("Columns", None)
        return {"Partitions": found, **token}

    def get_many(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchGetPartition; those that do not exist are left out, as Glue does."""
        entries = _entries(body, "PartitionsToGet", MOST_READ)
        table = self._table(body)
        keys = [_key(table, required(entry, "Values")) for entry in entries]
        return {"Partitions": self._catalog.documents(table, keys), "UnprocessedKeys": []}

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreatePartition."""
        self._change(body, [self._creation(required(body, "PartitionInput"))])
        return {}

    def create_many(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchCreatePartition: what cannot be created is listed in Errors, the rest is made."""
        entries = _entries(body, "PartitionInputList", MOST_CREATED)
        errors = self._try(body, [self._creation(entry) for entry in entries])
        return {
            "Errors": [
                {"PartitionValues": entry.get("Values", []), "ErrorDetail": error}
                for entry, error in zip(entries, errors, strict=True)
                if error
            ]
        }

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdatePartition: replace one, its values included."""
        self._change(body, [self._replacement(body)])
        return {}

    def update_many(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchUpdatePartition: what cannot be updated is listed in Errors."""
        entries = _entries(body, "Entries", MOST_UPDATED)
        errors = self._try(body, [self._replacement(entry) for entry in entries])
        return {
            "Errors": [
                {"PartitionValueList": entry.get("PartitionValueList", []), "ErrorDetail": error}
                for entry, error in zip(entries, errors, strict=True)
                if error
            ]
        }

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeletePartition, by its values."""
        self._change(body, [_deletion(required(body, "PartitionValues"))])
        return {}

    def delete_many(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchDeletePartition: what cannot be deleted is listed in Errors."""
        entries = _entries(body, "PartitionsToDelete", MOST_DELETED)
        errors = self._try(body, [_deletion(entry.get("Values", [])) for entry in entries])
        return {
            "Errors": [
                {"PartitionValues": entry.get("Values", []), "ErrorDetail": error}
                for entry, error in zip(entries, errors, strict=True)
                if error
            ]
        }

    def _change(self, body: dict[str, Any], changes: list[Change]) -> None:
        """Do all changes or, when one is refused, none."""
        table = self._table(body)
        with self._catalog.store.writing() as db:
            for change in changes:
                change(db, table)

    def _try(self, body: dict[str, Any], changes: list[Change]) -> list[dict[str, str] | None]:
        """Do each change that is not refused and give the refusals as ErrorDetail, in order."""
        table = self._table(body)
        errors: list[dict[str, str] | None] = []
        with self._catalog.store.writing() as db:
            for change in changes:
                try:
                    change(db, table)
                    errors.append(None)
                except AwsError as error:
                    errors.append({"ErrorCode": error.code, "ErrorMessage": error.message})
        return errors

    def _creation(self, partition_input: dict[str, Any]) -> Change:
        """Add a partition that does not exist yet."""

        def create(db: sqlite3.Connection, table: dict[str, Any]) -> None:
            values = required(partition_input, "Values")
            if _stored(db, table, values) is not None:
                raise _exists(table, values)
            self._insert(db, table, partition_input, int(time.time()))

        return create

    def _replacement(self, entry: dict[str, Any]) -> Change:
        """Put another partition, maybe of other values, in the place of one that exists."""

        def replace(db: sqlite3.Connection, table: dict[str, Any]) -> None:
            old = required(entry, "PartitionValueList")
            partition_input = required(entry, "PartitionInput")
            new = partition_input.get("Values") or old
            stored = _stored(db, table, old)
            if stored is None:
                raise _missing(table, old)
            if new != old and _stored(db, table, new) is not None:
                raise _exists(table, new)
            _remove(db, table, old, with_statistics=new != old)
            self._insert(db, table, partition_input | {"Values": new}, stored["CreationTime"])

        return replace

    def _insert(
        self,
        db: sqlite3.Connection,
        table: dict[str, Any],
        partition_input: dict[str, Any],
        created: int,
    ) -> None:
        document = partition_input | {
            "DatabaseName": table["DatabaseName"],
            "TableName": table["Name"],
            "CreationTime": created,
            "CatalogId": self._account,
        }
        key = _key(table, partition_input["Values"])
        db.execute(
            "INSERT INTO partitions VALUES (?, ?, ?, ?)",
            (table["DatabaseName"], table["Name"], key, json.dumps(document)),
        )


def _deletion(values: list[str]) -> Change:
    """Remove a partition that exists."""

    def delete(db: sqlite3.Connection, table: dict[str, Any]) -> None:
        if _stored(db, table, values) is None:
            raise _missing(table, values)
        _remove(db, table, values, with_statistics=True)

    return delete


def _remove(
    db: sqlite3.Connection, table: dict[str, Any], values: list[str], *, with_statistics: bool
) -> None:
    for relation in ("partitions", "statistics") if with_statistics else ("partitions",):
        db.execute(
            f'DELETE FROM {relation} WHERE database=? AND name=? AND "values"=?',
            (table["DatabaseName"], table["Name"], _key(table, values)),
        )


def existing_key(db: sqlite3.Connection, table: dict[str, Any], values: list[str]) -> str:
    """Give the stored key of a partition.

    Raises:
        AwsError: EntityNotFoundException, there is no such partition.
    """
    if _stored(db, table, values) is None:
        raise _missing(table, values)
    return _key(table, values)


def _stored(
    db: sqlite3.Connection, table: dict[str, Any], values: list[str]
) -> dict[str, Any] | None:
    """Give a partition as stored, or None."""
    row = db.execute(
        'SELECT document FROM partitions WHERE database=? AND name=? AND "values"=?',
        (table["DatabaseName"], table["Name"], _key(table, values)),
    ).fetchone()
    return json.loads(row[0]) if row else None


def _key(table: dict[str, Any], values: list[str]) -> str:
    """Give the stored key of a partition's values, one per partition key of the table."""
    expected = [key["Name"] for key in table.get("PartitionKeys", [])]
    if len(values) != len(expected):
        raise AwsError(
            "InvalidInputException",
            f"{table['DatabaseName']}.{table['Name']}: the number of partition keys"
            f" {expected} does not match the number of partition values {values}",
        )
    return json.dumps(values)


def _entries(body: dict[str, Any], member: str, most: int) -> list[dict[str, Any]]:
    """Give the list of a batch request, which has a limit."""
    entries: list[dict[str, Any]] = body.get(member, [])
    if len(entries) > most:
        raise AwsError(
            "InvalidInputException", f"{member} has {len(entries)} entries, at most {most} may be"
        )
    return entries


def _missing(table: dict[str, Any], values: list[str]) -> AwsError:
    label = f"{table['DatabaseName']}.{table['Name']}"
    return AwsError("EntityNotFoundException", f"{label} has no partition {values}")


def _exists(table: dict[str, Any], values: list[str]) -> AwsError:
    label = f"{table['DatabaseName']}.{table['Name']}"
    return AwsError("AlreadyExistsException", f"{label} has partition {values} already")
