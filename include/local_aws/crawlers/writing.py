"""Bring the catalog to what a crawl found, within what the crawler's policies allow."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from include.local_aws.crawlers.databases import DatabaseTable, DatabaseTarget
from include.local_aws.crawlers.databases import table_input as database_table_input
from include.local_aws.crawlers.definition import Definition
from include.local_aws.crawlers.listing import CrawlError, Folder
from include.local_aws.crawlers.tables import (
    Summary,
    distinct_name,
    partition_input,
    plain_name,
    table_input,
    table_name,
)
from include.local_aws.front.context import AwsError

DEPRECATED = "DEPRECATED_BY_CRAWLER"
CREATED_AT_ONCE = UPDATED_AT_ONCE = 100
DELETED_AT_ONCE = 25

Glue = Callable[[str, dict[str, Any]], dict[str, Any]]
"""(action, request body) -> answer of the Glue catalog; refuses by AwsError."""


class Writer:
    """Writes the tables of one crawl.

    Attributes:
        changes: how many tables and partitions were created, updated and deleted, by
            "TABLE ADD" and the like.
        written: names of the tables that the crawl found data for.
    """

    def __init__(self, definition: Definition, glue: Glue, log: Callable[[str], None]) -> None:
        self._definition = definition
        self._glue = glue
        self._log = log
        self.changes: Counter[str] = Counter()
        self.written: set[str] = set()

    def write(
        self,
        folder: Folder,
        whole: Summary,
        parts: dict[tuple[str, ...], Summary],
        catalog_table: str | None = None,
    ) -> None:
        """Create or update a folder's table and its partitions.

        Args:
            folder: the table's files.
            whole: summary of all of them.
            parts: summary of each partition, by its values.
            catalog_table: name of the table that exists for them, None to find or make one.
        """
        plain = catalog_table or table_name(self._definition.prefix, folder)
        name, existing = self._place(plain, folder.url)
        wanted = self._write(table_input(name, self._definition.name, folder, whole), existing)
        if folder.keys:
            self._write_partitions(name, folder, parts, wanted["StorageDescriptor"])

    def write_database_table(
        self, target: DatabaseTarget, engine: str, found: DatabaseTable
    ) -> None:
        """Create or update the table of a table in a database."""
        plain = plain_name(self._definition.prefix, found.location)
        name, existing = self._place(plain, found.location)
        self._write(
            database_table_input(name, self._definition.name, target, engine, found), existing
        )

    def _write(self, wanted: dict[str, Any], existing: dict[str, Any] | None) -> dict[str, Any]:
        """Create or update a table, and give its definition as it then is."""
        name = wanted["Name"]
        self.written.add(name)
        if existing is not None:
            return self._update(existing, wanted)
        self._call("CreateTable", {"TableInput": wanted})
        self.changes["TABLE ADD"] += 1
        self._log(f"created table {name} at {wanted['StorageDescriptor']['Location']}")
        return wanted

    def _place(self, plain: str, location: str) -> tuple[str, dict[str, Any] | None]:
        """Find the name of a location's table, and the table if it exists."""
        existing = self._table(plain)
        if existing is not None and _location(existing) != location.rstrip("/"):
            plain = distinct_name(plain, location)
            existing = self._table(plain)
        return plain, existing

    def _table(self, name: str) -> dict[str, Any] | None:
        try:
            table: dict[str, Any] = self._call("GetTable", {"Name": name})["Table"]
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
            return None
        return table

    def _call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._glue(action, {"DatabaseName": self._definition.database} | body)

    def _update(self, existing: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        """Update a table that exists, and give its definition as it then is."""
        name = existing["Name"]
        keys = [key["Name"] for key in existing.get("PartitionKeys", [])]
        found = [key["Name"] for key in wanted["PartitionKeys"]]
        if keys != found:
            raise CrawlError(
                f"table {self._definition.database}.{name} is partitioned by {keys}, its files are"
                f" by {found}: move the files, or delete the table to have it made anew"
            )
        if not self._definition.updates:
            self._log(f"table {name} exists and is not updated (UpdateBehavior LOG)")
            return existing
        untouched = {key: value for key, value in existing.items() if key not in ANSWER_ONLY}
        wanted = untouched | wanted | {"PartitionKeys": existing.get("PartitionKeys", [])}
        kept = {
            parameter: value
            for parameter, value in existing.get("Parameters", {}).items()
            if parameter not in {DEPRECATED, "skip.header.line.count"}
        }
        wanted["Parameters"] = kept | wanted["Parameters"]
        if self._definition.merge:
            columns = existing.get("StorageDescriptor", {}).get("Columns", [])
            wanted["StorageDescriptor"] = wanted["StorageDescriptor"] | {
                "Columns": _with_new_columns(columns, wanted["StorageDescriptor"]["Columns"])
            }
        if all(existing.get(member) == value for member, value in wanted.items()):
            return wanted
        self._call("UpdateTable", {"TableInput": wanted, "VersionId": existing["VersionId"]})
        self.changes["TABLE UPDATE"] += 1
        self._log(f"updated table {name}")
        return wanted

    def _write_partitions(
        self,
        name: str,
        folder: Folder,
        parts: dict[tuple[str, ...], Summary],
        table_descriptor: dict[str, Any],
    ) -> None:
        """Create, update and remove the partitions of a table."""
        existing = {tuple(part["Values"]): part for part in self._partitions(name)}
        inherited = table_descriptor if self._definition.inherit else None
        wanted = {
            values: partition_input(folder, values, summary, inherited)
            for values, summary in parts.items()
        }
        new = [entry for values, entry in wanted.items() if values not in existing]
        for chunk in _chunks(new, CREATED_AT_ONCE):
            self._batch("BatchCreatePartition", name, {"PartitionInputList": chunk})
        changed = [
            {"PartitionValueList": list(values), "PartitionInput": entry}
            for values, entry in wanted.items()
            if self._definition.updates and values in existing and _differs(existing[values], entry)
        ]
        for chunk in _chunks(changed, UPDATED_AT_ONCE):
            self._batch("BatchUpdatePartition", name, {"Entries": chunk})
        self.changes["PARTITION ADD"] += len(new)
        self.changes["PARTITION UPDATE"] += len(changed)
        if new or changed:
            self._log(f"table {name}: {len(new)} partitions created, {len(changed)} updated")
        gone = [
            part
            for values, part in existing.items()
            if values not in wanted and _location(part).startswith(folder.url)
        ]
        self._remove_partitions(name, gone)

    def _partitions(self, name: str) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"TableName": name}
        while True:
            answer = self._call("GetPartitions", request)
            yield from answer["Partitions"]
            if "NextToken" not in answer:
                return
            request["NextToken"] = answer["NextToken"]

    def _batch(self, action: str, name: str, body: dict[str, Any]) -> None:
        """Do a batch call, of which nothing may be refused."""
        errors = self._call(action, {"TableName": name} | body)["Errors"]
        if errors:
            raise CrawlError(f"{action} on table {name} was refused in part: {errors[:3]}")

    def _remove_partitions(self, name: str, gone: list[dict[str, Any]]) -> None:
        """Do with partitions whose files are gone what the policy says."""
        if self._definition.deletes == "DELETE_FROM_DATABASE":
            for chunk in _chunks([{"Values": part["Values"]} for part in gone], DELETED_AT_ONCE):
                self._batch("BatchDeletePartition", name, {"PartitionsToDelete": chunk})
            self.changes["PARTITION DELETE"] += len(gone)
        elif self._definition.deletes == "DEPRECATE_IN_DATABASE":
            gone = [part for part in gone if DEPRECATED not in part.get("Parameters", {})]
            entries = [
                {"PartitionValueList": part["Values"], "PartitionInput": _deprecated(part)}
                for part in gone
            ]
            for chunk in _chunks(entries, UPDATED_AT_ONCE):
                self._batch("BatchUpdatePartition", name, {"Entries": chunk})
            self.changes["PARTITION UPDATE"] += len(gone)
        if gone:
            self._log(f"table {name}: no files for partitions {[p['Values'] for p in gone][:5]}")

    def remove_tables(self) -> None:
        """Do with this crawler's tables whose files or sources are gone what the policy says."""
        for table in self._tables():
            name, parameters = table["Name"], table.get("Parameters", {})
            mine = parameters.get("UPDATED_BY_CRAWLER") == self._definition.name
            if name in self.written or not mine or not self._is_inside(table):
                continue
            self._log(f"no files for table {name} ({self._definition.deletes})")
            if self._definition.deletes == "DELETE_FROM_DATABASE":
                self._call("DeleteTable", {"Name": name})
                self.changes["TABLE DELETE"] += 1
            elif (
                self._definition.deletes == "DEPRECATE_IN_DATABASE" and DEPRECATED not in parameters
            ):
                body = {"TableInput": _deprecated(table), "VersionId": table["VersionId"]}
                self._call("UpdateTable", body)
                self.changes["TABLE UPDATE"] += 1

    def _is_inside(self, table: dict[str, Any]) -> bool:
        """Say whether a table's place is one that the crawler looked into."""
        location, connection = _location(table), table.get("Parameters", {}).get("connectionName")
        return any(
            f"{location}/".startswith(target.url) for target in self._definition.targets
        ) or any(
            target.connection == connection and target.covers(tuple(location.split(".")))
            for target in self._definition.databases
        )

    def _tables(self) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {}
        while True:
            answer = self._call("GetTables", request)
            yield from answer["TableList"]
            if "NextToken" not in answer:
                return
            request["NextToken"] = answer["NextToken"]


