"""Crawlers as they are defined, run, stopped, found and counted."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.local_aws import crawlers
from include.local_aws.crawlers.formats import inspect
from include.local_aws.crawlers.history import History
from include.local_aws.front.context import Context
from tests.unit.local_aws.crawlers.conftest import BRONZE, SECONDS, Lake


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


def test_crawlers_are_found_by_their_tags(lake: Lake) -> None:
    lake.crawler(Tags={"team": lake.name, "stage": "test"})
    found = lake.glue.list_crawlers(Tags={"team": lake.name})["CrawlerNames"]
    assert found == [lake.name]
    assert not lake.glue.list_crawlers(Tags={"team": lake.name, "stage": "live"})["CrawlerNames"]


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
