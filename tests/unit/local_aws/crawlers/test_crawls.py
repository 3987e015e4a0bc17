"""Crawls of real objects in a real MiniStack, started and read through boto3."""

import gzip
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.local_aws import crawlers
from include.local_aws.crawlers.formats import inspect
from include.local_aws.crawlers.history import History
from include.local_aws.front.context import Context

BRONZE = {
    "Version": 1.0,
    "Grouping": {
        "TableGroupingPolicy": "CombineCompatibleSchemas",
        "TableLevelConfiguration": 3,
    },
    "CrawlerOutput": {
        "Partitions": {"AddOrUpdateBehavior": "InheritFromTable"},
        "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"},
    },
}
SECONDS = 30


class Lake:
    """A bucket, a database and a crawler over them."""

    def __init__(self, glue: Any, s3: Any, bucket: str, name: str) -> None:
        self.glue, self.s3, self.bucket, self.name = glue, s3, bucket, name
        glue.create_database(DatabaseInput={"Name": name})

    def put(self, key: str, *rows: Any) -> None:
        """Write an object: bytes as they are, text rows as lines, other rows as JSON Lines."""
        if rows and isinstance(rows[0], bytes):
            body = rows[0]
        else:
            lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
            body = "".join(f"{line}\n" for line in lines).encode()
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def crawler(self, path: str = "bronze/", config: Any = BRONZE, **more: Any) -> None:
        """Define the crawler (again)."""
        target = {"Path": f"s3://{self.bucket}/{path}"} | more.pop("Target", {})
        request: dict[str, Any] = {
            "Name": self.name,
            "Role": "arn:aws:iam::000000000000:role/crawler",
            "DatabaseName": self.name,
            "Targets": {"S3Targets": [target]},
            "Configuration": json.dumps(config) if config else "",
            **more,
        }
        if self.name in self.glue.list_crawlers()["CrawlerNames"]:
            self.glue.update_crawler(**request)
        else:
            self.glue.create_crawler(**request)

    def crawl(self, expected: str = "SUCCEEDED") -> dict[str, Any]:
        """Run the crawler and give its LastCrawl."""
        self.glue.start_crawler(Name=self.name)
        last = self.wait()
        assert last["Status"] == expected, last.get("ErrorMessage")
        return last

    def wait(self) -> dict[str, Any]:
        """Wait for the end of the crawl and give LastCrawl."""
        deadline = time.monotonic() + SECONDS
        while (crawler := self.glue.get_crawler(Name=self.name)["Crawler"])["State"] != "READY":
            assert time.monotonic() < deadline, "the crawl does not end"
            time.sleep(0.02)
        last: dict[str, Any] = crawler["LastCrawl"]
        return last

    def table(self, name: str) -> dict[str, Any]:
        table: dict[str, Any] = self.glue.get_table(DatabaseName=self.name, Name=name)["Table"]
        return table

    def tables(self) -> list[str]:
        found = self.glue.get_tables(DatabaseName=self.name)["TableList"]
        return [table["Name"] for table in found]

    def columns(self, name: str) -> dict[str, str]:
        columns = self.table(name)["StorageDescriptor"]["Columns"]
        return {column["Name"]: column["Type"] for column in columns}

    def partitions(self, name: str) -> dict[tuple[str, ...], dict[str, Any]]:
        found = self.glue.get_partitions(DatabaseName=self.name, TableName=name)["Partitions"]
        return {tuple(partition["Values"]): partition for partition in found}


@pytest.fixture
def lake(glue: Any, s3: Any, bucket: str, unique: str) -> Lake:
    return Lake(glue, s3, bucket, unique)


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