ANSWER_ONLY = {
    "DatabaseName",
    "TableName",
    "CreateTime",
    "UpdateTime",
    "CreationTime",
    "CatalogId",
    "VersionId",
    "IsRegisteredWithLakeFormation",
}
"""Members of a Table or Partition that its input does not have."""


def _deprecated(entity: dict[str, Any]) -> dict[str, Any]:
    """Give the input of a table or partition, marked as deprecated now."""
    kept = {member: value for member, value in entity.items() if member not in ANSWER_ONLY}
    parameters = entity.get("Parameters", {}) | {DEPRECATED: str(int(time.time() * 1000))}
    return kept | {"Parameters": parameters}


def _differs(partition: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Say whether a partition is not as wanted."""
    return any(partition.get(member) != value for member, value in wanted.items())


def _location(entity: dict[str, Any]) -> str:
    """Give the location of a table or partition without the last slash."""
    return str(entity.get("StorageDescriptor", {}).get("Location", "")).rstrip("/")


def _with_new_columns(
    columns: list[dict[str, Any]], found: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give the columns that exist, as they are, and then those that are new."""
    known = {column["Name"].lower() for column in columns}
    return columns + [column for column in found if column["Name"] not in known]


def _chunks(entries: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(entries), size):
        yield list(entries[start : start + size])
