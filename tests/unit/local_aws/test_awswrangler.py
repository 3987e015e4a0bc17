"""awswrangler, unmodified: what notebooks and Python shell jobs do with Athena and the catalog."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import awswrangler
import pandas as pd  # noqa: TID253 - the ban is for what Airflow parses
import pytest

from tests.unit.local_aws.jobs.whole_front import WholeFront, whole_front

DAYS = [dt.date(2024, 1, day) for day in (1, 1, 2, 3)]
PRICES = [Decimal("1.10"), Decimal("22.20"), Decimal("3.30"), None]
MOMENT = dt.datetime(2024, 1, 1, 10, 0, 0, 123000)  # noqa: DTZ001 - timestamps of Hive have no zone
SALES: dict[str, list[Any]] = {
    "id": [1, 2, 3, 4],
    "name": ["Ann", 'quote " and, comma', None, "line\nbreak"],
    "price": PRICES,
    "sold_at": [MOMENT] * 4,
    "paid": [True, False, None, True],
    "weight": [1.5, -2.25, 0.1, 1e20],
    "day": DAYS,
}


@pytest.fixture(scope="module")
def lake(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeFront]:
    """A front whose addresses are in the environment, as `python -m include.local_aws env` says."""
    with (
        whole_front(ministack, tmp_path_factory.mktemp("front")) as front,
        pytest.MonkeyPatch.context() as patch,
    ):
        exports = {
            "AWS_ENDPOINT_URL": ministack,
            "AWS_ENDPOINT_URL_GLUE": front.context.front_url,
            "AWS_ENDPOINT_URL_ATHENA": front.context.front_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }
        for name, value in exports.items():
            patch.setenv(name, value)
        awswrangler.config.athena_query_wait_polling_delay = 0.05
        yield front
        awswrangler.config.reset("athena_query_wait_polling_delay")


@pytest.fixture
def sales(lake: WholeFront, unique: str) -> str:
    """A table of the four sales, partitioned by day; its name."""
    write(lake, unique, SALES, "overwrite")
    return unique


def write(lake: WholeFront, table: str, columns: dict[str, list[Any]], mode: str) -> None:
    frame = pd.DataFrame(columns)
    if "paid" in columns:
        frame["paid"] = frame["paid"].astype("boolean")
    awswrangler.s3.to_parquet(
        frame,
        path=f"s3://{lake.bucket}/{table}/",
        dataset=True,
        database=lake.database,
        table=table,
        partition_cols=["day"],
        mode=mode,
        dtype={"price": "decimal(18,2)"},
    )


def read(lake: WholeFront, sql: str, folder: str = "results", **options: Any) -> Any:
    return awswrangler.athena.read_sql_query(
        sql, lake.database, s3_output=f"s3://{lake.bucket}/{folder}/", **options
    )


def rows(frame: Any) -> list[tuple[Any, ...]]:
    """The frame's rows in order of their first value; None for every kind of nothing."""
    values = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    return sorted(values, key=lambda row: row[0])


@pytest.mark.parametrize(
    "options",
    [
        {"ctas_approach": True},
        {"ctas_approach": False},
        {"ctas_approach": False, "unload_approach": True},
    ],
    ids=["ctas", "csv", "unload"],
)
def test_every_way_of_reading_gives_what_was_written(
    lake: WholeFront, sales: str, unique: str, options: dict[str, Any]
) -> None:
    before = {table["Name"] for table in awswrangler.catalog.get_tables(database=lake.database)}
    names = ", ".join(SALES)
    frame = read(lake, f"SELECT {names} FROM {sales}", f"read-{unique}", **options)
    assert rows(frame) == list(zip(*SALES.values(), strict=True))
    after = {table["Name"] for table in awswrangler.catalog.get_tables(database=lake.database)}
    assert after == before  # the table of the CTAS is gone


def test_chunks_parameters_and_a_cache(lake: WholeFront, sales: str) -> None:
    chunks = list(read(lake, f"SELECT id FROM {sales} ORDER BY id", chunksize=3))
    assert sorted(value for chunk in chunks for value in chunk["id"]) == [1, 2, 3, 4]
    assert all(len(chunk) <= 3 for chunk in chunks)
    named = read(
        lake, f"SELECT id FROM {sales} WHERE day = :day AND id > :id",
        params={"day": DAYS[0], "id": 1},
    )  # fmt: skip
    assert rows(named) == [(2,)]
    marked = read(
        lake, f"SELECT id FROM {sales} WHERE id > ?",
        params=["3"], paramstyle="qmark", ctas_approach=False,
    )  # fmt: skip
    assert rows(marked) == [(4,)]
    count = f"SELECT count(*) AS sales FROM {sales}"
    for expected in (4, 4):  # the second comes from the first one's result
        cached = read(
            lake, count, ctas_approach=False, athena_cache_settings={"max_cache_seconds": 900}
        )
        assert rows(cached) == [(expected,)]
    assert cached.query_metadata["Statistics"]["DataScannedInBytes"] > 0


