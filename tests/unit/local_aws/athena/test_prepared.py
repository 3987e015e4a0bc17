"""Parameters, prepared statements, reused results and the hidden column, through the API."""

import pytest

from include.local_aws.front.context import AwsError
from tests.unit.local_aws.athena.conftest import JSON, Athena


def test_execution_parameters_are_values_of_the_query(sales: Athena) -> None:
    sql = "SELECT id FROM sales WHERE product = ? AND sale_date > ? ORDER BY id"
    execution = sales.run(sql, ExecutionParameters=["'a'", "DATE '2024-05-02'"])
    assert sales.result(execution["QueryExecutionId"])[1:] == [("30",), ("32",)]
    assert execution["ExecutionParameters"] == ["'a'", "DATE '2024-05-02'"]
    assert execution["Query"] == sql
    reason = sales.fails(sql, ExecutionParameters=["'a'"])
    assert "Incorrect number of parameters: expected 2 but found 1" in reason
    with pytest.raises(AwsError, match="1 to 1024 characters"):
        sales.start(sql, ExecutionParameters=["'a'", ""])


def test_parameters_prune_partitions(sales: Athena) -> None:
    sql = "SELECT sum(id) FROM sales WHERE sale_date = ?"
    whole = sales.run("SELECT sum(id) FROM sales")["Statistics"]["DataScannedInBytes"]
    one = sales.run(sql, ExecutionParameters=["DATE '2024-05-01'"])
    assert 0 < one["Statistics"]["DataScannedInBytes"] < whole / 2


def test_a_token_with_other_parameters_is_another_request(sales: Athena) -> None:
    token = f"{sales.database:x<40}"
    sales.run("SELECT ?", ExecutionParameters=["1"], ClientRequestToken=token)
    with pytest.raises(AwsError, match="Idempotent parameters do not match"):
        sales.start("SELECT ?", ExecutionParameters=["2"], ClientRequestToken=token)


def test_prepare_execute_and_deallocate(sales: Athena) -> None:
    name = f"of_{sales.database}"
    assert sales.fails(f"EXECUTE {name}").startswith("NOT_FOUND")
    sales.run(f"PREPARE {name} FROM SELECT 'nothing'")
    sales.run(
        f"PREPARE {name} FROM SELECT product, sum(quantity) FROM sales "
        "WHERE product = ? AND id > ? GROUP BY 1"
    )
    assert sales.rows(f"EXECUTE {name} USING 'a', 12 + 1") == [("a", "8")]
    assert sales.rows(f"EXECUTE {name}", ExecutionParameters=["'b'", "0"]) == [("b", "6")]
    assert sales.rows(f"EXECUTE {name} USING 'it''s, (x', 0") == []
    kept = sales.context.forward(
        "AmazonAthena.GetPreparedStatement", {"StatementName": name, "WorkGroup": "primary"}
    )
    assert kept["PreparedStatement"]["QueryStatement"].startswith("SELECT product")
    assert "SYNTAX_ERROR" in sales.fails(f"EXECUTE {name} USING 'a', id")
    sales.run(f"DEALLOCATE PREPARE {name}")
    assert sales.fails(f"DEALLOCATE PREPARE {name}").startswith("NOT_FOUND")
    assert sales.fails(f"PREPARE {name} FROM DROP TABLE sales").startswith("NOT_SUPPORTED")


def test_an_insert_is_prepared_too(engine: Athena) -> None:
    place = f"'s3://{engine.bucket}/t/'"
    engine.run(f"CREATE TABLE t WITH (external_location = {place}) AS SELECT 1 AS a, 'x' AS b")
    name = f"into_{engine.database}"
    engine.run(f"PREPARE {name} FROM INSERT INTO t VALUES (?, ?)")
    engine.run(f"EXECUTE {name} USING 2, 'y'")
    assert engine.rows("SELECT a, b FROM t ORDER BY a") == [("1", "x"), ("2", "y")]


def test_the_hidden_column_is_the_url_of_the_file(sales: Athena) -> None:
    found = sales.rows('SELECT DISTINCT "$path" FROM sales WHERE id < 20')
    assert found == [
        (f"s3://{sales.bucket}/sales/release=r1/run=x/sale_date=2024-05-01/part-0.parquet",)
    ]
    header = sales.result(sales.run('SELECT *, "$path" FROM sales')["QueryExecutionId"])[0]
    assert header == ("id", "product", "quantity", "amount", "sale_date", "release", "$path")


@pytest.mark.parametrize(
    ("serde", "body"),
    [(JSON, '{"a": "x"}\n'), ("org.apache.hadoop.hive.serde2.OpenCSVSerde", '"x"\n')],
)
def test_the_hidden_column_of_text_files(engine: Athena, serde: str, body: str) -> None:
    engine.table("t", [("a", "string")], serde=serde)
    for name in ("1", "2"):
        engine.put(f"t/{name}", body)
    assert engine.rows('SELECT a, "$path" AS p FROM t ORDER BY p') == [
        ("x", f"s3://{engine.bucket}/t/1"),
        ("x", f"s3://{engine.bucket}/t/2"),
    ]
