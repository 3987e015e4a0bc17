"""SELECT over catalog tables: only registered partitions, declared types, true bytes."""

# ruff: noqa: E501 - statements and what they give read best on one line

import gzip

import pyarrow as pa
import pytest

from tests.unit.local_aws.athena.conftest import JSON, Athena

LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


def test_select_groups_and_orders_over_all_partitions(sales: Athena) -> None:
    found = sales.rows(
        "SELECT product, sum(quantity) AS units, sum(amount) AS revenue, count(*) AS n "
        "FROM sales GROUP BY product ORDER BY product"
    )
    assert found == [
        ("a", "12", "15.45", "6"),
        ("b", "6", "6.00", "3"),
        (None, "-3", "-3.00", "3"),
    ]


def test_partition_columns_have_the_catalogs_types(sales: Athena) -> None:
    found = sales.rows(
        "SELECT sale_date + INTERVAL '1' DAY, release || '!' FROM sales "
        "WHERE sale_date BETWEEN DATE '2024-05-02' AND DATE '2024-05-02' AND id % 10 = 0"
    )
    assert found == [("2024-05-03", "r1!")]
    reason = sales.fails("SELECT * FROM sales WHERE sale_date = '2024-05-01'")
    assert reason == "TYPE_MISMATCH: Cannot apply operator: date = varchar"


def test_files_of_unregistered_partitions_are_not_seen(sales: Athena) -> None:
    sales.put_parquet("sales/release=r1/run=x/sale_date=2024-05-04/p", {"id": pa.array([1])})
    assert sales.rows("SELECT count(*), max(sale_date) FROM sales") == [("12", "2024-05-03")]


def test_a_partition_is_read_at_its_registered_location_only(sales: Athena) -> None:
    sales.put_parquet("elsewhere/p", {"id": pa.array([99], pa.int64())})
    sales.partition("sales", ["2024-05-09", "r9"], "elsewhere")
    assert sales.rows("SELECT id, sale_date, release FROM sales WHERE release = 'r9'") == [
        ("99", "2024-05-09", "r9")
    ]


def test_hidden_files_and_empty_locations_give_no_rows(sales: Athena) -> None:
    for name in ("_temporary/p", ".p.crc", "_SUCCESS"):
        sales.put(f"sales/release=r1/run=x/sale_date=2024-05-01/{name}", b"not parquet")
    sales.partition("sales", ["2024-05-07", "r1"], "nothing/here")
    assert sales.rows("SELECT count(*) FROM sales") == [("12",)]


def test_only_the_partitions_of_the_predicate_are_scanned(sales: Athena) -> None:
    whole = sales.run("SELECT sum(amount) FROM sales")["Statistics"]["DataScannedInBytes"]
    for predicate in (
        "sale_date = DATE '2024-05-02'",
        "sale_date IN (DATE '2024-05-02', DATE '2024-06-02')",
        "CAST(sale_date AS varchar) LIKE '%-02' AND release = 'r1'",
        "day(sale_date) = 2",
    ):
        one = sales.run(f"SELECT sum(amount) FROM sales WHERE {predicate}")
        assert sales.result(one["QueryExecutionId"])[1:] == [("6.15",)]
        assert 0 < one["Statistics"]["DataScannedInBytes"] <= whole / 3
    derived = sales.run(
        "WITH q AS (SELECT sale_date AS d, sum(amount) AS s FROM sales GROUP BY 1) "
        "SELECT s FROM (SELECT * FROM q UNION ALL SELECT DATE '2030-01-01', 0) WHERE d = DATE '2024-05-02'"
    )
    assert sales.result(derived["QueryExecutionId"])[1:] == [("6.15",)]
    assert derived["Statistics"]["DataScannedInBytes"] <= whole / 3