def test_dataset_modes(lake: WholeFront, sales: str) -> None:
    def by_day() -> list[tuple[Any, ...]]:
        sql = f"SELECT day, count(*) AS n, sum(id) AS ids FROM {sales} GROUP BY day"
        return rows(read(lake, sql))

    with pytest.raises(
        awswrangler.exceptions.InvalidArgumentValue, match="define all columns names"
    ):
        read(lake, f"SELECT count(*) FROM {sales}")  # the library knows Athena's refusal
    later = {"id": [5, 6], "name": ["x", "y"], "day": [dt.date(2024, 1, 3), dt.date(2024, 1, 4)]}
    write(lake, sales, later, "append")
    assert [row[1:] for row in by_day()] == [(2, 3), (1, 3), (2, 9), (1, 6)]
    write(lake, sales, {"id": [70], "name": ["z"], "day": [DAYS[0]]}, "overwrite_partitions")
    assert [row[1:] for row in by_day()] == [(1, 70), (1, 3), (2, 9), (1, 6)]
    write(lake, sales, {"id": [8], "day": [DAYS[0]], "extra": [1.5]}, "append")
    assert rows(read(lake, f"SELECT id, extra FROM {sales} WHERE extra > 0")) == [(8, 1.5)]
    write(lake, sales, SALES, "overwrite")
    assert [row[1:] for row in by_day()] == [(2, 3), (1, 3), (1, 4)]
    frame = awswrangler.s3.read_parquet_table(
        table=sales,
        database=lake.database,
        partition_filter=lambda part: part["day"] > "2024-01-01",
    )
    assert sorted(frame["id"]) == [3, 4]


def test_tables_of_queries(lake: WholeFront, sales: str, unique: str) -> None:
    made = awswrangler.athena.create_ctas_table(
        f"SELECT id, price, day FROM {sales}",
        database=lake.database,
        ctas_table=f"{unique}_made",
        s3_output=f"s3://{lake.bucket}/made-{unique}",
        partitioning_info=["day"],
        write_compression="snappy",
        wait=True,
    )
    assert made["ctas_query_metadata"].raw_payload["Status"]["State"] == "SUCCEEDED"
    awswrangler.athena.create_ctas_table(
        f"SELECT id, price FROM {sales}",
        database=lake.database,
        ctas_table=f"{unique}_buckets",
        s3_output=f"s3://{lake.bucket}/made-{unique}",
        bucketing_info=(["id"], 2),
        wait=True,
    )
    for table in (f"{unique}_made", f"{unique}_buckets"):
        assert rows(read(lake, f"SELECT id, price FROM {table}")) == list(
            zip(SALES["id"], PRICES, strict=True)
        )
    parts = awswrangler.catalog.get_partitions(lake.database, f"{unique}_made")
    assert sorted(parts.values()) == [["2024-01-01"], ["2024-01-02"], ["2024-01-03"]]
    unloaded = awswrangler.athena.unload(
        f"SELECT id, day FROM {sales}",
        path=f"s3://{lake.bucket}/unloaded-{unique}/",
        database=lake.database,
        partitioned_by=["day"],
    )
    assert unloaded.raw_payload["Status"]["State"] == "SUCCEEDED"
    frame = awswrangler.s3.read_parquet(
        f"s3://{lake.bucket}/unloaded-{unique}/", dataset=True, path_ignore_suffix="-manifest.csv"
    )
    assert sorted(zip(frame["id"], frame["day"].astype(str), strict=True)) == [
        (number, str(day)) for number, day in zip(SALES["id"], DAYS, strict=True)
    ]


