"""What a crawl does to tables that are there already: those it made, and those of others."""

import pytest

from tests.unit.local_aws.crawlers.conftest import Lake


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


def test_partition_keys_may_not_change(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.json", {"id": 1})
    lake.crawler()
    lake.crawl()
    lake.s3.delete_object(Bucket=lake.bucket, Key="bronze/orders/d=1/a.json")
    lake.put("bronze/orders/day=1/a.json", {"id": 1})
    assert "partitioned by ['d']" in lake.crawl(expected="FAILED")["ErrorMessage"]


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
