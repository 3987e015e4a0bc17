"""What a request to Glue or Athena asks to do, in IAM's words."""

from typing import Any

import pytest

from include.local_aws.front.resources import request

GROUPS = {"q-1": "analysts", "q-2": "pipeline"}


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("AWSGlue.GetDatabase", {"Name": "Shop"}, ["catalog", "database/shop"]),
        ("AWSGlue.GetDatabases", {}, ["catalog", "database/*"]),
        (
            "AWSGlue.CreateDatabase",
            {"DatabaseInput": {"Name": "shop"}},
            ["catalog", "database/shop"],
        ),
        (
            "AWSGlue.GetTable",
            {"DatabaseName": "shop", "Name": "Orders"},
            ["catalog", "database/shop", "table/shop/orders"],
        ),
        (
            "AWSGlue.GetTables",
            {"DatabaseName": "shop"},
            ["catalog", "database/shop", "table/shop/*"],
        ),
        (
            "AWSGlue.UpdateTable",
            {"DatabaseName": "shop", "TableInput": {"Name": "orders"}},
            ["catalog", "database/shop", "table/shop/orders"],
        ),
        (
            "AWSGlue.BatchDeleteTable",
            {"DatabaseName": "shop", "TablesToDelete": ["a", "b"]},
            ["catalog", "database/shop", "table/shop/a", "table/shop/b"],
        ),
        (
            "AWSGlue.BatchCreatePartition",
            {"DatabaseName": "shop", "TableName": "orders"},
            ["catalog", "database/shop", "table/shop/orders"],
        ),
        (
            "AWSGlue.DeleteTableVersion",
            {"DatabaseName": "shop", "TableName": "orders", "VersionId": "3"},
            ["catalog", "database/shop", "table/shop/orders", "tableVersion/shop/orders/3"],
        ),
        ("AWSGlue.SearchTables", {}, ["catalog", "database/*", "table/*/*"]),
        ("AWSGlue.StartCrawler", {"Name": "c"}, ["crawler/c"]),
        ("AWSGlue.ListCrawls", {"CrawlerName": "c"}, ["crawler/c"]),
        ("AWSGlue.BatchGetCrawlers", {"CrawlerNames": ["c", "d"]}, ["crawler/c", "crawler/d"]),
        ("AWSGlue.ListCrawlers", {}, ["*"]),
        ("AWSGlue.StartJobRun", {"JobName": "j"}, ["job/j"]),
        ("AWSGlue.GetJobRun", {"JobName": "j", "RunId": "r"}, ["job/j"]),
        ("AWSGlue.GetConnection", {"Name": "till"}, ["catalog", "connection/till"]),
        ("AWSGlue.GetDataQualityRuleset", {"Name": "rules"}, ["dataQualityRuleset/rules"]),
        (
            "AWSGlue.StartDataQualityRulesetEvaluationRun",
            {"RulesetNames": ["rules"]},
            ["dataQualityRuleset/rules"],
        ),
        ("AWSGlue.GetClassifier", {"Name": "x"}, ["*"]),
        ("AmazonAthena.StartQueryExecution", {"WorkGroup": "analysts"}, ["workgroup/analysts"]),
        ("AmazonAthena.StartQueryExecution", {}, ["workgroup/primary"]),
        ("AmazonAthena.GetQueryResults", {"QueryExecutionId": "q-2"}, ["workgroup/pipeline"]),
        (
            "AmazonAthena.BatchGetQueryExecution",
            {"QueryExecutionIds": ["q-1", "q-2"]},
            ["workgroup/analysts", "workgroup/pipeline"],
        ),
        ("AmazonAthena.GetWorkGroup", {"WorkGroup": "analysts"}, ["workgroup/analysts"]),
        ("AmazonAthena.CreateWorkGroup", {"Name": "new"}, ["workgroup/new"]),
        (
            "AmazonAthena.ListDatabases",
            {"CatalogName": "AwsDataCatalog"},
            ["datacatalog/AwsDataCatalog"],
        ),
        ("AmazonAthena.ListWorkGroups", {}, ["*"]),
    ],
)
def test_a_request_names_its_resources(
    target: str, body: dict[str, Any], expected: list[str]
) -> None:
    found = request(target, body, "eu-west-1", "1", lambda _, identity: GROUPS[identity])
    action = f"{found.service}:{target.partition('.')[2]}"
    base = f"arn:aws:{found.service}:eu-west-1:1:"
    arns = [path if path == "*" else base + path for path in expected]
    assert found.checks == tuple((action, arn) for arn in arns)


@pytest.mark.parametrize("role", ["etl", "arn:aws:iam::1:role/etl"])
def test_who_gives_a_job_a_role_must_be_allowed_to_pass_it(role: str) -> None:
    found = request("AWSGlue.CreateJob", {"Name": "j", "Role": role}, "r", "1", lambda *_: "")
    assert found.checks == (
        ("iam:PassRole", "arn:aws:iam::1:role/etl"),
        ("glue:CreateJob", "arn:aws:glue:r:1:job/j"),
    )


def test_other_targets_are_nobodys() -> None:
    assert request("TrentService.Encrypt", {}, "r", "1", lambda *_: "").checks == ()
