"""UNLOAD, reused results, added columns and information_schema."""

import gzip
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.local_aws.front.context import AwsError
from tests.unit.local_aws.athena.conftest import JSON, Athena

REUSE = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}


def _unload(engine: Athena, query: str, prefix: str, **properties: str) -> str:
    listed = ", ".join(f"{key} = {value}" for key, value in properties.items())
    return f"UNLOAD ({query}) TO 's3://{engine.bucket}/{prefix}' WITH ({listed})"


def _read(engine: Athena, key: str) -> pa.Table:
    return pq.read_table(pa.BufferReader(engine.get(key)), partitioning=None)


def test_unload_to_partitioned_parquet(sales: Athena) -> None:
    execution = sales.run(
        _unload(
            sales, "SELECT id, amount, product FROM sales WHERE (product IS NOT NULL) ORDER BY id",
            "out", format="'PARQUET'", compression="'SNAPPY'", partitioned_by="ARRAY['product']",
        )
    )  # fmt: skip
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "UNLOAD")
    keys = sales.keys("out/")
    assert [key.split("/")[1] for key in keys] == ["product=a", "product=b"]
    table = _read(sales, keys[0])
    assert table.column_names == ["id", "amount"]
    assert table.column("id").to_pylist() == [10, 12, 20, 22, 30, 32]
    metadata = pq.ParquetFile(pa.BufferReader(sales.get(keys[0]))).metadata
    assert metadata.row_group(0).column(0).compression == "SNAPPY"
    manifest = execution["Statistics"]["DataManifestLocation"].split("/", 3)[3]
    listed = sales.get(manifest).decode().split()
    assert [re.sub(r"^s3://[^/]+/", "", url) for url in listed] == keys
    results = sales.call("GetQueryResults", QueryExecutionId=execution["QueryExecutionId"])
    assert results["ResultSet"]["Rows"] == []
    assert results["UpdateCount"] == 9


def test_unload_to_text(sales: Athena) -> None:
    query = "SELECT id, product FROM sales WHERE id < 12 ORDER BY id"
    sales.run(_unload(sales, query, "j/", format="'JSON'"))
    (key,) = sales.keys("j/")
    lines = gzip.decompress(sales.get(key)).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": 10, "product": "a"},
        {"id": 11, "product": "b"},
    ]
    sales.run(
        _unload(sales, query, "t/", format="'TEXTFILE'", compression="'NONE'",
                field_delimiter="'|'")
    )  # fmt: skip
    assert sales.get(sales.keys("t/")[0]) == b"10|a\n11|b\n"


def test_unload_refuses_what_athena_refuses(sales: Athena) -> None:
    sales.put("taken/x", "1")
    assert sales.fails(_unload(sales, "SELECT 1", "taken/", format="'PARQUET'")).startswith(
        "HIVE_PATH_ALREADY_EXISTS"
    )
    assert "needs the property format" in sales.fails(
        _unload(sales, "SELECT 1", "x/", compression="'GZIP'")
    )
    assert sales.fails(
        _unload(sales, "SELECT id, id FROM sales", "x/", format="'PARQUET'")
    ).startswith("DUPLICATE_COLUMN_NAME")
    assert sales.fails(_unload(sales, "SELECT 1", "x/", format="'ORC'")).startswith("NOT_SUPPORTED")
    assert sales.keys("x/") == []


def test_a_result_is_reused_while_it_is_young(sales: Athena) -> None:
    sql = "SELECT count(*), sum(amount) FROM sales"
    first = sales.run(sql)
    assert first["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": False}
    again = sales.run(sql, ResultReuseConfiguration=REUSE)
    assert again["QueryExecutionId"] != first["QueryExecutionId"]
    assert again["Statistics"]["ResultReuseInformation"] == {"ReusedPreviousResult": True}
    assert again["Statistics"]["DataScannedInBytes"] == 0
    assert again["ResultReuseConfiguration"] == REUSE
    assert sales.result(again["QueryExecutionId"]) == sales.result(first["QueryExecutionId"])
    old = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 0}}
    for sent, options in (
        (sql, {}),
        (sql, {"ResultReuseConfiguration": old}),
        (sql + " ", {"ResultReuseConfiguration": REUSE}),
    ):
        execution = sales.run(sent, **options)
        assert not execution["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"], sent
        assert execution["Statistics"]["DataScannedInBytes"] > 0