def test_pruning_keeps_outer_rows_and_limits(sales: Athena) -> None:
    assert sales.rows(
        "SELECT d.x, count(s.id) FROM (VALUES DATE '2024-05-01', DATE '2024-05-08') d(x) "
        "LEFT JOIN sales s ON s.sale_date = d.x AND s.sale_date < DATE '2024-05-02' GROUP BY 1 ORDER BY 1"
    ) == [("2024-05-01", "4"), ("2024-05-08", "0")]
    assert (
        sales.rows(
            "SELECT sale_date FROM (SELECT sale_date FROM sales ORDER BY sale_date LIMIT 1) "
            "WHERE sale_date = DATE '2024-05-03'"
        )
        == []
    )
    assert sales.rows(
        "SELECT n FROM (SELECT sale_date, sum(count(*)) OVER () AS n FROM sales GROUP BY 1) "
        "WHERE sale_date = DATE '2024-05-03'"
    ) == [("12",)]
    assert sales.rows(
        "SELECT count(*) FROM sales a FULL JOIN sales b ON a.id = b.id AND a.sale_date = DATE '2024-05-01'"
    ) == [("20",)]


def test_bytes_scanned_grow_with_the_columns_read(engine: Athena) -> None:
    engine.table("wide", [("a", "bigint"), ("b", "bigint")])
    columns = {
        "a": pa.array(range(200_000), pa.int64()),
        "b": pa.array(range(200_000), pa.int64()),
    }
    size = len(engine.put_parquet("wide/p", columns, compression="none", use_dictionary=False))
    one = engine.run("SELECT sum(a) FROM wide")["Statistics"]["DataScannedInBytes"]
    both = engine.run("SELECT sum(a) + sum(b) FROM wide")["Statistics"]["DataScannedInBytes"]
    assert 0.49 * size < one < 0.55 * size
    assert 0.98 * size < both < 1.05 * size


def test_parquet_columns_go_by_name_and_absent_ones_are_null(engine: Athena) -> None:
    engine.table("t", [("b", "string"), ("a", "bigint"), ("later", "decimal(10,2)")])
    engine.put_parquet("t/1", {"A": pa.array([1], pa.int32()), "b": pa.array(["x"])})
    engine.put_parquet("t/2", {"b": pa.array(["y"]), "extra": pa.array([1.5])})
    assert engine.rows("SELECT * FROM t ORDER BY b") == [("x", "1", None), ("y", None, None)]


def test_a_parquet_column_of_another_type_is_bad_data(engine: Athena) -> None:
    engine.table("t", [("a", "decimal(10,2)")])
    engine.put_parquet("t/1", {"a": pa.array([1.5])})
    reason = engine.fails("SELECT a FROM t")
    assert reason.startswith("HIVE_BAD_DATA: Field a's type DOUBLE")


def test_names_that_do_not_resolve(sales: Athena) -> None:
    assert sales.fails("SELECT a FROM nothing") == (
        f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{sales.database}.nothing' does not exist"
    )
    assert sales.fails("SELECT 1 FROM nowhere.t").startswith("SCHEMA_NOT_FOUND: line 1:")
    assert sales.fails("SELECT id, nothing FROM sales") == (
        "COLUMN_NOT_FOUND: line 1:12: Column 'nothing' cannot be resolved"
    )
    assert sales.fails("SELECT FROM WHERE").startswith("SYNTAX_ERROR: line 1:")
    assert sales.fails("SELEC 1").startswith("SYNTAX_ERROR: line 1:1")
    assert sales.fails("SELECT 1; SELECT 2").startswith("SYNTAX_ERROR")


def test_json_lines_in_any_case_and_gzip(engine: Athena) -> None:
    engine.table(
        "j",
        [("transactionid", "string"), ("n", "int"), ("price", "decimal(10,2)"), ("at", "timestamp"),
         ("item", "struct<sku:string,tags:array<string>>")],
        serde=JSON,
    )  # fmt: skip
    engine.put(
        "j/a.json",
        '{"transactionId": "x", "n": 1, "price": 1.25, "at": "2024-01-02 03:04:05", '
        '"item": {"sku": "s", "tags": ["p", "q"]}}\n{"TRANSACTIONID": "y", "unknown": 1}\n',
    )
    engine.put("j/b.json.gz", gzip.compress(b'{"n": "3", "transactionid": {"k": 1}}\n'))
    assert engine.rows("SELECT * FROM j ORDER BY n") == [
        ("x", "1", "1.25", "2024-01-02 03:04:05.000", "{sku=s, tags=[p, q]}"),
        ('{"k":1}', "3", None, None, None),
        ("y", None, None, None, None),
    ]
    assert engine.rows("SELECT item.tags[2] FROM j WHERE n = 1") == [("q",)]