def test_a_second_crawl_adds_what_is_new_and_keeps_what_is_there(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    lake.crawl()
    first = lake.table("orders")
    lake.crawl()
    assert lake.table("orders")["VersionId"] == first["VersionId"]  # nothing changed
    lake.put("bronze/orders/d=2/b.json", {"id": "text now", "extra": 1.5})
    lake.crawl()
    assert lake.columns("orders") == {"id": "bigint", "extra": "double"}  # MergeNewColumns
    partitions = lake.partitions("orders")
    assert list(partitions) == [("1",), ("2",)]
    for partition in partitions.values():
        assert [c["Name"] for c in partition["StorageDescriptor"]["Columns"]] == ["id", "extra"]
    versions = lake.glue.get_table_versions(DatabaseName=lake.name, TableName="orders")
    assert len(versions["TableVersions"]) == 2


def test_without_merge_the_table_follows_the_files(lake: Lake) -> None:
    config = {"Version": 1.0, "Grouping": {"TableLevelConfiguration": 3}}
    lake.put("bronze/orders/d=1/a.json", {"id": 1, "old": 1})
    lake.crawler(config=config)
    lake.crawl()
    lake.s3.delete_object(Bucket=lake.bucket, Key="bronze/orders/d=1/a.json")
    lake.put("bronze/orders/d=2/b.json", {"id": 1.5})
    lake.put("bronze/orders/d=3/c.json", {"other": "x"})
    lake.crawl()
    assert lake.columns("orders") == {"id": "double", "other": "string"}
    own = {
        values: [column["Name"] for column in partition["StorageDescriptor"]["Columns"]]
        for values, partition in lake.partitions("orders").items()
    }
    assert own == {("1",): ["id", "old"], ("2",): ["id"], ("3",): ["other"]}


def test_with_update_behavior_log_tables_stay(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler(SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    lake.crawl()
    before = lake.table("orders")
    lake.put("bronze/orders/d=2/b.json", {"id": 1, "extra": 2})
    lake.put("bronze/new/d=2/b.json", {"id": 1})
    lake.crawl()
    assert lake.table("orders") == before
    assert list(lake.partitions("orders")) == [("1",), ("2",)]
    assert lake.tables() == ["new", "orders"]


@pytest.mark.parametrize("behaviour", ["LOG", "DELETE_FROM_DATABASE", "DEPRECATE_IN_DATABASE"])
def test_what_is_gone_follows_the_delete_behavior(lake: Lake, behaviour: str) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.put("bronze/orders/d=2/a.json", {"id": 1})
    lake.put("bronze/gone/d=1/a.json", {"id": 1})
    lake.crawler(
        SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": behaviour}
    )
    lake.crawl()
    own = {"Name": "mine", "StorageDescriptor": {"Location": f"s3://{lake.bucket}/bronze/mine/"}}
    lake.glue.create_table(DatabaseName=lake.name, TableInput=own)
    for key in ("bronze/orders/d=2/a.json", "bronze/gone/d=1/a.json"):
        lake.s3.delete_object(Bucket=lake.bucket, Key=key)
    lake.crawl()
    deleted = behaviour == "DELETE_FROM_DATABASE"
    assert lake.tables() == (["mine", "orders"] if deleted else ["gone", "mine", "orders"])
    assert list(lake.partitions("orders")) == ([("1",)] if deleted else [("1",), ("2",)])
    if not deleted:
        marked = "DEPRECATED_BY_CRAWLER" in lake.table("gone")["Parameters"]
        partition = "DEPRECATED_BY_CRAWLER" in lake.partitions("orders")[("2",)]["Parameters"]
        assert marked == partition == (behaviour == "DEPRECATE_IN_DATABASE")
    lake.put("bronze/gone/d=1/a.json", {"id": 1})
    lake.put("bronze/orders/d=2/a.json", {"id": 1})
    lake.crawl()
    assert "DEPRECATED_BY_CRAWLER" not in lake.table("gone")["Parameters"]
    assert "DEPRECATED_BY_CRAWLER" not in lake.partitions("orders")[("2",)]["Parameters"]


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


def test_a_name_that_belongs_to_another_location_is_left_alone(lake: Lake) -> None:
    own = {"Name": "orders", "StorageDescriptor": {"Location": "s3://elsewhere/orders/"}}
    lake.glue.create_table(DatabaseName=lake.name, TableInput=own)
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    lake.crawl()
    lake.crawl()
    names = lake.tables()
    assert len(names) == 2
    assert names[0] == "orders"
    assert names[1].startswith("orders_")
    assert lake.table("orders")["StorageDescriptor"]["Location"] == "s3://elsewhere/orders/"


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


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda lake: lake.crawler(Target={"Path": "s3://no-such-bucket-here/x/"}), "NoSuchBucket"),
        (lambda lake: lake.crawler(DatabaseName="no_such_database"), "no_such_database"),
        (lambda lake: lake.put("bronze/orders/stray.json", {"id": 1}), "different depths"),
        (lambda lake: lake.put("bronze/stray.json", {"id": 1}), "above table level 3"),
        (lambda lake: lake.crawler(Classifiers=["mine"]), "Classifier mine not found"),
        (lambda lake: lake.crawler(Target={"Exclusions": ["[z-a]"]}), "is not a pattern"),
        (
            lambda lake: lake.crawler(Targets={"DynamoDBTargets": [{"Path": "orders"}]}),
            "only CatalogTargets, JdbcTargets, S3Targets are crawled here, not DynamoDBTargets",
        ),
    ],
)
def test_a_crawl_that_fails_says_why(
    lake: Lake, spoil: Callable[[Lake], None], reason: str
) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    spoil(lake)
    last = lake.crawl(expected="FAILED")
    assert reason in last["ErrorMessage"]
    listed = lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"]
    assert [crawl["State"] for crawl in listed] == ["FAILED"]
    assert reason in listed[0]["ErrorMessage"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"config": "not an object"}, "not a JSON object"),
        ({"config": {"Grouping": {"TableLevelConfiguration": "3"}}}, "'3'"),
        (
            {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}},
            "needs UpdateBehavior and DeleteBehavior LOG",
        ),
        (
            {"Targets": {"CatalogTargets": [{"DatabaseName": "x", "Tables": ["y"]}]}},
            "CatalogTargets need the DeleteBehavior LOG",
        ),
        (
            {
                "Targets": {
                    "CatalogTargets": [{"DatabaseName": "x", "Tables": ["y"]}],
                    "S3Targets": [{"Path": "s3://b/"}],
                }
            },
            "cannot be mixed",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    lake: Lake, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(lake.glue.exceptions.InvalidInputException, match=reason):
        lake.crawler(**settings)
    assert lake.name not in lake.glue.list_crawlers()["CrawlerNames"]
    lake.crawler()
    with pytest.raises(lake.glue.exceptions.InvalidInputException, match=reason):
        lake.crawler(**settings)


def test_what_cloudformation_defines_is_crawled(lake: Lake, client: Any, ministack: str) -> None:
    """Database, crawler and a table come from a stack, which writes to MiniStack itself."""
    name = f"{lake.name}stack"
    target = f"s3://{lake.bucket}/bronze/"
    described = {"Name": "pointer", "StorageDescriptor": {"Location": "s3://x/1/"}}
    resources = {
        "Database": {
            "Type": "AWS::Glue::Database",
            "Properties": {"CatalogId": "000000000000", "DatabaseInput": {"Name": name}},
        },
        "Table": {
            "Type": "AWS::Glue::Table",
            "DependsOn": "Database",
            "Properties": {
                "CatalogId": "000000000000",
                "DatabaseName": name,
                "TableInput": described,
            },
        },
        "Crawler": {
            "Type": "AWS::Glue::Crawler",
            "Properties": {
                "Name": name,
                "Role": "arn:aws:iam::000000000000:role/crawler",
                "DatabaseName": name,
                "Targets": {"S3Targets": [{"Path": target, "Exclusions": ["**.tmp"]}]},
                "Configuration": json.dumps(BRONZE),
                "SchemaChangePolicy": {
                    "UpdateBehavior": "UPDATE_IN_DATABASE",
                    "DeleteBehavior": "LOG",
                },
            },
        },
    }
    stacks = client("cloudformation", ministack)

    def deploy(create: Any, wait: str) -> None:
        create(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        stacks.get_waiter(wait).wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    deploy(stacks.create_stack, "stack_create_complete")
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.put("bronze/orders/d=1/b.tmp", {"no": 1})
    lake.name = name
    lake.crawl()
    assert lake.tables() == ["orders", "pointer"]
    assert lake.columns("orders") == {"id": "bigint"}
    seen = lake.table("pointer")["VersionId"]
    described["StorageDescriptor"] = {"Location": "s3://x/2/"}
    deploy(stacks.update_stack, "stack_update_complete")
    with pytest.raises(lake.glue.exceptions.ConcurrentModificationException):
        lake.glue.update_table(DatabaseName=name, TableInput={"Name": "pointer"}, VersionId=seen)
    versions = lake.glue.get_table_versions(DatabaseName=name, TableName="pointer")["TableVersions"]
    assert [v["Table"]["StorageDescriptor"]["Location"] for v in versions] == [
        "s3://x/2/",
        "s3://x/1/",
    ]
    assert list(lake.partitions("orders")) == [("1",)]
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    for read in (lake.partitions, lake.columns):
        with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
            read("orders")


def test_partition_keys_may_not_change(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    lake.crawl()
    lake.s3.delete_object(Bucket=lake.bucket, Key="bronze/orders/d=1/a.json")
    lake.put("bronze/orders/day=1/a.json", {"id": 1})
    assert "partitioned by ['d']" in lake.crawl(expected="FAILED")["ErrorMessage"]


class Gate:
    """Where crawls wait, before they look into a file."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def inspect(self, read: Any, size: int, row_tags: Any) -> Any:
        self.reached.set()
        assert self.open.wait(SECONDS)
        return inspect(read, size)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr("include.local_aws.crawlers.crawl.inspect", gate.inspect)
    yield gate
    gate.open.set()


def test_one_crawl_at_a_time(lake: Lake, gate: Gate) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    lake.glue.start_crawler(Name=lake.name)
    running = lake.glue.exceptions.CrawlerRunningException
    with pytest.raises(running):
        lake.glue.start_crawler(Name=lake.name)
    with pytest.raises(running):
        lake.crawler(TablePrefix="x")
    with pytest.raises(running):
        lake.glue.delete_crawler(Name=lake.name)
    crawler = lake.glue.get_crawler(Name=lake.name)["Crawler"]
    assert crawler["State"] == "RUNNING"
    assert "LastCrawl" not in crawler
    gate.open.set()
    assert lake.wait()["Status"] == "SUCCEEDED"


def test_a_stopped_crawl_is_cancelled(lake: Lake, gate: Gate) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.put("bronze/orders/d=2/a.json", {"id": 1})
    lake.crawler()
    with pytest.raises(lake.glue.exceptions.CrawlerNotRunningException):
        lake.glue.stop_crawler(Name=lake.name)
    lake.glue.start_crawler(Name=lake.name)
    assert gate.reached.wait(SECONDS)
    lake.glue.stop_crawler(Name=lake.name)
    assert lake.glue.get_crawler(Name=lake.name)["Crawler"]["State"] == "STOPPING"
    with pytest.raises(lake.glue.exceptions.CrawlerStoppingException):
        lake.glue.stop_crawler(Name=lake.name)
    gate.open.set()
    assert lake.wait()["Status"] == "CANCELLED"
    assert lake.tables() == []


def test_a_crawl_that_a_crash_interrupted_has_failed(lake: Lake, context: Context) -> None:
    lake.crawler()
    History(context.state / "crawlers.sqlite").start(lake.name)
    assert lake.glue.get_crawler(Name=lake.name)["Crawler"]["State"] == "RUNNING"
    restarted = crawlers.actions(context)
    crawler = restarted["AWSGlue.GetCrawler"]({"Name": lake.name})["Crawler"]
    assert crawler["State"] == "READY"
    assert crawler["LastCrawl"]["Status"] == "FAILED"
    assert "start the crawler again" in crawler["LastCrawl"]["ErrorMessage"]


def test_crawlers_are_found_by_their_tags(lake: Lake) -> None:
    lake.crawler(Tags={"team": lake.name, "stage": "test"})
    found = lake.glue.list_crawlers(Tags={"team": lake.name})["CrawlerNames"]
    assert found == [lake.name]
    assert not lake.glue.list_crawlers(Tags={"team": lake.name, "stage": "live"})["CrawlerNames"]


def test_a_table_of_the_catalog_is_brought_up_to_its_folder(lake: Lake) -> None:
    """Its name, what describes it and its other parameters stay; no table is made or removed."""
    lake.put("bronze/orders/d=1/a.json", {"id": 1, "name": "x"})
    key = {"Name": "d", "Type": "string"}
    descriptor = {"Columns": [], "Location": f"s3://{lake.bucket}/bronze/orders/"}
    lake.glue.create_table(
        DatabaseName=lake.name,
        TableInput={
            "Name": "mine",
            "Description": "of a person",
            "PartitionKeys": [key],
            "StorageDescriptor": descriptor,
            "Parameters": {"owner": "sales"},
        },
    )
    lake.glue.create_crawler(
        Name=lake.name,
        Role="arn:aws:iam::000000000000:role/crawler",
        Targets={"CatalogTargets": [{"DatabaseName": lake.name, "Tables": ["mine"]}]},
        SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
    )
    lake.crawl()
    assert lake.tables() == ["mine"]
    assert lake.columns("mine") == {"id": "bigint", "name": "string"}
    table = lake.table("mine")
    assert (table["Description"], table["Parameters"]["owner"]) == ("of a person", "sales")
    assert table["Parameters"]["classification"] == "json"
    assert sorted(lake.partitions("mine")) == [("1",)]

    lake.s3.delete_object(Bucket=lake.bucket, Key="bronze/orders/d=1/a.json")
    lake.crawl()
    assert lake.tables() == ["mine"], "deleted objects are ignored"


def test_crawls_are_listed_and_counted(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    lake.crawl()
    lake.put("bronze/orders/d=2/a.json", {"more": 1})
    lake.crawl()
    listed = lake.glue.list_crawls(CrawlerName=lake.name)["Crawls"]
    assert [crawl["State"] for crawl in listed] == ["COMPLETED", "COMPLETED"]
    assert listed[0]["StartTime"] > listed[1]["StartTime"]
    began = str(int(listed[0]["StartTime"].timestamp() * 1000) - 1)
    for rule, expected in (
        (("START_TIME", "GT", began), [listed[0]]),
        (("START_TIME", "LE", began), [listed[1]]),
        (("STATE", "EQ", "COMPLETED"), listed),
        (("STATE", "NE", "COMPLETED"), []),
        (("CRAWL_ID", "EQ", listed[1]["CrawlId"]), [listed[1]]),
    ):
        wanted = dict(zip(("FieldName", "FilterOperator", "FieldValue"), rule, strict=True))
        found = lake.glue.list_crawls(CrawlerName=lake.name, Filters=[wanted])["Crawls"]
        assert found == expected, rule
    metrics = lake.glue.get_crawler_metrics(CrawlerNameList=[lake.name])["CrawlerMetricsList"]
    assert [(m["TablesCreated"], m["TablesUpdated"]) for m in metrics] == [(0, 1)]
    assert metrics[0]["LastRuntimeSeconds"] > 0
    found = lake.glue.batch_get_crawlers(CrawlerNames=[lake.name, "absent"])
    assert [c["LastCrawl"]["Status"] for c in found["Crawlers"]] == ["SUCCEEDED"]
    assert found["CrawlersNotFound"] == ["absent"]
    assert lake.name in [c["Name"] for c in lake.glue.get_crawlers()["Crawlers"]]
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        lake.glue.start_crawler(Name="absent")
    lake.glue.delete_crawler(Name=lake.name)
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        lake.glue.get_crawler(Name=lake.name)
