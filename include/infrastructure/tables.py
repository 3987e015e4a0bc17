"""Creates and updates the catalog's tables and views from the contracts.

The pointer table `retail_ops.published` is the one table whose content is its location: the
first deployment sets it up empty, and no later one touches it.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from include.infrastructure.stack import DeploymentError, Say, pauses

if TYPE_CHECKING:
    from include.lake.catalog import CatalogTable
    from include.lake.views import View

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
        name = f"{table.database}.{table.name}"
        wanted = table.table_input
        current = _current(glue, table.database, table.name)
        if current is None:
            if table.create_only:
                _create_empty_pointer(s3, wanted["StorageDescriptor"]["Location"], say)
            glue.create_table(DatabaseName=table.database, TableInput=wanted)
            say(f"{name}: created")
        elif table.create_only or not differs(current, wanted):
            same += 1
        else:
            glue.update_table(
                DatabaseName=table.database, TableInput=wanted, VersionId=current["VersionId"]
            )
            say(f"{name}: updated")
    say(f"{same} tables up to date")


def apply_views(
    athena: Any,
    views: Iterable["View"],
    workgroup: str,
    say: Say,
    database: str = VIEWS_DATABASE,
) -> None:
    """Runs every view's statement, all at once, and waits for them.

    Args:
        athena: boto3 client.
        views: wanted views; none may read another.
        workgroup: the pipeline's.
        say: receives one line.
        database: that they are in.

    Raises:
        DeploymentError: a statement failed; every failed one is named with Athena's reason.
    """
    running = {
        view.name: athena.start_query_execution(
            QueryString=view.sql,
            WorkGroup=workgroup,
            QueryExecutionContext={"Database": database},
        )["QueryExecutionId"]
        for view in views
    }
    failures = [
        f"{database}.{name}: {reason}"
        for name, query in running.items()
        if (reason := _failure(athena, query))
    ]
    if failures:
        raise DeploymentError("views that Athena refused:\n  " + "\n  ".join(failures))
    say(f"{len(running)} views defined in {database}")


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


def _create_empty_pointer(s3: Any, location: str, say: Say) -> None:
    parts = urlsplit(location)
    key = f"{parts.path.strip('/')}/{POINTER_FILE}"
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
