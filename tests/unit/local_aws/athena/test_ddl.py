"""Hive DDL and SHOW: the catalog changes, the files stay."""

import pyarrow as pa

from tests.unit.local_aws.athena.conftest import Athena

CREATE = """CREATE EXTERNAL TABLE IF NOT EXISTS raw (
  id bigint COMMENT 'the key', `name` string, tags array<string>, s struct<a:int,b:string>,
  m map<string,double>, d decimal(12,2))
COMMENT 'as delivered'
PARTITIONED BY (dt string, h int)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')
STORED AS INPUTFORMAT 'in.put' OUTPUTFORMAT 'out.put'
LOCATION 's3://{bucket}/raw/'
TBLPROPERTIES ('classification' = 'json')"""


def _lines(engine: Athena, sql: str) -> list[str | None]:
    return [row[0] for row in engine.result(engine.run(sql)["QueryExecutionId"])]


def test_create_external_table_fills_the_catalog(engine: Athena) -> None:
    for _ in range(2):
        engine.run(CREATE.format(bucket=engine.bucket))
    table = engine.glue("GetTable", DatabaseName=engine.database, Name="raw")["Table"]
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("id", "bigint"),
        ("name", "string"),
        ("tags", "array<string>"),
        ("s", "struct<a:int,b:string>"),
        ("m", "map<string,double>"),
        ("d", "decimal(12,2)"),
    ]
    assert [(c["Name"], c["Type"]) for c in table["PartitionKeys"]] == [
        ("dt", "string"),
        ("h", "int"),
    ]
    assert table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("JsonSerDe")
    assert table["StorageDescriptor"]["InputFormat"] == "in.put"
    assert engine.fails(
        CREATE.format(bucket=engine.bucket).replace("IF NOT EXISTS", "")
    ).startswith("TABLE_ALREADY_EXISTS")


def test_partitions_are_added_shown_repaired_and_dropped(engine: Athena) -> None:
    engine.run(CREATE.format(bucket=engine.bucket))
    engine.put("there/x.json", '{"id": 1}\n')
    engine.put("raw/dt=2024-01-02/h=2/x.json", '{"id": 2}\n')
    engine.put("raw/dt=a%3Ab/h=3/x.json", '{"id": 3}\n')
    add = (
        "ALTER TABLE raw ADD {}PARTITION (dt='2024-01-01', h=1) "
        f"LOCATION 's3://{engine.bucket}/there/' PARTITION (dt='2024-01-05', h=9)"
    )
    engine.run(add.format(""))
    assert engine.fails(add.format("")).startswith("ALREADY_EXISTS")
    engine.run(add.format("IF NOT EXISTS "))
    assert engine.rows("SELECT id, dt, h FROM raw") == [("1", "2024-01-01", "1")]
    engine.run("MSCK REPAIR TABLE raw")
    assert engine.rows("SELECT id, dt, h FROM raw ORDER BY id") == [
        ("1", "2024-01-01", "1"),
        ("2", "2024-01-02", "2"),
        ("3", "a:b", "3"),
    ]
    assert _lines(engine, "SHOW PARTITIONS raw") == [
        "dt=2024-01-01/h=1",
        "dt=2024-01-02/h=2",
        "dt=2024-01-05/h=9",
        "dt=a%3Ab/h=3",
    ]
    engine.run("ALTER TABLE raw DROP PARTITION (dt='2024-01-01')")
    engine.run("ALTER TABLE raw DROP IF EXISTS PARTITION (dt='2024-01-01')")
    assert engine.rows("SELECT count(*) FROM raw") == [("2",)]
    assert engine.keys("there/") == ["there/x.json"]


def test_drop_table_keeps_the_files(engine: Athena) -> None:
    engine.table("t", [("a", "bigint")])
    engine.put_parquet("t/p", {"a": pa.array([1], pa.int64())})
    engine.run(f"DROP TABLE `{engine.database}`.`t`")
    engine.run("DROP TABLE IF EXISTS t")
    assert engine.fails("DROP TABLE t").startswith("TABLE_NOT_FOUND")
    assert engine.keys("t/") == ["t/p"]


def test_databases(engine: Athena) -> None:
    name = f"{engine.database}_more"
    engine.run(f"CREATE DATABASE {name} COMMENT 'x'")
    assert engine.fails(f"CREATE DATABASE {name}").startswith("SCHEMA_ALREADY_EXISTS")
    engine.run(f"CREATE SCHEMA IF NOT EXISTS {name}")
    assert _lines(engine, f"SHOW DATABASES LIKE '{name}'") == [name]
    engine.run(f"CREATE VIEW {name}.v AS SELECT 1 AS a")
    assert engine.fails(f"DROP DATABASE {name}").startswith("SCHEMA_NOT_EMPTY")
    engine.run(f"DROP DATABASE {name} CASCADE")
    assert _lines(engine, f"SHOW DATABASES LIKE '{name}'") == []


def test_show_and_describe(sales: Athena) -> None:
    sales.run("CREATE VIEW seen AS SELECT id FROM sales")
    assert _lines(sales, "SHOW TABLES") == ["sales", "seen"]
    assert _lines(sales, f"SHOW TABLES IN {sales.database} 'sa*'") == ["sales"]
    assert _lines(sales, "SHOW VIEWS") == ["seen"]
    columns = ["id", "product", "quantity", "amount", "sale_date", "release"]
    assert _lines(sales, "SHOW COLUMNS IN sales") == columns
    described = [str(line).split() for line in _lines(sales, "DESCRIBE sales")]
    assert described[3] == ["amount", "decimal(18,2)"]
    assert _lines(sales, "SHOW CREATE VIEW seen")[1] == "SELECT id FROM sales"
    shown = "\n".join(map(str, _lines(sales, "SHOW CREATE TABLE sales")))
    assert "`amount` decimal(18,2))" in shown
    assert "PARTITIONED BY" in shown


def test_explain_shows_a_plan(sales: Athena) -> None:
    lines = _lines(sales, "EXPLAIN SELECT count(*) FROM sales")
    assert lines[0] == "Query Plan"
    assert len(lines) > 3


def test_delimited_text_tables_by_ddl(engine: Athena) -> None:
    engine.run(
        "CREATE EXTERNAL TABLE c (a int, b string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' "
        f"STORED AS TEXTFILE LOCATION 's3://{engine.bucket}/c/' "
        "TBLPROPERTIES ('skip.header.line.count' = '1')"
    )
    engine.put("c/x.csv", "a,b\n1,x\n")
    assert engine.rows("SELECT * FROM c") == [("1", "x")]