def test_what_is_not_reused(sales: Athena) -> None:
    unstable = "SELECT current_date, count(*) FROM sales"
    parameters = {"QueryString": "SELECT id FROM sales WHERE id = ?"}
    for request in (
        {"QueryString": unstable},
        {**parameters, "ExecutionParameters": ["10"]},
        {**parameters, "ExecutionParameters": ["11"]},
        {"QueryString": unstable},
    ):
        execution = sales.run("", **request, ResultReuseConfiguration=REUSE)
        assert not execution["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
    gone = sales.run("SELECT id FROM sales")
    bucket, key = gone["ResultConfiguration"]["OutputLocation"][5:].split("/", 1)
    sales.context.client("s3").delete_object(Bucket=bucket, Key=key)
    sales.context.client("s3").delete_object(Bucket=bucket, Key=key + ".metadata")
    again = sales.run("SELECT id FROM sales", ResultReuseConfiguration=REUSE)
    assert not again["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
    bad = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 10_081}}
    with pytest.raises(AwsError, match="from 0 to 10080"):
        sales.start("SELECT 1", ResultReuseConfiguration=bad)


def test_added_columns_are_null_in_older_files(engine: Athena) -> None:
    engine.table("t", [("a", "bigint")], [("d", "string")], serde=JSON)
    engine.put("t/d=1/x", '{"a": 1}\n')
    engine.partition("t", ["1"], "t/d=1")
    engine.run("ALTER TABLE t ADD COLUMNS (b decimal(10,2) COMMENT 'new', c array<string>)")
    engine.put("t/d=1/y", '{"a": 2, "b": 1.5, "c": ["p"]}\n')
    assert engine.rows("SELECT a, b, c, d FROM t ORDER BY a") == [
        ("1", None, None, "1"),
        ("2", "1.50", "[p]", "1"),
    ]
    table = engine.glue("GetTable", DatabaseName=engine.database, Name="t")["Table"]
    assert table["StorageDescriptor"]["Columns"][1] == {
        "Name": "b", "Type": "decimal(10,2)", "Comment": "new",
    }  # fmt: skip
    for name in ("a", "d"):
        reason = engine.fails(f"ALTER TABLE t ADD COLUMNS ({name} int)")
        assert f"Duplicate column name {name}" in reason
    engine.run("ALTER TABLE t SET TBLPROPERTIES ('has_encrypted_data' = 'false')")
    table = engine.glue("GetTable", DatabaseName=engine.database, Name="t")["Table"]
    assert table["Parameters"]["has_encrypted_data"] == "false"


def test_information_schema(sales: Athena) -> None:
    sales.run("CREATE VIEW v AS SELECT id, quantity * 2 AS twice FROM sales")
    where = f"table_schema = '{sales.database}'"
    tables = sales.run(
        f"SELECT table_name, table_type FROM information_schema.tables WHERE {where} ORDER BY 1"
    )
    assert sales.result(tables["QueryExecutionId"])[1:] == [("sales", "BASE TABLE"), ("v", "VIEW")]
    assert tables["Statistics"]["DataScannedInBytes"] == 0
    assert sales.rows(
        "SELECT column_name, ordinal_position, data_type, extra_info FROM "
        f"awsdatacatalog.information_schema.columns WHERE {where} AND table_name = 'sales' "
        "ORDER BY ordinal_position"
    ) == [
        ("id", "1", "bigint", None),
        ("product", "2", "varchar", None),
        ("quantity", "3", "integer", None),
        ("amount", "4", "decimal(18,2)", None),
        ("sale_date", "5", "date", "partition key"),
        ("release", "6", "varchar", "partition key"),
    ]
    schemata = "SELECT s.schema_name, count(*) FROM information_schema.schemata s"
    assert sales.rows(
        f"{schemata} JOIN information_schema.tables t ON t.table_schema = s.schema_name "
        f"WHERE s.schema_name = '{sales.database}' GROUP BY 1"
    ) == [(sales.database, "2")]
    assert sales.rows(f"SELECT view_definition FROM information_schema.views WHERE {where}") == [
        ("SELECT id, quantity * 2 AS twice FROM sales",)
    ]
    assert sales.fails("SELECT * FROM information_schema.roles").startswith("TABLE_NOT_FOUND")
