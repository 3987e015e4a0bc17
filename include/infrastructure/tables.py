"""Creates and updates the catalog's tables and views from the contracts.

The pointer table `retail_ops.published` is the one table whose content is its location: a
deployment sets it up empty once and from then on keeps whatever location it has.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.infrastructure.stack import DeploymentError, Say, pauses

if TYPE_CHECKING:
    from include.lake.catalog import CatalogTable, View

POINTER = ("retail_ops", "published")
POINTER_FILE = "pointer.jsonl"
VIEWS_DATABASE = "sales_analytics"
QUERY_SECONDS = 120.0

Json = dict[str, Any]


def apply_tables(glue: Any, s3: Any, tables: Iterable["CatalogTable"], say: Say) -> None:
    """Creates missing tables and updates those whose definition differs.

    Args:
        glue: boto3 client.
        s3: boto3 client; holds the empty pointer.
        tables: wanted tables.
        say: receives one line per table that was made or changed, and one for the rest.
    """
    same = 0
    for table in tables:
        name = f"{table.database}.{table.table_input['Name']}"
        wanted: Json = dict(table.table_input)
        is_pointer = (table.database, wanted["Name"]) == POINTER
        if is_pointer:
            _create_empty_pointer(s3, wanted["StorageDescriptor"]["Location"], say)
        current = _current(glue, table.database, wanted["Name"])
        if current is None:
            glue.create_table(DatabaseName=table.database, TableInput=wanted)
            say(f"{name}: created")
            continue
        if is_pointer:
            wanted = _keeping_content(wanted, current)
        if not differs(current, wanted):
            same += 1
            continue
        # the version is checked: a publish in between must win
        glue.update_table(
            DatabaseName=table.database, TableInput=wanted, VersionId=current["VersionId"]
        )
        say(f"{name}: updated")
    say(f"{same} tables up to date")


def apply_views(athena: Any, views: Iterable["View"], workgroup: str, say: Say) -> None:
    """Runs every view's statement, all at once, and waits for them.

    Args:
        athena: boto3 client.
        views: wanted views; none may read another.
        workgroup: the pipeline's.
        say: receives one line.

    Raises:
        DeploymentError: a statement failed; every failed one is named with Athena's reason.
    """
    running = {
        view.name: athena.start_query_execution(
            QueryString=view.sql,
            WorkGroup=workgroup,
            QueryExecutionContext={"Database": VIEWS_DATABASE},
        )["QueryExecutionId"]
        for view in views
    }
    failures = [
        f"{VIEWS_DATABASE}.{name}: {reason}"
        for name, query in running.items()
        if (reason := _failure(athena, query))
    ]
    if failures:
        raise DeploymentError("views that Athena refused:\n  " + "\n  ".join(failures))
    say(f"{len(running)} views defined in {VIEWS_DATABASE}")


def differs(current: Any, wanted: Any) -> bool:
    """Whether `current` lacks anything that `wanted` says; what Glue adds does not count."""
    if isinstance(wanted, Mapping):
        return not isinstance(current, Mapping) or any(
            differs(current.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            not isinstance(current, list | tuple)
            or len(current) != len(wanted)
            or any(differs(have, want) for have, want in zip(current, wanted, strict=True))
        )
    return bool(current != wanted)


def _current(glue: Any, database: str, name: str) -> Json | None:
    try:
        table: Json = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return None
    return table


def _keeping_content(wanted: Json, current: Json) -> Json:
    """The wanted pointer table with the location and the parameters that publishing gave it."""
    storage = {
        **wanted["StorageDescriptor"],
        "Location": current["StorageDescriptor"]["Location"],
    }
    parameters = {**current.get("Parameters", {}), **wanted.get("Parameters", {})}
    return {**wanted, "StorageDescriptor": storage, "Parameters": parameters}


def _create_empty_pointer(s3: Any, location: str, say: Say) -> None:
    parts = urlsplit(location)
    key = f"{parts.path.strip('/')}/{POINTER_FILE}"
    found = s3.list_objects_v2(Bucket=parts.netloc, Prefix=key, MaxKeys=1)
    if not found.get("KeyCount"):
        s3.put_object(Bucket=parts.netloc, Key=key, Body=b"")
        say(f"s3://{parts.netloc}/{key}: created, nothing is published yet")


def _failure(athena: Any, query: str) -> str:
    """Waits for a query; Athena's reason if it did not succeed, else ""."""
    for _ in pauses(QUERY_SECONDS):
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return ""
        if status["State"] in ("FAILED", "CANCELLED"):
            return f"{status['State']}: {status.get('StateChangeReason', 'no reason given')}"
    return f"still running after {QUERY_SECONDS:.0f} s (query {query})"
