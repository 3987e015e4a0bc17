"""GetTableMetadata and ListTableMetadata: the catalog's tables in Athena's own shape.

MiniStack describes tables that do not exist; AWS does not.
"""

from typing import Any

from include.local_aws.athena.relations import Glue
from include.local_aws.athena.work_groups import invalid
from include.local_aws.catalog.requests import page
from include.local_aws.front.context import AwsError

MOST_LISTED = 50


class Metadata:
    """Handlers.

    Args:
        glue: calls Glue actions, as whoever asks may.
    """

    def __init__(self, glue: Glue) -> None:
        self._glue = glue

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetTableMetadata."""
        asked = {"DatabaseName": _database(request), "Name": request.get("TableName") or ""}
        table = self._ask("GetTable", asked)["Table"]
        return {"TableMetadata": _described(table)}

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTableMetadata, by name; Expression is a regular expression."""
        asked: dict[str, Any] = {"DatabaseName": _database(request)}
        if request.get("Expression"):
            asked["Expression"] = request["Expression"]
        found: list[dict[str, Any]] = []
        while True:
            answer = self._ask("GetTables", asked)
            found += answer["TableList"]
            if not answer.get("NextToken"):
                break
            asked["NextToken"] = answer["NextToken"]
        rows, token = page(found, request, MOST_LISTED)
        return {"TableMetadataList": [_described(table) for table in rows], **token}

    def _ask(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call Glue; what it does not find is Athena's MetadataException."""
        try:
            return self._glue(action, request)
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
            raise AwsError("MetadataException", f"{error.code}: {error.message}") from error


def _database(request: dict[str, Any]) -> str:
    catalog = str(request.get("CatalogName") or "")
    if catalog.lower() != "awsdatacatalog":
        raise invalid(f"not supported here: the data catalog {catalog}")
    return str(request.get("DatabaseName") or "")


def _described(table: dict[str, Any]) -> dict[str, Any]:
    storage = table.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    parameters = dict(table.get("Parameters") or {})
    for name, value in (
        ("inputformat", storage.get("InputFormat")),
        ("outputformat", storage.get("OutputFormat")),
        ("location", storage.get("Location")),
        ("serde.serialization.lib", serde.get("SerializationLibrary")),
        *((f"serde.param.{key}", text) for key, text in (serde.get("Parameters") or {}).items()),
    ):
        if value:
            parameters[name] = value
    described = {
        "Name": table["Name"],
        "CreateTime": table["CreateTime"],
        "LastAccessTime": table.get("LastAccessTime") or 0,
        "TableType": table.get("TableType") or "",
        "Columns": _columns(storage.get("Columns")),
        "PartitionKeys": _columns(table.get("PartitionKeys")),
        "Parameters": parameters,
    }
    return described


def _columns(columns: list[dict[str, Any]] | None) -> list[dict[str, str]]:
    return [
        {key: column[key] for key in ("Name", "Type", "Comment") if column.get(key)}
        for column in columns or []
    ]
