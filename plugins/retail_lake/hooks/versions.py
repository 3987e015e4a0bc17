"""The versions of the table that says what is published."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.errors import error_code

DELETE_PARTITIONS = 25  # BatchDeletePartition's limit


class VersionsHook(CatalogHook):
    """Lists and deletes versions of a table; moving it is the catalog hook's.

    A table `published` has a table `published_history` beside it, partitioned by version and time:
    a partition at the location of each version, so that each of them can be queried.
    """

    def record(self, database: str, name: str) -> None:
        """Give the table's history a partition for each version, and for no others.

        What an earlier execution that ended too early left out is made up for.
        """
        history = history_of(name)
        versions = {str(one["number"]): one for one in self.versions(database, name)}
        known = {item["values"][0]: item["values"] for item in self.partitions(database, history)}
        lacking = [
            {"values": [number, f"{one['since']:%Y-%m-%d %H:%M:%S}"], "location": one["location"]}
            for number, one in versions.items()
            if number not in known
        ]
        self.register(database, history, lacking)
        lost = [values for number, values in known.items() if number not in versions]
        self.remove(database, history, lost)

    def remove(self, database: str, name: str, partitions: Sequence[Sequence[str]]) -> None:
        """Take partitions, given by their values, out of the catalog; those gone already too."""
        for start in range(0, len(partitions), DELETE_PARTITIONS):
            chunk = partitions[start : start + DELETE_PARTITIONS]
            answer = self.client.batch_delete_partition(
                DatabaseName=database,
                TableName=name,
                PartitionsToDelete=[{"Values": list(values)} for values in chunk],
            )
            refused = [
                one
                for one in answer.get("Errors", ())
                if one["ErrorDetail"]["ErrorCode"] != "EntityNotFoundException"
            ]
            if refused:
                raise AirflowException(f"{name}: partitions were not removed: {refused}")

    def versions(self, database: str, name: str) -> list[dict[str, Any]]:
        """Return every version, oldest first, the last being the current one.

        Each is a dict of `number`, `location` (with a slash at its end), `since` (aware), and of
        the table's parameters `release`, `run` and `rows` (empty where there are none).
        """
        current = self.table(database, name)
        found = {int(current["VersionId"]): current}
        pages = self.client.get_paginator("get_table_versions").paginate(
            DatabaseName=database, TableName=name
        )
        for page in pages:
            for item in page["TableVersions"]:
                # a move after we read the current version would make that one an earlier one
                found[int(item["VersionId"])] = item["Table"]
        return [_version(number, found[number]) for number in sorted(found)]

    def delete_version(self, database: str, name: str, number: int) -> None:
        """Remove an earlier version; one that is gone already is fine."""
        try:
            self.client.delete_table_version(
                DatabaseName=database, TableName=name, VersionId=str(number)
            )
        except ClientError as error:
            if error_code(error) != "EntityNotFoundException":
                raise


def history_of(name: str) -> str:
    """Return the name of the table that holds the history of a table."""
    return f"{name}_history"


def _version(number: int, table: dict[str, Any]) -> dict[str, Any]:
    since = table.get("UpdateTime") or table["CreateTime"]
    return {
        "number": number,
        "location": table["StorageDescriptor"]["Location"].rstrip("/") + "/",
        "since": since.astimezone(UTC)
        if isinstance(since, datetime)
        else datetime.fromtimestamp(since, UTC),
        **{name: table.get("Parameters", {}).get(name, "") for name in ("release", "run", "rows")},
    }
