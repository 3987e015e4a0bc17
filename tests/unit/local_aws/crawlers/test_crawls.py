"""Crawls of real objects in a real MiniStack, started and read through boto3: what they find."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.local_aws.front.context import Context
from tests.unit.local_aws.crawlers.conftest import Lake


def parquet(**columns: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_datasets_become_tables_with_partitions(lake: Lake) -> None:
    lake.put("bronze/orders/ingest_date=2026-01-01/a.json", {"Id": 1, "amount": 5, "tags": ["x"]})
    lake.put("bronze/orders/ingest_date=2026-01-01/_SUCCESS", "done")
    lake.put("bronze/orders/ingest_date=2026-01-01/.hidden.json", {"hidden": 1})
    lake.put("bronze/orders/_staging/b.json", {"staging": 1})
    lake.put(
        "bronze/orders/ingest_date=2026-01-02/b.json", {"id": None, "amount": 5.5, "who": {"n": 1}}
    )
    lake.put(
        "bronze/lines/ingest_date=2026-01-01/a.csv", "Line No,Price,Name", "1,2.50,tea", "2,3,"
    )
    lake.crawler()
    lake.crawl()

    assert lake.tables() == ["lines", "orders"]
    assert lake.columns("orders") == {
        "id": "bigint",
        "amount": "double",
        "tags": "array<string>",
        "who": "struct<n:bigint>",
    }
    orders = lake.table("orders")
    assert orders["PartitionKeys"] == [{"Name": "ingest_date", "Type": "string"}]
    assert orders["TableType"] == "EXTERNAL_TABLE"
    assert orders["Parameters"]["classification"] == "json"
    assert orders["Parameters"]["UPDATED_BY_CRAWLER"] == lake.name
    assert orders["Parameters"]["objectCount"] == "2"
    assert orders["Parameters"]["recordCount"] == "2"
    descriptor = orders["StorageDescriptor"]
    assert descriptor["Location"] == f"s3://{lake.bucket}/bronze/orders/"
    assert descriptor["InputFormat"] == "org.apache.hadoop.mapred.TextInputFormat"
    assert descriptor["SerdeInfo"] == {
        "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "Parameters": {"paths": "Id,amount,id,tags,who"},
    }
    partitions = lake.partitions("orders")
    assert list(partitions) == [("2026-01-01",), ("2026-01-02",)]
    first = partitions[("2026-01-01",)]["StorageDescriptor"]
    assert first["Location"] == f"s3://{lake.bucket}/bronze/orders/ingest_date=2026-01-01/"
    assert first["Columns"] == descriptor["Columns"]  # InheritFromTable

    lines = lake.table("lines")
    assert lake.columns("lines") == {"line no": "bigint", "price": "double", "name": "string"}
    assert lines["Parameters"]["skip.header.line.count"] == "1"
    assert lines["Parameters"]["delimiter"] == ","
    assert lines["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": ","},
    }
    assert lake.partitions("lines")[("2026-01-01",)]["Parameters"]["skip.header.line.count"] == "1"


def test_parquet_is_read_from_its_footer(lake: Lake) -> None:
    many = {f"column_{number}": pa.array([1]) for number in range(2000)}  # a footer over 64 KiB
    lake.put("bronze/wide/d=1/a.parquet", parquet(**many))
    lake.put(
        "bronze/tills/d=1/a.parquet",
        parquet(
            id=pa.array(["a"]),
            quantity=pa.array([1], pa.int32()),
            price=pa.array([None], pa.decimal128(18, 2)),
            sold_at=pa.array([0], pa.timestamp("us", "UTC")),
            day=pa.array([0], pa.date32()),
            tags=pa.array([{"k": [1.5]}]),
            open=pa.array([None], pa.null()),
        ),
    )
    lake.put(
        "bronze/tills/d=2/b.parquet",
        parquet(quantity=pa.array([1], pa.int64()), open=pa.array([True])),
    )
    lake.crawler()
    lake.crawl()
    assert len(lake.columns("wide")) == 2000
    assert lake.columns("tills") == {
        "id": "string",
        "quantity": "bigint",
        "price": "decimal(18,2)",
        "sold_at": "timestamp",
        "day": "date",
        "tags": "struct<k:array<double>>",
        "open": "boolean",
    }
    tills = lake.table("tills")
    assert tills["Parameters"]["classification"] == "parquet"
    assert tills["Parameters"]["recordCount"] == "2"
    assert tills["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith(
        "ParquetHiveSerDe"
    )


def test_gzip_and_large_files_are_read_by_their_head(lake: Lake) -> None:
    rows = [{"n": number, "text": "x" * 90} for number in range(30_000)]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    lake.put(
        "bronze/packed/d=1/a.json.gz",
        gzip.compress(text[: len(text) // 2]) + gzip.compress(text[len(text) // 2 :]),
    )
    lake.put("bronze/plain/d=1/a.json", text)
    lake.put("bronze/long/d=1/a.json", {"text": "x" * 3_000_000}, {"n": 1})
    lake.crawler()
    lake.crawl()
    assert lake.columns("packed") == lake.columns("plain") == {"n": "bigint", "text": "string"}
    assert lake.table("packed")["Parameters"]["compressionType"] == "gzip"
    assert int(lake.table("plain")["Parameters"]["recordCount"]) == pytest.approx(30_000, rel=0.05)
    assert lake.columns("long") == {"text": "string", "n": "bigint"}


def test_broken_lines_and_odd_files_do_not_hide_the_rest(lake: Lake, context: Context) -> None:
    lake.put("bronze/orders/d=1/a.json", '{"id": 1, "broken', {"id": 2}, {"id": 3}, "garbage")
    lake.put("bronze/orders/d=1/b.json", {"id": 4, "note": "x"})
    lake.put("bronze/orders/d=2/c.json.gz", b"\x1f\x8bnot gzip at all")
    lake.crawler()
    lake.crawl()
    assert lake.columns("orders") == {"id": "bigint", "note": "string"}
    assert list(lake.partitions("orders")) == [("1",), ("2",)]
    events = context.client("logs").filter_log_events(
        logGroupName="/aws-glue/crawlers", logStreamNames=[lake.name]
    )["events"]
    assert any("c.json.gz is not json" in event["message"] for event in events)


@pytest.mark.parametrize(
    ("rows", "columns", "parameters"),
    [
        (["a,b", "x,y", "z,w"], {"col0": "string", "col1": "string"}, {"delimiter": ","}),
        (["1;2.5", "3;4"], {"col0": "bigint", "col1": "double"}, {"delimiter": ";"}),
        (
            ["Id|Name", "1|x", "2|y|ragged", "3|"],
            {"id": "bigint", "name": "string"},
            {"delimiter": "|", "skip.header.line.count": "1"},
        ),
        (
            ["Id,Name", '1,"open', "2,y", "3,z"],
            {"id": "bigint", "name": "string"},
            {"areColumnsQuoted": "true", "skip.header.line.count": "1"},
        ),
        (
            ["Name,Qty", "x,1", "y,2", "z,n/a", "-,"],
            {"name": "string", "qty": "string"},
            {"skip.header.line.count": "1"},
        ),
        (
            ["id,name", '1,"a, b"', '2,"say ""x"""'],
            {"id": "bigint", "name": "string"},
            {"areColumnsQuoted": "true", "skip.header.line.count": "1"},
        ),
    ],
)
def test_delimited_text_is_understood(
    lake: Lake, rows: list[str], columns: dict[str, str], parameters: dict[str, str]
) -> None:
    lake.put("bronze/lines/d=1/a.csv", *rows)
    lake.crawler()
    lake.crawl()
    table = lake.table("lines")
    assert lake.columns("lines") == columns
    assert parameters.items() <= table["Parameters"].items()
    assert ("skip.header.line.count" in table["Parameters"]) == (
        "skip.header.line.count" in parameters
    )
    quoted = parameters.get("areColumnsQuoted") == "true"
    library = table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert library.rpartition(".")[2] == ("OpenCSVSerde" if quoted else "LazySimpleSerDe")


