"""The crawler knows the row tags of the XML contracts, and keeps everything else it was given."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from include.infrastructure.classifiers import apply_classifiers
from include.lake.contracts import Lake

CRAWLER = "classifying"


def lake(**row_tags: str) -> Lake:
    contracts = [
        SimpleNamespace(
            dataset=dataset, source=SimpleNamespace(format="xml", options={"rowTag": tag})
        )
        for dataset, tag in row_tags.items()
    ]
    drop = SimpleNamespace(dataset="orders", source=SimpleNamespace(format="jsonl", options={}))
    return cast(Lake, SimpleNamespace(contracts=(drop, *contracts)))


@pytest.fixture
def glue(aws_and_front: Callable[[str], Any]) -> Any:
    client = aws_and_front("glue")
    client.create_crawler(
        Name=CRAWLER,
        Role="arn:aws:iam::000000000000:role/crawler",
        DatabaseName="found",
        Targets={"S3Targets": [{"Path": "s3://lake/bronze/", "Exclusions": ["**/_*"]}]},
        SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
        Configuration='{"Version": 1.0, "Grouping": {"TableLevelConfiguration": 3}}',
    )
    yield client
    client.delete_crawler(Name=CRAWLER)


def test_classifiers_follow_the_contracts(glue: Any) -> None:
    before = glue.get_crawler(Name=CRAWLER)["Crawler"]
    lines: list[str] = []
    for contracts, tags in (
        (lake(feed="product", prices="price"), {"feed": "product", "prices": "price"}),
        (lake(feed="item"), {"feed": "item"}),
        (lake(feed="item"), {"feed": "item"}),
        (lake(), {}),
    ):
        apply_classifiers(glue, CRAWLER, contracts, lines.append)
        after = glue.get_crawler(Name=CRAWLER)["Crawler"]
        names = {f"{CRAWLER}-{name}-{tag}": tag for name, tag in sorted(tags.items())}
        assert after.get("Classifiers", []) == list(names)
        for name, tag in names.items():
            found = glue.get_classifier(Name=name)["Classifier"]["XMLClassifier"]
            assert (found["RowTag"], found["Classification"]) == (tag, "xml")
        for key in ("Role", "DatabaseName", "Targets", "SchemaChangePolicy", "Configuration"):
            assert after[key] == before[key]
    assert lines[0] == f"{CRAWLER}: 2 classifiers of XML"
