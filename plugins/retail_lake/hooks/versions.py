"""The versions of the table that says what is published."""

from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from retail_lake.hooks.catalog import CatalogHook, error_code


class VersionsHook(CatalogHook):
    """Lists and deletes versions of a table; moving it is the catalog hook's."""

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


def _version(number: int, table: dict[str, Any]) -> dict[str, Any]:
    since = table.get("UpdateTime") or table["CreateTime"]
    return {
        "number": number,
        "location": table["StorageDescriptor"]["Location"].rstrip("/") + "/",
        "since": since if isinstance(since, datetime) else datetime.fromtimestamp(since, UTC),
        **{name: table.get("Parameters", {}).get(name, "") for name in ("release", "run", "rows")},
    }