def test_targets_prefix_exclusions_and_names(lake: Lake) -> None:
    lake.put("raw/Sales-Data/2026/01/a.json", {"id": 1})
    lake.put("raw/Sales-Data/2026/01/skip/a.json", {"no": 1})
    lake.put("raw/Sales-Data/2026/02/b.txt", {"no": 1})
    lake.crawler(
        "raw/Sales-Data",
        None,
        TablePrefix="Raw_",
        Target={"Exclusions": ["**/skip/**", "**.{txt,log}"]},
    )
    lake.crawl()
    assert lake.tables() == ["raw_sales_data"]
    assert lake.columns("raw_sales_data") == {"id": "bigint"}
    keys = [key["Name"] for key in lake.table("raw_sales_data")["PartitionKeys"]]
    assert keys == ["partition_0", "partition_1"]
    assert list(lake.partitions("raw_sales_data")) == [("2026", "01")]


def test_odd_keys_and_empty_targets(lake: Lake) -> None:
    lake.crawler()
    lake.crawl()
    assert lake.tables() == []
    lake.put("bronze/orders/d=a b+\u00fc%20'/x y.csv.gz", gzip.compress(b"id,n\n1,2\n"))
    lake.put("bronze/empty/d=1/a.json")
    lake.crawl()
    assert lake.tables() == ["orders"]
    assert lake.columns("orders") == {"id": "bigint", "n": "bigint"}
    place = f"s3://{lake.bucket}/bronze/orders/d=a b+\u00fc%20'/"
    found = lake.partitions("orders")[("a b+\u00fc%20'",)]
    assert found["StorageDescriptor"]["Location"] == place
    assert found["StorageDescriptor"]["Compressed"] is True


def test_many_partitions_are_written(lake: Lake) -> None:
    for number in range(130):
        lake.put(f"bronze/orders/d={number:03}/a.json", {"id": number})
    lake.crawler()
    lake.crawl()
    assert len(lake.partitions("orders")) == 130
