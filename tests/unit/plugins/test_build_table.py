"""A table of more partitions than one statement may write."""

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from retail_lake.operators.build_table import BuildTableOperator
from tests.unit.plugins.conftest import complete

FIRST = date(2026, 1, 1)
RELEASE = "r20260101_aaaaaaaaaaaa"


def rows(first: int, last: int) -> str:
    """A row per day of the year, from and to which."""
    numbers = f"SELECT n FROM UNNEST(sequence({first}, {last})) AS t (n)"
    return (
        f"SELECT CAST(n AS bigint) AS amount, date_add('day', n, DATE '{FIRST}') AS sale_date "
        f"FROM ({numbers})"
    )


def ctas(table: str, location: str, first: int, last: int) -> str:
    return (
        f"CREATE TABLE {table} WITH (format = 'PARQUET', external_location = '{location}', "
        f"partitioned_by = ARRAY['sale_date']) AS {rows(first, last)}"
    )


def in_pieces(table: str, location: str, release: str, days: Sequence[date]) -> list[str]:
    assert release == RELEASE
    last = len(days) - 1
    if last < 100:
        return []
    return [ctas(table, location, 0, 99), f"INSERT INTO {table} {rows(100, last)}"]


@pytest.mark.parametrize(("days", "patience"), [(3, 30), (130, 30), (130, 0)])
def test_all_days_are_written(
    workgroup: str,
    database: str,
    bucket: str,
    client: Callable[[str], Any],
    context: Any,
    days: int,
    patience: int,
) -> None:
    made = build(workgroup, database, bucket, client, days, in_pieces, patience)
    result = complete(made, context)

    assert result["staged_table"] == f"{database}.mart"
    pages = client("glue").get_paginator("get_partitions")
    found = [
        partition["Values"][0]
        for page in pages.paginate(DatabaseName=database, TableName="mart")
        for partition in page["Partitions"]
    ]
    assert sorted(found) == [str(FIRST + timedelta(days=n)) for n in range(days)]
    athena = client("athena")
    asked = athena.start_query_execution(
        QueryString=f"SELECT count(*), sum(amount) FROM {database}.mart", WorkGroup=workgroup
    )["QueryExecutionId"]
    while True:
        state = athena.get_query_execution(QueryExecutionId=asked)["QueryExecution"]["Status"]
        if state["State"] not in ("QUEUED", "RUNNING"):
            break
    answer = athena.get_query_results(QueryExecutionId=asked)["ResultSet"]["Rows"][1]["Data"]
    assert [cell["VarCharValue"] for cell in answer] == [str(days), str(days * (days - 1) // 2)]


def test_one_statement_for_all_of_them_is_refused_by_athena(
    workgroup: str, database: str, bucket: str, client: Callable[[str], Any], context: Any
) -> None:
    made = build(workgroup, database, bucket, client, 130, lambda *_: [], 30)
    with pytest.raises(AirflowException, match="100"):
        complete(made, context)


def build(
    workgroup: str,
    database: str,
    bucket: str,
    client: Callable[[str], Any],
    days: int,
    split: Any,
    patience: int,
) -> BuildTableOperator:
    affected = [str(FIRST + timedelta(days=n)) for n in range(days)]
    body = json.dumps({"affected_days": affected}).encode()
    client("s3").put_object(Bucket=bucket, Key="silver.json", Body=body)
    table, location = f"{database}.mart", f"s3://{bucket}/gold/mart/"
    return BuildTableOperator(
        task_id="build",
        query=ctas(table, location, 0, days - 1),
        manifest=f"s3://{bucket}/silver.json",
        target=[table, location, RELEASE],
        table=table,
        split=split,
        database=database,
        workgroup=workgroup,
        patience=timedelta(seconds=patience),
    )
