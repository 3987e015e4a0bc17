"""Tables and partitions of the Glue Data Catalog."""

from collections.abc import Iterator, Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError, HTTPClientError

from retail_lake.hooks.errors import error_code, is_unanswered
from retail_lake.hooks.retries import ADAPTIVE_RETRIES

CREATE_BATCH = 100  # BatchCreatePartition's limit
GET_BATCH = 1000  # BatchGetPartition's limit

# What GetTable returns and UpdateTable's TableInput accepts.
TABLE_INPUT_KEYS = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
)


class SupersededError(AirflowException):
    """Another writer moved a table between our reading it and our update."""


class CatalogHook(AwsBaseHook):
    """Reads tables and partitions, registers partitions, moves a table's location.

    A partition is a dict of `values` (strings, in the order of the table's partition keys) and
    `location` (an `s3://` prefix). Every listing is paginated and every batch is chunked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("config"):
            kwargs["config"] = ADAPTIVE_RETRIES
        kwargs["client_type"] = "glue"
        super().__init__(*args, **kwargs)

    @property
    def client(self) -> Any:
        """The boto3 client."""
        return self.get_conn()

    def table(self, database: str, name: str) -> dict[str, Any]:
        """Return the table with its VersionId; AirflowException naming it if it does not exist."""
        try:
            return dict(self.client.get_table(DatabaseName=database, Name=name)["Table"])
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                raise AirflowException(
                    f"table {database}.{name} is not in the Glue catalog"
                ) from error
            raise

    def has_table(self, database: str, name: str) -> bool:
        """Say whether the table exists."""
        try:
            self.client.get_table(DatabaseName=database, Name=name)
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return False
            raise
        return True

    def partitions(
        self, database: str, name: str, expression: str | None = None
    ) -> list[dict[str, Any]]:
        """Return every partition, or those that the Glue filter expression selects."""
        request: dict[str, Any] = {
            "DatabaseName": database,
            "TableName": name,
            "ExcludeColumnSchema": True,
        }
        if expression:
            request["Expression"] = expression
        pages = self.client.get_paginator("get_partitions").paginate(**request)
        return [_partition(item) for page in pages for item in page["Partitions"]]

    def locations(
        self, database: str, name: str, values: Sequence[Sequence[str]]
    ) -> dict[tuple[str, ...], str]:
        """Return the location of each of the given partitions that exists, by its values."""
        found: dict[tuple[str, ...], str] = {}
        for chunk in _chunks([{"Values": list(item)} for item in values], GET_BATCH):
            wanted = chunk
            while wanted:
                answer = self.client.batch_get_partition(
                    DatabaseName=database, TableName=name, PartitionsToGet=wanted
                )
                for item in map(_partition, answer["Partitions"]):
                    found[tuple(item["values"])] = item["location"]
                wanted = answer.get("UnprocessedKeys") or []
        return found

    def register(self, database: str, name: str, partitions: Sequence[dict[str, Any]]) -> int:
        """Register partitions with the table's own format; return how many are new.

        A partition that is already there at the same location is left as it is, so doing it twice
        changes nothing. At another location it is an error: a release never changes.
        """
        if not partitions:
            return 0
        descriptor = self.table(database, name)["StorageDescriptor"]
        created = 0
        for chunk in _chunks(partitions, CREATE_BATCH):
            answer = self.client.batch_create_partition(
                DatabaseName=database,
                TableName=name,
                PartitionInputList=[
                    {
                        "Values": list(item["values"]),
                        "StorageDescriptor": {**descriptor, "Location": item["location"]},
                    }
                    for item in chunk
                ],
            )
            errors = answer.get("Errors") or []
            created += len(chunk) - len(errors)
            self._accept_existing(database, name, chunk, errors)
        self.log.info("%s.%s: %s partitions, %s new", database, name, len(partitions), created)
        return created

    def _accept_existing(
        self,
        database: str,
        name: str,
        chunk: Sequence[dict[str, Any]],
        errors: Sequence[dict[str, Any]],
    ) -> None:
        existing = []
        for error in errors:
            detail = error.get("ErrorDetail", {})
            if detail.get("ErrorCode") != "AlreadyExistsException":
                raise AirflowException(
                    f"{database}.{name}: partition {error.get('PartitionValues')} was not created: "
                    f"{detail.get('ErrorCode')}: {detail.get('ErrorMessage')}"
                )
            existing.append(list(error["PartitionValues"]))
        if not existing:
            return
        wanted = {tuple(item["values"]): item["location"] for item in chunk}
        for values, location in self.locations(database, name, existing).items():
            if location.rstrip("/") != str(wanted[values]).rstrip("/"):
                raise AirflowException(
                    f"{database}.{name}: partition {list(values)} is already registered at "
                    f"{location}, not at {wanted[values]}. A release never changes: clear the run "
                    "from its first task, so that it makes a new release"
                )

    def move(
        self, table: dict[str, Any], location: str, parameters: dict[str, str] | None = None
    ) -> None:
        """Point the table at another location, if it is still at the version that was read.

        An answer that is lost does not make it an error: the client then tries again and is refused
        as too late, or gives up, and the table itself tells whether it was moved by us.

        Args:
            table: as returned by `table`, with its VersionId.
            location: the new `s3://` prefix.
            parameters: table parameters to set, e.g. which release did it.

        Raises:
            SupersededError: the table has changed since it was read; nothing was changed by us.
        """
        database, name = table["DatabaseName"], table["Name"]
        changed = {key: table[key] for key in TABLE_INPUT_KEYS if key in table}
        changed["StorageDescriptor"] = {**table["StorageDescriptor"], "Location": location}
        changed["Parameters"] = {**table.get("Parameters", {}), **(parameters or {})}
        try:
            self.client.update_table(
                DatabaseName=database, TableInput=changed, VersionId=str(table["VersionId"])
            )
        except (ClientError, HTTPClientError) as error:
            late = isinstance(error, ClientError) and (
                error_code(error) == "ConcurrentModificationException"
            )
            if not late and not is_unanswered(error):
                raise
            if self._is_moved(table, changed):
                self.log.info("%s.%s was moved; the answer was lost: %s", database, name, error)
            elif late:
                raise SupersededError(
                    f"superseded: {database}.{name} changed after its version "
                    f"{table['VersionId']} was read, so another run published in between; this "
                    "attempt published nothing, and the next one reads the new state"
                ) from error
            else:
                raise

    def _is_moved(self, before: dict[str, Any], wanted: dict[str, Any]) -> bool:
        """Say whether the table is not at the version that was read, but as we wanted it."""
        now = self.table(before["DatabaseName"], before["Name"])
        return (
            str(now["VersionId"]) != str(before["VersionId"])
            and now["StorageDescriptor"]["Location"] == wanted["StorageDescriptor"]["Location"]
            and wanted["Parameters"].items() <= now.get("Parameters", {}).items()
        )

    def drop_table(self, database: str, name: str) -> None:
        """Remove a table's metadata; its files stay. A table that is gone already is fine."""
        try:
            self.client.delete_table(DatabaseName=database, Name=name)
        except ClientError as error:
            if error_code(error) != "EntityNotFoundException":
                raise


def _partition(item: dict[str, Any]) -> dict[str, Any]:
    return {"values": list(item["Values"]), "location": item["StorageDescriptor"]["Location"]}


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