def test_json_that_does_not_fit(engine: Athena) -> None:
    engine.table("j", [("n", "int")], serde=JSON)
    engine.put("j/a", '{"n": "many"}\n')
    assert engine.fails("SELECT * FROM j").startswith("HIVE_BAD_DATA")
    engine.put("j/a", '{"n": 1}\nnot json\n')
    assert engine.fails("SELECT * FROM j").startswith("HIVE_CURSOR_ERROR")
    engine.table(
        "lenient", [("n", "int")], serde=JSON, prefix="j",
        serde_parameters={"ignore.malformed.json": "true"},
    )  # fmt: skip
    assert engine.rows("SELECT * FROM lenient ORDER BY n") == [("1",), (None,)]


def test_escaped_text(engine: Athena) -> None:
    """ROW FORMAT DELIMITED … ESCAPED BY: Hive's LazyUtils, byte by byte."""
    engine.put("e/a.csv", "a\\,b,1\nc\\\\,2\nd\\n\\\\n,\\N\n\\N,4\n")
    engine.run(
        "CREATE EXTERNAL TABLE e (word string, n int) ROW FORMAT DELIMITED "
        f"FIELDS TERMINATED BY ',' ESCAPED BY '\\\\' LOCATION 's3://{engine.bucket}/e/'"
    )
    assert engine.rows("SELECT word, n FROM e") == [
        ("a,b", "1"),
        ("c\\", "2"),
        ("d\n\\n", None),
        (None, "4"),
    ]


def test_delimited_text_is_not_unquoted(engine: Athena) -> None:
    engine.table(
        "c", [("a", "int"), ("b", "string"), ("c", "string")], serde=LAZY,
        serde_parameters={"field.delim": ","}, parameters={"skip.header.line.count": "1"},
    )  # fmt: skip
    engine.put("c/1.csv", 'a,b,c\n1,"x,y"\n2,\\N,z,extra\n,,\n')
    engine.put("c/2.csv", "a,b,c\n7,q\n")
    assert engine.rows("SELECT * FROM c ORDER BY a") == [
        ("1", '"x', 'y"'),
        ("2", None, "z"),
        ("7", "q", None),
        (None, "", ""),
    ]
    engine.put("c/2.csv", "a,b,c\nseven,q\n")
    assert engine.fails("SELECT a FROM c").startswith("HIVE_BAD_DATA: Error parsing field value")


def test_open_csv_is_unquoted(engine: Athena) -> None:
    engine.table(
        "c", [("a", "bigint"), ("b", "string"), ("d", "string")], serde=CSV,
        parameters={"skip.header.line.count": "1"},
    )  # fmt: skip
    body = 'a,b,d\n"1","x, ""y""",\n2,"back\\"slash"\n'
    engine.put("c/1.csv", body)
    execution = engine.run("SELECT * FROM c ORDER BY a")
    assert engine.result(execution["QueryExecutionId"])[1:] == [
        ("1", 'x, "y"', ""),
        ("2", 'back"slash', None),
    ]
    assert execution["Statistics"]["DataScannedInBytes"] >= len(body)