def test_queries_that_are_waited_for(lake: WholeFront, sales: str) -> None:
    athena, output = awswrangler.athena, f"s3://{lake.bucket}/results/"
    sql = f"SELECT id, price, day FROM {sales} ORDER BY id"
    query = athena.start_query_execution(sql, database=lake.database, s3_output=output)
    assert athena.wait_query(query)["Status"]["State"] == "SUCCEEDED"
    assert rows(athena.get_query_results(query)) == list(
        zip(SALES["id"], PRICES, DAYS, strict=True)
    )
    assert athena.get_query_columns_types(query) == {
        "id": "bigint",
        "price": "decimal(18,2)",
        "day": "date",
    }
    with pytest.raises(awswrangler.exceptions.QueryFailed, match="COLUMN_NOT_FOUND: line 1:8"):
        read(lake, f"SELECT nothing FROM {sales}", ctas_approach=False)
    athena.create_prepared_statement(f"SELECT id FROM {sales} WHERE id = ?", statement_name=sales)
    assert rows(read(lake, f'EXECUTE "{sales}" USING 3', ctas_approach=False)) == [(3,)]
    athena.delete_prepared_statement(sales)
    awswrangler.catalog.delete_all_partitions(table=sales, database=lake.database)
    assert rows(read(lake, f"SELECT count(*) FROM {sales}", ctas_approach=False)) == [(0,)]
    assert athena.repair_table(sales, lake.database, s3_output=output) == "SUCCEEDED"
    assert rows(read(lake, f"SELECT count(*) FROM {sales}", ctas_approach=False)) == [(4,)]
    described = athena.describe_table(sales, lake.database, s3_output=output)
    assert dict(zip(described["Column Name"], described["Type"], strict=True))["price"] == (
        "decimal(18,2)"
    )
    shown = athena.show_create_table(sales, lake.database, s3_output=output)
    assert f"LOCATION 's3://{lake.bucket}/{sales}" in " ".join(shown.split())


def test_the_catalog(lake: WholeFront, sales: str) -> None:
    catalog, database, other = awswrangler.catalog, lake.database, f"other_{sales}"
    catalog.create_database(other, description="another")
    assert other in set(catalog.databases(limit=10_000)["Database"])
    assert catalog.get_table_types(database, sales)["price"] == "decimal(18,2)"
    assert catalog.get_table_location(database, sales) == f"s3://{lake.bucket}/{sales}/"
    location = f"s3://{lake.bucket}/{sales}/day=2025-01-01/"
    catalog.add_parquet_partitions(database, sales, {location: ["2025-01-01"]})
    found = catalog.get_partitions(database, sales, expression="day > '2024-01-02'")
    assert sorted(found.values()) == [["2024-01-03"], ["2025-01-01"]]
    catalog.delete_partitions(sales, database, [["2025-01-01"]])
    assert location not in catalog.get_partitions(database, sales)
    catalog.upsert_table_parameters({"owner": "me"}, database, sales)
    assert catalog.get_table_parameters(database, sales)["owner"] == "me"
    catalog.add_column(database, sales, "extra", "int", "later")
    assert catalog.get_columns_comments(database, sales)["extra"] == "later"
    catalog.delete_column(database, sales, "extra")
    assert "extra" not in catalog.get_table_types(database, sales)
    assert catalog.get_table_number_of_versions(database, sales) >= 2
    assert [table["Name"] for table in catalog.search_tables(text=sales)] == [sales]
    catalog.create_json_table(other, "lines", f"s3://{lake.bucket}/lines/", {"id": "int"})
    assert catalog.does_table_exist(other, "lines")
    assert catalog.delete_table_if_exists(other, "lines")
    catalog.delete_database(other)
    assert other not in set(catalog.databases(limit=10_000)["Database"])


def test_text_tables_and_projected_partitions(lake: WholeFront, unique: str) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "word": ["a,b", "c\\d", "e"], "day": DAYS[:3]})
    writers = {"csv": awswrangler.s3.to_csv, "json": awswrangler.s3.to_json}
    options: dict[str, dict[str, Any]] = {
        "csv": {"index": False, "quoting": 3, "escapechar": "\\"},
        "json": {"orient": "records", "lines": True, "index": None},
    }
    for kind, writer in writers.items():
        writer(
            frame[["id", "word"]],
            path=f"s3://{lake.bucket}/{unique}_{kind}/",
            dataset=True,
            database=lake.database,
            table=f"{unique}_{kind}",
            **options[kind],
        )
        found = read(lake, f"SELECT id, word FROM {unique}_{kind}", ctas_approach=False)
        assert rows(found) == list(zip(frame["id"], frame["word"], strict=True)), kind
    awswrangler.s3.to_parquet(
        frame[["id", "day"]],
        path=f"s3://{lake.bucket}/{unique}_projected/",
        dataset=True,
        database=lake.database,
        table=f"{unique}_projected",
        partition_cols=["day"],
        athena_partition_projection_settings={
            "projection_types": {"day": "date"},
            "projection_ranges": {"day": "2024-01-01,2024-01-31"},
        },
    )
    projected = read(lake, f"SELECT id FROM {unique}_projected WHERE day = DATE '2024-01-02'")
    assert rows(projected) == [(3,)]


def test_a_data_quality_ruleset(lake: WholeFront, sales: str) -> None:
    awswrangler.data_quality.create_ruleset(
        name=sales, database=lake.database, table=sales, dqdl_rules='Rules = [ IsComplete "id" ]'
    )
    rules = awswrangler.data_quality.get_ruleset(name=sales)
    assert rules.to_dict("records") == [
        {"rule_type": "IsComplete", "parameter": '"id"', "expression": None}
    ]
