"""Athena statements: once per attempt, with Athena's own reason, and checks that cannot skip."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.operators.quality_checks import QualityChecksOperator, verdicts
from tests.unit.plugins.conftest import complete


@pytest.fixture
def results_table(database: str, bucket: str, client: Callable[[str], Any]) -> tuple[str, str]:
    """A table of check results by release."""
    columns = {"mart": "string", "check_name": "string", "severity": "string"}
    columns |= {"observed": "string", "passed": "boolean"}
    client("glue").create_table(
        DatabaseName=database,
        TableInput={
            "Name": "quality_results",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "release", "Type": "string"}],
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
                "Location": f"s3://{bucket}/checks/",
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
            },
        },
    )
    return database, "quality_results"


def statement(workgroup: str, database: str, query: str, **more: Any) -> ReleaseAthenaOperator:
    """Make the operator."""
    return ReleaseAthenaOperator(
        task_id="load", query=query, database=database, workgroup=workgroup, **more
    )


@pytest.mark.parametrize("patience", [0, 30])
def test_returns_what_was_scanned_and_the_given_facts(
    workgroup: str, database: str, context: Any, patience: int
) -> None:
    operator = statement(
        workgroup,
        database,
        "SELECT 1 AS one",
        outputs={"staged_table": "db.table"},
        patience=timedelta(seconds=patience),
    )
    result = complete(operator, context)
    assert result["staged_table"] == "db.table"
    assert result["bytes_scanned"] == 0
    assert result["query_execution_id"]
    started = context["ti"].xcoms["load", "aws_run"]
    assert started == {
        "service": "athena",
        "query_execution_id": result["query_execution_id"],
    }


def test_the_same_attempt_is_the_same_execution(
    workgroup: str, database: str, context: Any
) -> None:
    def run() -> str:
        operator = statement(workgroup, database, "SELECT 1")
        return str(complete(operator, context)["query_execution_id"])

    first = run()
    assert run() == first, "a worker that crashed after submitting does not pay twice"
    context["ti"].try_number = 2
    assert run() != first, "a retry or a clear really runs again"


@pytest.mark.parametrize("patience", [0, 30])
def test_fails_with_the_reason_of_athena(
    workgroup: str, database: str, context: Any, patience: int
) -> None:
    operator = statement(
        workgroup,
        database,
        "SELECT nothing FROM nowhere_at_all",
        patience=timedelta(seconds=patience),
    )
    with pytest.raises(AirflowException, match="nowhere_at_all"):
        complete(operator, context)


def checks(
    workgroup: str, results_table: tuple[str, str], bucket: str, rows: str
) -> QualityChecksOperator:
    """Make the operator for a check query of these rows."""
    return QualityChecksOperator(
        task_id="check",
        query=f"SELECT * FROM (VALUES {rows}) AS t (check_name, severity, observed, passed)",
        database=results_table[0],
        workgroup=workgroup,
        release="r1",
        labels={"mart": "daily"},
        results=f"s3://{bucket}/checks/release=r1/daily-1.jsonl",
        results_table=results_table,
    )


def kept(client: Callable[[str], Any], bucket: str) -> list[dict[str, Any]]:
    """Read the stored results."""
    body = client("s3").get_object(Bucket=bucket, Key="checks/release=r1/daily-1.jsonl")["Body"]
    return [json.loads(line) for line in body.read().splitlines()]


def test_passing_checks_are_kept_and_queryable(
    workgroup: str,
    results_table: tuple[str, str],
    bucket: str,
    client: Callable[[str], Any],
    context: Any,
) -> None:
    rows = "('rows_exist', 'fail', '3', true), ('fresh', 'warn', 'old', false)"
    result = complete(checks(workgroup, results_table, bucket, rows), context)
    assert result["checks"] == {"rows_exist": True, "fresh": False}
    assert result["observed"] == {"rows_exist": "3", "fresh": "old"}
    assert {(row["mart"], row["check_name"], row["passed"]) for row in kept(client, bucket)} == {
        ("daily", "rows_exist", True),
        ("daily", "fresh", False),
    }
    read = ReleaseAthenaOperator(
        task_id="read",
        query="SELECT check_name FROM quality_results WHERE release = 'r1' AND NOT passed",
        database=results_table[0],
        workgroup=workgroup,
    )
    execution_id = complete(read, context)["query_execution_id"]
    execution = read.hook.get_query_info(execution_id)["QueryExecution"]
    assert read.rows(execution) == [{"check_name": "fresh"}]


def test_every_failed_check_is_named_with_what_it_saw(
    workgroup: str,
    results_table: tuple[str, str],
    bucket: str,
    client: Callable[[str], Any],
    context: Any,
) -> None:
    rows = (
        "('grain', 'fail', '2 twice', false), ('rows', 'fail', '9', true), "
        "('sum', 'fail', '1.00 of 2.00', false), ('late', 'warn', 'yes', false)"
    )
    with pytest.raises(AirflowFailException) as raised:
        complete(checks(workgroup, results_table, bucket, rows), context)
    message = str(raised.value)
    assert message.startswith("2 of 4 checks failed: ")
    assert "grain (observed 2 twice)" in message
    assert "sum (observed 1.00 of 2.00)" in message
    assert "late" not in message
    assert len(kept(client, bucket)) == 4, "the results of a failed check are kept, too"


def test_no_rows_is_a_failure(
    workgroup: str, results_table: tuple[str, str], bucket: str, context: Any
) -> None:
    operator = checks(workgroup, results_table, bucket, "('a', 'fail', '1', true)")
    operator.query += " WHERE false"
    with pytest.raises(AirflowFailException, match="returned no rows"):
        complete(operator, context)


def test_a_check_that_crashes_is_a_failure(
    workgroup: str,
    results_table: tuple[str, str],
    bucket: str,
    client: Callable[[str], Any],
    context: Any,
) -> None:
    rows = "('rows_exist', 'fail', 'many', CAST('many' AS bigint) > 0)"
    with pytest.raises(AirflowException, match=r"ended FAILED: .*many"):
        complete(checks(workgroup, results_table, bucket, rows), context)
    assert "Contents" not in client("s3").list_objects_v2(Bucket=bucket, Prefix="checks/")


@pytest.mark.parametrize(
    ("row", "severity", "passed"),
    [
        ({"check_name": "a", "severity": "fail", "observed": "1", "passed": "true"}, "fail", True),
        (
            {"check_name": "a", "severity": "warn", "observed": "1", "passed": "false"},
            "warn",
            False,
        ),
        ({"check_name": "a", "severity": "fail", "observed": None, "passed": None}, "fail", False),
        ({"check_name": "a", "severity": None, "observed": "1", "passed": "false"}, "fail", False),
        ({"check_name": "a", "severity": "WARN?", "observed": "1", "passed": "1"}, "fail", False),
        ({}, "fail", False),
    ],
)
def test_a_check_that_cannot_tell_has_failed(
    row: dict[str, str | None], severity: str, passed: bool
) -> None:
    (verdict,) = verdicts([row])
    assert (verdict.severity, verdict.passed) == (severity, passed)
