"""Views as Athena stores them, over each other and across databases; pointer views read little."""

import json

import pyarrow as pa

from tests.unit.local_aws.athena.conftest import JSON, Athena


def test_a_view_over_a_view_in_another_database(sales: Athena) -> None:
    other = f"{sales.database}_v"
    sales.run(f"CREATE DATABASE {other}")
    sales.run(
        "CREATE VIEW per_product AS SELECT product, sum(amount) AS revenue FROM sales GROUP BY 1"
    )
    sales.run(
        f"CREATE VIEW {other}.best AS SELECT * FROM awsdatacatalog.{sales.database}.per_product "
        "WHERE revenue > 0"
    )
    found = sales.rows(f'SELECT b.product, b.revenue FROM "{other}"."best" b ORDER BY revenue DESC')
    assert found == [("a", "15.45"), ("b", "6.00")]
    table = sales.glue("GetTable", DatabaseName=other, Name="best")["Table"]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert table["ViewOriginalText"].startswith("/* Presto View: ")
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("product", "string"),
        ("revenue", "decimal(38,2)"),
    ]


def test_create_replace_and_drop_view(sales: Athena) -> None:
    sales.run("CREATE VIEW v AS SELECT 1 AS a")
    assert sales.fails("CREATE VIEW v AS SELECT 2 AS a").startswith("ALREADY_EXISTS")
    sales.run("CREATE OR REPLACE VIEW v AS SELECT 2 AS a")
    assert sales.rows("SELECT a FROM v") == [("2",)]
    assert sales.fails("DROP TABLE v").startswith("TABLE_NOT_FOUND")
    sales.run("DROP VIEW v")
    assert sales.fails("SELECT a FROM v").startswith("TABLE_NOT_FOUND")
    sales.run("DROP VIEW IF EXISTS v")


def test_a_view_is_checked_when_it_is_made(sales: Athena) -> None:
    assert sales.fails("CREATE VIEW v AS SELECT nothing FROM sales").startswith("COLUMN_NOT_FOUND")


def _published(sales: Athena, pairs: list[tuple[str, str]]) -> None:
    sales.table(
        "published",
        [("table_name", "string"), ("sale_date", "string"), ("release", "string")],
        serde=JSON,
    )
    lines = [{"table_name": "sales", "sale_date": d, "release": r} for d, r in pairs]
    sales.put("published/pointer.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    sales.run(
        "CREATE OR REPLACE VIEW current_sales AS SELECT t.* FROM sales t JOIN published p "
        "ON p.table_name = 'sales' AND CAST(p.sale_date AS date) = t.sale_date "
        "AND p.release = t.release"
    )


def test_a_pointer_view_shows_the_published_release_and_reads_only_its_files(sales: Athena) -> None:
    size = len(
        sales.put_parquet(
            "sales/release=r2/part",
            {"id": pa.array(range(50_000), pa.int64()), "amount": pa.array([None] * 50_000)},
        )
    )
    sales.partition("sales", ["2024-05-02", "r2"], "sales/release=r2")
    _published(sales, [("2024-05-01", "r1"), ("2024-05-02", "r1"), ("2024-05-09", "r1")])
    execution = sales.run(
        "SELECT sale_date, count(*), sum(id) FROM current_sales GROUP BY 1 ORDER BY 1"
    )
    assert sales.result(execution["QueryExecutionId"])[1:] == [
        ("2024-05-01", "4", "46"),
        ("2024-05-02", "4", "86"),
    ]
    assert 0 < execution["Statistics"]["DataScannedInBytes"] < size / 10
    only = sales.run("SELECT sum(id) FROM current_sales WHERE sale_date = DATE '2024-05-02'")
    assert sales.result(only["QueryExecutionId"])[1:] == [("86",)]
    assert only["Statistics"]["DataScannedInBytes"] < execution["Statistics"]["DataScannedInBytes"]


def test_an_empty_pointer_shows_nothing(sales: Athena) -> None:
    _published(sales, [])
    execution = sales.run("SELECT * FROM current_sales")
    assert len(sales.result(execution["QueryExecutionId"])) == 1
    assert execution["Statistics"]["DataScannedInBytes"] == 0
