"""Statements about databases, columns, partitions and properties; the plan that costs nothing."""

import pytest

from include.local_aws.front.context import AwsError
from tests.unit.local_aws.athena.conftest import Athena


def lines(engine: Athena, sql: str) -> list[str]:
    return [str(row[0]) for row in engine.result(engine.run(sql)["QueryExecutionId"])]


def test_a_database_has_its_comment_location_and_properties(engine: Athena) -> None:
    name = f"{engine.database}_2"
    engine.run(
        f"CREATE DATABASE IF NOT EXISTS {name} COMMENT 'ours' LOCATION 's3://{engine.bucket}/d/'"
        " WITH DBPROPERTIES ('creator'='Jane', 'dept'='it (all)')"
    )
    found = engine.glue("GetDatabase", Name=name)["Database"]
    assert (found["Description"], found["LocationUri"]) == ("ours", f"s3://{engine.bucket}/d/")
    assert found["Parameters"] == {"creator": "Jane", "dept": "it (all)"}


def test_columns_and_location_of_a_table_are_replaced(engine: Athena) -> None:
    engine.put("old/a.csv", "1,x\n")
    engine.put("new/a.csv", "2,y\n")
    engine.run(
        "CREATE EXTERNAL TABLE t (a int, b string, c string) ROW FORMAT DELIMITED"
        f" FIELDS TERMINATED BY ',' LOCATION 's3://{engine.bucket}/old/'"
    )
    engine.run("ALTER TABLE t REPLACE COLUMNS (n bigint COMMENT 'a number', b string)")
    assert engine.rows("SELECT n, b FROM t") == [("1", "x")]
    engine.run(f"ALTER TABLE t SET LOCATION 's3://{engine.bucket}/new/'")
    assert engine.rows("SELECT n, b FROM t") == [("2", "y")]
    table = engine.glue("GetTable", DatabaseName=engine.database, Name="t")["Table"]
    assert table["StorageDescriptor"]["Columns"][0] == {
        "Name": "n",
        "Type": "bigint",
        "Comment": "a number",
    }
    engine.run("ALTER TABLE t SET TBLPROPERTIES ('owner'='me')")
    assert "owner\tme" in lines(engine, "SHOW TBLPROPERTIES t")
    assert lines(engine, "SHOW TBLPROPERTIES t ('owner')") == ["me"]
    assert lines(engine, "SHOW TBLPROPERTIES t('nope')") == [
        f"Table {engine.database}.t does not have property: nope"
    ]


def test_repair_says_what_it_added_as_hive_does(engine: Athena) -> None:
    engine.table("t", [("id", "int")], [("dt", "string")])
    for day in (1, 2):
        engine.put(f"t/dt=2024-01-0{day}/a", "x")
    names = [f"t:dt=2024-01-0{day}" for day in (1, 2)]
    assert lines(engine, "MSCK REPAIR TABLE t") == [
        "\t".join(("Partitions not in metastore:", *names)),
        *(f"Repair: Added partition to metastore {name}" for name in names),
    ]
    assert lines(engine, "MSCK REPAIR TABLE t") == []


def test_a_plan_is_free_and_says_nothing_was_reused(sales: Athena) -> None:
    sales.run("CREATE TABLE made AS SELECT id FROM sales")
    plan = sales.run("EXPLAIN SELECT * FROM made")
    assert plan["Statistics"]["DataScannedInBytes"] == 0
    assert plan["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}


def test_prepared_statements_are_updated_and_given_together(engine: Athena, unique: str) -> None:
    name = f"p{unique}"
    named = {"StatementName": name, "WorkGroup": "primary"}
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        engine.call("UpdatePreparedStatement", QueryStatement="SELECT 1", **named)
    engine.run(f"PREPARE {name} FROM SELECT 1")
    engine.call("UpdatePreparedStatement", QueryStatement="SELECT 2", Description="d", **named)
    assert engine.rows(f"EXECUTE {name}") == [("2",)]
    found = engine.call(
        "BatchGetPreparedStatement", PreparedStatementNames=[name, "nope"], WorkGroup="primary"
    )
    assert [one["QueryStatement"] for one in found["PreparedStatements"]] == ["SELECT 2"]
    assert [one["StatementName"] for one in found["UnprocessedPreparedStatementNames"]] == ["nope"]
    engine.run(f"DEALLOCATE PREPARE {name}")


def test_engine_versions(engine: Athena) -> None:
    assert engine.call("ListEngineVersions")["EngineVersions"] == [
        {"SelectedEngineVersion": name, "EffectiveEngineVersion": "Athena engine version 3"}
        for name in ("AUTO", "Athena engine version 3")
    ]


def test_partitions_are_rows_of_a_table_of_their_own(sales: Athena) -> None:
    sales.partition("sales", ["2024-05-09", "__HIVE_DEFAULT_PARTITION__"], "elsewhere")
    query = sales.run('SELECT * FROM "sales$partitions" ORDER BY sale_date DESC LIMIT 2')
    assert sales.result(query["QueryExecutionId"]) == [
        ("sale_date", "release"),
        ("2024-05-09", None),
        ("2024-05-03", "r1"),
    ]
    assert query["Statistics"]["DataScannedInBytes"] == 0
    latest = (
        f"SELECT max(sale_date) FROM {sales.database}.\"sales$partitions\" WHERE release = 'r1'"
    )
    assert sales.rows(latest) == [("2024-05-03",)]
    sales.run("CREATE TABLE made AS SELECT id FROM sales")
    assert sales.fails('SELECT * FROM "made$partitions"').startswith("TABLE_NOT_FOUND: line 1:")
