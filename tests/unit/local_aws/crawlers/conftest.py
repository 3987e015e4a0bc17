"""A bucket, a database and a crawler over them, for the tests of crawls."""

import json
import time
from typing import Any

import pytest

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
