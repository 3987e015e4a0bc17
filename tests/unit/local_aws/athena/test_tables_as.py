"""CREATE TABLE AS and INSERT: exact types, order, partitions, refusals."""

import io
import re
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.local_aws.athena.conftest import Athena


def _ctas(engine: Athena, name: str, select: str, **properties: str) -> dict[str, Any]:
    options = ", ".join(f"{key} = {value}" for key, value in properties.items())
    return engine.run(f"CREATE TABLE {name} WITH ({options}) AS {select}")


def _parquet(engine: Athena, prefix: str) -> pa.Table:
    (key,) = engine.keys(prefix)
    return pq.read_table(io.BytesIO(engine.get(key)))


DAILY = (
    "SELECT product, count(*) AS n, sum(quantity) AS units, sum(amount) AS revenue, "
    "avg(amount) AS mean, CAST(max(amount) AS decimal(10,2)) AS top, sale_date "
    "FROM sales WHERE release = 'r1' GROUP BY product, sale_date ORDER BY sale_date, product"
)


def test_ctas_writes_one_folder_per_partition_with_exact_types(sales: Athena) -> None:
    execution = _ctas(
        sales,
        "daily",
        DAILY,
        format="'PARQUET'",
        write_compression="'ZSTD'",
        external_location=f"'s3://{sales.bucket}/gold/daily/try=1/'",
        partitioned_by="ARRAY['sale_date']",
    )
    folders = sorted(key.rsplit("/", 1)[0] for key in sales.keys("gold/daily/"))
    assert folders == [f"gold/daily/try=1/sale_date=2024-05-0{day}" for day in (1, 2, 3)]
    table = _parquet(sales, "gold/daily/try=1/sale_date=2024-05-02/")
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("product", "string"),
        ("n", "int64"),
        ("units", "int64"),
        ("revenue", "decimal128(38, 2)"),
        ("mean", "decimal128(18, 2)"),
        ("top", "decimal128(10, 2)"),
    ]
    assert table.column("product").to_pylist() == ["a", "b", None]
    assert [str(value) for value in table.column("mean").to_pylist()] == ["2.58", "2.00", "-1.00"]
    described = sales.glue("GetTable", DatabaseName=sales.database, Name="daily")["Table"]
    assert [(c["Name"], c["Type"]) for c in described["StorageDescriptor"]["Columns"]] == [
        ("product", "string"),
        ("n", "bigint"),
        ("units", "bigint"),
        ("revenue", "decimal(38,2)"),
        ("mean", "decimal(18,2)"),
        ("top", "decimal(10,2)"),
    ]
    assert described["PartitionKeys"] == [{"Name": "sale_date", "Type": "date"}]
    assert sales.rows("SELECT sum(revenue), count(*) FROM daily") == [("18.45", "9")]
    assert execution["StatementType"] == "DDL"
    assert execution["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    results = sales.call("GetQueryResults", QueryExecutionId=execution["QueryExecutionId"])
    assert results["UpdateCount"] == 9


def test_the_same_rows_are_the_same_bytes(sales: Athena) -> None:
    for attempt in (1, 2):
        place = f"'s3://{sales.bucket}/gold/try={attempt}/'"
        _ctas(sales, f"t{attempt}", DAILY, external_location=place)
    first, second = (sales.get(sales.keys(f"gold/try={attempt}/")[0]) for attempt in (1, 2))
    assert first == second
    assert _parquet(sales, "gold/try=1/").num_rows == 9


def test_rows_keep_the_order_of_the_select(sales: Athena) -> None:
    place = f"'s3://{sales.bucket}/ordered/'"
    _ctas(sales, "o", "SELECT id FROM sales ORDER BY id DESC", external_location=place)
    ids = _parquet(sales, "ordered/").column("id").to_pylist()
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 12


def test_a_null_partition_value_has_hives_folder(sales: Athena) -> None:
    place = f"'s3://{sales.bucket}/byproduct/'"
    _ctas(
        sales, "p", "SELECT id, product FROM sales", external_location=place,
        partitioned_by="ARRAY['product']",
    )  # fmt: skip
    folders = {key.split("/")[1] for key in sales.keys("byproduct/")}
    assert folders == {"product=a", "product=b", "product=__HIVE_DEFAULT_PARTITION__"}
    assert sales.rows("SELECT count(*) FROM p WHERE product IS NULL") == [("3",)]


@pytest.mark.parametrize(
    ("form", "compression", "suffix"),
    [("JSON", "GZIP", ".gz"), ("JSON", "NONE", ""), ("TEXTFILE", "GZIP", ".gz")],
)
def test_ctas_to_text_reads_back(sales: Athena, form: str, compression: str, suffix: str) -> None:
    place = f"'s3://{sales.bucket}/text/'"
    _ctas(
        sales, "t", "SELECT id, product, amount, sale_date FROM sales ORDER BY id",
        format=f"'{form}'", write_compression=f"'{compression}'", external_location=place,
    )  # fmt: skip
    (key,) = sales.keys("text/")
    assert bool(suffix) == key.endswith(".gz")
    expected = sales.rows("SELECT id, product, amount, sale_date FROM sales ORDER BY id")
    assert sales.rows("SELECT * FROM t ORDER BY id") == expected


def test_ctas_refuses_a_location_that_is_not_empty(sales: Athena) -> None:
    sales.put("taken/x", "1")
    reason = sales.fails(
        f"CREATE TABLE t WITH (external_location = 's3://{sales.bucket}/taken/') AS SELECT 1 AS a"
    )
    assert reason.startswith("HIVE_PATH_ALREADY_EXISTS")


def test_ctas_refuses_a_table_that_exists(sales: Athena) -> None:
    assert sales.fails("CREATE TABLE sales AS SELECT 1 AS a").startswith("TABLE_ALREADY_EXISTS")
    sales.run("CREATE TABLE IF NOT EXISTS sales AS SELECT 1 AS a")


def test_ctas_refuses_more_than_100_partitions_and_writes_nothing(engine: Athena) -> None:
    select = "SELECT 1 AS a, d FROM UNNEST(sequence(1, {})) AS t(d)"
    place = f"external_location = 's3://{engine.bucket}/many/', partitioned_by = ARRAY['d']"
    reason = engine.fails(f"CREATE TABLE t WITH ({place}) AS {select.format(101)}")
    assert reason.startswith("HIVE_TOO_MANY_OPEN_PARTITIONS")
    assert engine.keys("many/") == []
    engine.run(f"CREATE TABLE t WITH ({place}) AS {select.format(100)}")
    assert engine.rows("SELECT count(*) FROM t") == [("100",)]


def test_ctas_wants_partition_columns_last(sales: Athena) -> None:
    reason = sales.fails(
        "CREATE TABLE t WITH (partitioned_by = ARRAY['product']) AS SELECT product, id FROM sales"
    )
    assert reason.startswith("HIVE_COLUMN_ORDER_MISMATCH")


def test_an_enforcing_work_group_refuses_a_location_and_chooses_its_own(sales: Athena) -> None:
    group = f"wg-{sales.database}"
    sales.context.forward(
        "AmazonAthena.CreateWorkGroup",
        {
            "Name": group,
            "Configuration": {
                "EnforceWorkGroupConfiguration": True,
                "ResultConfiguration": {"OutputLocation": f"s3://{sales.bucket}/group"},
            },
        },
    )
    reason = sales.fails(
        f"CREATE TABLE t WITH (external_location = 's3://{sales.bucket}/mine/') AS SELECT 1 AS a",
        WorkGroup=group,
    )
    assert "enforces a centralized output location" in reason
    execution = sales.run("CREATE TABLE t AS SELECT 1 AS a", WorkGroup=group)
    identity = execution["QueryExecutionId"]
    assert any(key.startswith(f"group/tables/{identity}/") for key in sales.keys("group/"))
    assert sales.rows("SELECT a FROM t") == [("1",)]


def test_a_failing_ctas_leaves_no_table(sales: Athena) -> None:
    assert sales.fails("CREATE TABLE t AS SELECT 1 / (id - id) AS a FROM sales").startswith(
        "DIVISION_BY_ZERO"
    )
    assert sales.fails("SELECT * FROM t").startswith("TABLE_NOT_FOUND")


def test_insert_appends_and_registers_new_partitions(sales: Athena) -> None:
    place = f"'s3://{sales.bucket}/daily/'"
    _ctas(sales, "daily", DAILY, external_location=place, partitioned_by="ARRAY['sale_date']")
    sales.run(
        "INSERT INTO daily (product, n, sale_date) VALUES ('z', 7, DATE '2024-06-01'), "
        "('y', 8, DATE '2024-05-01')"
    )
    assert sales.rows(
        "SELECT product, n, units FROM daily WHERE sale_date = DATE '2024-06-01'"
    ) == [("z", "7", None)]
    assert sales.rows("SELECT count(*) FROM daily") == [("11",)]
    assert sales.fails("INSERT INTO daily SELECT 1, 2").startswith("MISMATCHED_COLUMN_TYPES")
    assert sales.fails("INSERT INTO daily (n) SELECT 'x'").startswith("TYPE_MISMATCH")


def test_with_no_data_makes_an_empty_table(sales: Athena) -> None:
    sales.run("CREATE TABLE t AS SELECT id, amount FROM sales WITH NO DATA")
    assert sales.rows("SELECT * FROM t") == []


def test_the_manifest_lists_the_files(sales: Athena) -> None:
    execution = sales.run("CREATE TABLE t AS SELECT id FROM sales")
    manifest = execution["Statistics"]["DataManifestLocation"]
    listed = sales.get(manifest.split("/", 3)[3]).decode().split()
    assert [re.sub(r"^s3://[^/]+/", "", url) for url in listed] == sales.keys("results/tables/")


def test_buckets_are_files_that_share_the_rows(sales: Athena) -> None:
    place = f"external_location = 's3://{sales.bucket}/b/', partitioned_by = ARRAY['sale_date']"
    buckets = "bucketed_by = ARRAY['id'], bucket_count = 3"
    select = "SELECT id, amount, sale_date FROM sales"
    sales.run(f"CREATE TABLE b WITH ({place}, {buckets}) AS {select}")
    table = sales.glue("GetTable", DatabaseName=sales.database, Name="b")["Table"]
    described = table["StorageDescriptor"]
    assert (described["BucketColumns"], described["NumberOfBuckets"]) == (["id"], 3)
    per_day = dict.fromkeys(("2024-05-01", "2024-05-02", "2024-05-03"), 0)
    for key in sales.keys("b/"):
        per_day[key.split("sale_date=")[1][:10]] += 1
    assert 3 < sum(per_day.values()) <= 9
    assert set(per_day.values()) <= {1, 2, 3}
    assert sales.rows("SELECT count(*), count(DISTINCT id) FROM b") == [("12", "12")]
    assert "bucketed table" in sales.fails("INSERT INTO b SELECT 1, 1.0, DATE '2024-05-01'")
    for wrong in ("bucketed_by = ARRAY['id']", "bucketed_by = ARRAY['no'], bucket_count = 3"):
        reason = sales.fails(f"CREATE TABLE c WITH ({wrong}) AS {select}")
        assert reason.startswith("INVALID_TABLE_PROPERTY")


def test_partitions_and_buckets_share_one_limit_of_writers(engine: Athena) -> None:
    days = "SELECT x AS n, x AS d FROM UNNEST(sequence(1, 51)) AS t(x)"
    place = "partitioned_by = ARRAY['d'], bucketed_by = ARRAY['n'], bucket_count = 2"
    reason = engine.fails(f"CREATE TABLE t WITH ({place}) AS {days}")
    assert reason.startswith("HIVE_TOO_MANY_OPEN_PARTITIONS")
