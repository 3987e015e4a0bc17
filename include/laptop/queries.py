"""Athena as an analyst uses it: one query, its rows."""

import time
from typing import Any

import boto3

POLL_SECONDS = 0.1


class QueryError(Exception):
    """A query that failed; the message is Athena's reason."""


def in_role(role: str) -> boto3.Session:
    """A session of whoever may assume a role (ARN), acting in it; it lasts an hour."""
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="analyst")
    return boto3.Session(
        given["Credentials"]["AccessKeyId"],
        given["Credentials"]["SecretAccessKey"],
        given["Credentials"]["SessionToken"],
    )


def run(
    sql: str, workgroup: str, database: str, session: boto3.Session | None = None
) -> tuple[list[str], list[list[str | None]], int]:
    """Runs a query in a workgroup.

    Args:
        sql: One statement.
        workgroup: Its name.
        database: Of tables without one.
        session: Whose query it is; by default, the environment's.

    Returns:
        Column names, rows (values as Athena prints them, None for NULL), bytes scanned.

    Raises:
        QueryError: With Athena's reason.
    """
    athena = (session or boto3).client("athena")
    query = athena.start_query_execution(
        QueryString=sql, WorkGroup=workgroup, QueryExecutionContext={"Database": database}
    )["QueryExecutionId"]
    while True:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)
        status = execution["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(POLL_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise QueryError(status.get("StateChangeReason", status["State"]))
    scanned = int(execution["QueryExecution"]["Statistics"].get("DataScannedInBytes", 0))
    rows: list[list[str | None]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query):
        result = page["ResultSet"]
        columns = [one["Name"] for one in result["ResultSetMetadata"]["ColumnInfo"]]
        rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in result["Rows"]]
    # only a query has a header among its rows, and only as the first of them
    if rows and rows[0] == columns:
        rows = rows[1:]
    return columns, rows, scanned


def as_table(columns: list[str], rows: list[list[str | None]]) -> str:
    """The rows as text in columns; numbers to the right."""
    texts = [columns, *(["" if cell is None else cell for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(columns))]

    def line(row: list[str]) -> str:
        cells = (
            cell.rjust(width) if _is_number(cell) else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        return "  ".join(cells).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(texts[0]), rule, *map(line, texts[1:])])


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("-").isdigit()