def test_the_result_file_is_quoted_as_athena_does(sales: Athena) -> None:
    execution = sales.run(
        "SELECT 'say \"hi\"' AS Greeting, CAST(NULL AS varchar) AS nothing, '' AS empty, 1.5e0 AS d, "
        "1e10 AS big, true AS t, ARRAY[1, NULL] AS a, TIMESTAMP '2024-01-01 10:00:00.5' AS at, "
        "CAST(0.1 AS real) AS r, 'x' || chr(10) || 'y' AS lines"
    )
    identity = execution["QueryExecutionId"]
    assert execution["ResultConfiguration"]["OutputLocation"] == (
        f"s3://{sales.bucket}/results/{identity}.csv"
    )
    assert sales.get(f"results/{identity}.csv").decode() == (
        '"Greeting","nothing","empty","d","big","t","a","at","r","lines"\n'
        '"say ""hi""",,"","1.5","1.0E10","true","[1, null]","2024-01-01 10:00:00.500","0.1","x\ny"\n'
    )
    assert sales.keys(f"results/{identity}.csv.metadata")
    page = sales.call("GetQueryResults", QueryExecutionId=identity)
    kinds = [c["Type"] for c in page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
    assert kinds == ["varchar", "varchar", "varchar", "double", "double", "boolean", "array",
                     "timestamp", "float", "varchar"]  # fmt: skip
    assert sales.result(identity)[1][:3] == ('say "hi"', None, "")


def test_result_pages_hold_up_to_a_thousand_rows(engine: Athena) -> None:
    identity = engine.run("SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n) ORDER BY n")[
        "QueryExecutionId"
    ]
    first = engine.call("GetQueryResults", QueryExecutionId=identity)
    assert len(first["ResultSet"]["Rows"]) == 1000
    assert first["NextToken"]
    assert [row[0] for row in engine.result(identity)] == ["n", *map(str, range(1, 2501))]


def test_computed_columns_are_named_by_position(sales: Athena) -> None:
    identity = sales.run("SELECT id, count(*), 1 FROM sales GROUP BY id LIMIT 0")[
        "QueryExecutionId"
    ]
    assert sales.result(identity) == [("id", "_col1", "_col2")]


def test_two_columns_of_one_name_are_both_given(sales: Athena) -> None:
    execution = sales.run(
        "SELECT a.id, b.id FROM sales a JOIN sales b ON a.id = b.id + 1 AND a.id = 11"
    )
    assert sales.result(execution["QueryExecutionId"]) == [("id", "id"), ("11", "10")]


def test_a_partition_of_other_types_is_refused_when_it_is_read(sales: Athena) -> None:
    described = sales.glue("GetTable", DatabaseName=sales.database, Name="sales")["Table"]
    storage = {
        **described["StorageDescriptor"],
        "Columns": [{"Name": "quantity", "Type": "string"}],
        "Location": f"s3://{sales.bucket}/none",
    }
    sales.glue(
        "CreatePartition",
        DatabaseName=sales.database,
        TableName="sales",
        PartitionInput={"Values": ["2024-06-01", "r1"], "StorageDescriptor": storage},
    )
    assert sales.fails("SELECT count(*) FROM sales").startswith("HIVE_PARTITION_SCHEMA_MISMATCH")
    assert sales.rows("SELECT count(*) FROM sales WHERE sale_date < DATE '2024-06-01'") == [("12",)]


CONDITIONS = [
    "coalesce(s.sale_date, DATE '2024-05-01') = DATE '2024-05-01'",
    "s.sale_date = DATE '2024-05-02'",
    "s.sale_date <> DATE '2024-05-02' OR s.quantity = 2",
    "NOT (s.sale_date < DATE '2024-05-02' AND s.id > 0)",
    "s.sale_date IN (SELECT max(sale_date) FROM sales)",
    "EXISTS (SELECT 1 FROM days d WHERE d.day = s.sale_date AND d.keep)",
    "coalesce(s.sale_date, DATE '2000-01-01') > DATE '2024-05-01' AND s.release LIKE 'r%'",
    "(SELECT d.keep FROM days d WHERE d.day = s.sale_date)",
]


@pytest.mark.parametrize(
    "source",
    [
        "sales s",
        "(SELECT * FROM sales UNION ALL SELECT * FROM sales) s",
        "days d LEFT JOIN sales s ON s.sale_date = d.day",
        "sales s FULL JOIN days d ON d.day = s.sale_date AND d.keep",
        "(SELECT * FROM sales ORDER BY id LIMIT 7) s",
        "sales s LEFT JOIN days d ON d.day = s.sale_date AND d.keep",
        "sales s JOIN days d ON d.day = s.sale_date AND d.keep",
        "days d RIGHT JOIN sales s ON d.day = s.sale_date AND s.sale_date > DATE '2024-05-01'",
    ],
)
def test_pruning_never_changes_a_result(sales: Athena, source: str) -> None:
    """The same rows in a table without partitions, where nothing can be pruned, are the oracle."""
    sales.table("days", [("day", "date"), ("keep", "boolean")], serde=JSON)
    days = [("2024-05-01", "false"), ("2024-05-02", "true"), ("2024-05-03", "true")]
    sales.put("days/d", "".join(f'{{"day": "{day}", "keep": {keep}}}\n' for day, keep in days))
    sales.run("CREATE TABLE flat AS SELECT * FROM sales ORDER BY id")
    for condition in CONDITIONS:
        query = f"SELECT count(*), sum(s.id), sum(s.amount) FROM {source} WHERE {condition}"
        assert sales.rows(query) == sales.rows(query.replace("sales", "flat")), query
