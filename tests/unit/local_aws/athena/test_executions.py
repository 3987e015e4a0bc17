"""The life of an execution: tokens, work groups, states, stops, limits, restarts."""

import time
import uuid
from typing import Any

import pyarrow as pa
import pytest

from include.local_aws import athena
from include.local_aws.athena.store import Store
from include.local_aws.front.context import AwsError
from tests.unit.local_aws.athena.conftest import Athena

SLOW = (
    "SELECT count(*) FROM UNNEST(sequence(1, 100000)) a(x) "
    "CROSS JOIN UNNEST(sequence(1, 100000)) b(y) WHERE x * y % 7 = 3"
)


def _group(engine: Athena, **configuration: Any) -> str:
    name = f"wg-{uuid.uuid4().hex[:8]}"
    settings = {"EnforceWorkGroupConfiguration": False} | configuration
    engine.context.forward(
        "AmazonAthena.CreateWorkGroup", {"Name": name, "Configuration": settings}
    )
    return name


def test_a_token_starts_one_execution(engine: Athena) -> None:
    token = uuid.uuid4().hex
    first = engine.start("SELECT 1", ClientRequestToken=token)
    engine.wait(first)
    assert engine.start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(AwsError, match="Idempotent parameters do not match") as refusal:
        engine.start("SELECT 2", ClientRequestToken=token)
    assert refusal.value.code == "InvalidRequestException"


def test_a_work_group_shows_the_settings_that_nobody_gave(engine: Athena) -> None:
    name = f"wg-{uuid.uuid4().hex[:8]}"
    engine.context.forward("AmazonAthena.CreateWorkGroup", {"Name": name})
    shown = engine.call("GetWorkGroup", WorkGroup=name)["WorkGroup"]["Configuration"]
    assert shown["EnforceWorkGroupConfiguration"] is True
    assert shown["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    primary = engine.call("GetWorkGroup", WorkGroup="primary")["WorkGroup"]["Configuration"]
    assert (primary["EnforceWorkGroupConfiguration"], primary["ResultConfiguration"]) == (False, {})
    with pytest.raises(AwsError, match="WorkGroup nobody is not found"):
        engine.call("GetWorkGroup", WorkGroup="nobody")


def test_without_an_output_location_nothing_starts(engine: Athena) -> None:
    group = _group(engine)
    with pytest.raises(AwsError, match="No output location provided"):
        engine.start("SELECT 1", WorkGroup=group, ResultConfiguration={})
    with pytest.raises(AwsError, match="WorkGroup nobody is not found"):
        engine.start("SELECT 1", WorkGroup="nobody")


@pytest.mark.parametrize(("enforced", "folder"), [(True, "group"), (False, "client")])
def test_the_work_group_decides_where_results_go(
    engine: Athena, enforced: bool, folder: str
) -> None:
    group = _group(
        engine,
        EnforceWorkGroupConfiguration=enforced,
        ResultConfiguration={"OutputLocation": f"s3://{engine.bucket}/group/"},
    )
    execution = engine.run(
        "SELECT 1",
        WorkGroup=group,
        ResultConfiguration={"OutputLocation": f"s3://{engine.bucket}/client/"},
    )
    identity = execution["QueryExecutionId"]
    place = f"s3://{engine.bucket}/{folder}/{identity}.csv"
    assert execution["ResultConfiguration"]["OutputLocation"] == place
    assert engine.keys(folder) == [f"{folder}/{identity}.csv", f"{folder}/{identity}.csv.metadata"]


def test_an_execution_tells_how_it_went(engine: Athena) -> None:
    execution = engine.run("SELECT 1")
    assert execution["StatementType"] == "DML"
    assert execution["SubstatementType"] == "SELECT"
    assert execution["QueryExecutionContext"]["Database"] == engine.database
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    assert execution["Statistics"]["TotalExecutionTimeInMillis"] > 0
    assert execution["Statistics"]["DataScannedInBytes"] == 0
    statistics = engine.call(
        "GetQueryRuntimeStatistics", QueryExecutionId=execution["QueryExecutionId"]
    )
    assert statistics["QueryRuntimeStatistics"]["Timeline"]["TotalExecutionTimeInMillis"] > 0


def test_a_failure_has_a_reason_and_no_results(engine: Athena) -> None:
    identity = engine.start("SELECT nothing")
    execution = engine.wait(identity)
    assert execution["Status"]["State"] == "FAILED"
    assert execution["Status"]["StateChangeReason"].startswith("COLUMN_NOT_FOUND: line 1:8")
    assert execution["Status"]["AthenaError"]["ErrorCategory"] == 2
    with pytest.raises(AwsError, match="did not finish successfully"):
        engine.call("GetQueryResults", QueryExecutionId=identity)
    with pytest.raises(AwsError, match="was not found"):
        engine.call("GetQueryExecution", QueryExecutionId="none")


def test_executions_are_listed_newest_first(engine: Athena) -> None:
    group = _group(engine)
    made = []
    for number in range(3):
        made.append(engine.run(f"SELECT {number}", WorkGroup=group)["QueryExecutionId"])
    page = engine.call("ListQueryExecutions", WorkGroup=group, MaxResults=2)
    assert page["QueryExecutionIds"] == [made[2], made[1]]
    rest = engine.call("ListQueryExecutions", WorkGroup=group, NextToken=page["NextToken"])
    assert rest == {"QueryExecutionIds": [made[0]]}
    batch = engine.call("BatchGetQueryExecution", QueryExecutionIds=[made[0], "none"])
    assert [e["Query"] for e in batch["QueryExecutions"]] == ["SELECT 0"]
    assert batch["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "none"


def test_a_running_query_is_stopped(engine: Athena) -> None:
    identity = engine.start(SLOW)
    while (
        engine.call("GetQueryExecution", QueryExecutionId=identity)["QueryExecution"]["Status"][
            "State"
        ]
        == "QUEUED"
    ):
        time.sleep(0.01)
    engine.call("StopQueryExecution", QueryExecutionId=identity)
    execution = engine.wait(identity)
    assert execution["Status"]["State"] == "CANCELLED"
    assert engine.rows("SELECT 1") == [("1",)]
    assert not engine.keys(f"results/{identity}")


def test_a_query_over_the_cutoff_is_cancelled_and_makes_nothing(engine: Athena) -> None:
    engine.table("big", [("a", "bigint")])
    engine.put_parquet(
        "big/p", {"a": pa.array(range(200_000), pa.int64())}, compression="none",
        use_dictionary=False,
    )  # fmt: skip
    group = _group(engine, BytesScannedCutoffPerQuery=100_000)
    identity = engine.start("CREATE TABLE copy AS SELECT sum(a) AS s FROM big", WorkGroup=group)
    execution = engine.wait(identity)
    assert execution["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in execution["Status"]["StateChangeReason"]
    assert execution["Statistics"]["DataScannedInBytes"] > 100_000
    assert engine.fails("SELECT * FROM copy").startswith("TABLE_NOT_FOUND")
    assert engine.run("SELECT 1", WorkGroup=group)


def test_an_execution_that_a_crash_left_running_is_failed(engine: Athena) -> None:
    identity = engine.run("SELECT 1")["QueryExecutionId"]
    store = Store(engine.context.state / "athena.sqlite")
    execution = dict(store.get(identity)[0])  # type: ignore[index]
    for name, state in (("left", "RUNNING"), ("waiting", "QUEUED")):
        left = {
            **execution,
            "QueryExecutionId": name,
            "Status": {**execution["Status"], "State": state},
        }
        store.add(left, None, "x")
    handlers = athena.actions(engine.context)
    for name in ("left", "waiting"):
        found = handlers["AmazonAthena.GetQueryExecution"]({"QueryExecutionId": name})
        assert found["QueryExecution"]["Status"]["State"] == "FAILED"
        assert "restarted" in found["QueryExecution"]["Status"]["StateChangeReason"]
    kept = handlers["AmazonAthena.GetQueryExecution"]({"QueryExecutionId": identity})
    assert kept["QueryExecution"]["Status"]["State"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "sql",
    ["UNLOAD (SELECT 1) TO 's3://x/y/' WITH (format = 'AVRO')", "MERGE INTO t USING s ON 1 = 1",
     "DELETE FROM t", "VACUUM t", "PREPARE p FROM VACUUM t", "EXPLAIN ANALYZE SELECT 1",
     "SELECT * FROM read_csv('/etc/passwd')", "SELECT getenv('HOME')"],
)  # fmt: skip
def test_what_is_not_here_is_refused_by_name(engine: Athena, sql: str) -> None:
    assert engine.fails(sql).startswith("NOT_SUPPORTED: not supported here: ")


def test_results_go_to_a_bucket_that_is_there(engine: Athena) -> None:
    place = {"OutputLocation": f"s3://{engine.bucket}-absent/results/"}
    with pytest.raises(AwsError, match=f"verify/create output bucket {engine.bucket}-absent"):
        engine.start("SELECT 1", ResultConfiguration=place)


def test_runtime_statistics_count_the_rows_of_the_result(sales: Athena) -> None:
    execution = sales.run("SELECT id FROM sales WHERE id < 20")
    identity = execution["QueryExecutionId"]
    found = sales.call("GetQueryRuntimeStatistics", QueryExecutionId=identity)
    rows = found["QueryRuntimeStatistics"]["Rows"]
    assert rows["OutputRows"] == 4
    assert rows["InputBytes"] == execution["Statistics"]["DataScannedInBytes"] > 0


def test_a_work_group_with_queries_is_deleted_only_with_them(engine: Athena, unique: str) -> None:
    settings = {
        "ResultConfiguration": {"OutputLocation": f"s3://{engine.bucket}/group/"},
        "BytesScannedCutoffPerQuery": 10_000_000,
    }
    engine.context.forward(
        "AmazonAthena.CreateWorkGroup", {"Name": unique, "Configuration": settings}
    )
    changes = {"RemoveBytesScannedCutoffPerQuery": True}
    engine.call("UpdateWorkGroup", WorkGroup=unique, ConfigurationUpdates=changes)
    configuration = engine.call("GetWorkGroup", WorkGroup=unique)["WorkGroup"]["Configuration"]
    assert "BytesScannedCutoffPerQuery" not in configuration
    engine.run("SELECT 1", WorkGroup=unique)
    with pytest.raises(AwsError, match="is not empty"):
        engine.call("DeleteWorkGroup", WorkGroup=unique)
    engine.call("DeleteWorkGroup", WorkGroup=unique, RecursiveDeleteOption=True)
    with pytest.raises(AwsError, match="is not found"):
        engine.call("GetWorkGroup", WorkGroup=unique)
