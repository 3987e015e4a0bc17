"""The template: valid for AWS, deployable as it stands, and as closed as it claims to be."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.infrastructure import stack

TEMPLATE = Path(stack.__file__).with_name("data_plane.yaml")
STACK = "retail-lake-local"
PARAMETERS = {
    "Environment": "local",
    "TillsHost": "127.0.0.1",
    "TillsPort": "5433",
    "TillsPassword": "open sesame",
    "CustomersHost": "crm",
    "CustomersPassword": "open barley",
    "MarketplaceUrl": "https://api.example.com",
    "MarketplaceToken": "t0ken",
}
OUTPUTS = {
    "Environment",
    "LakeBucket",
    "ResultsBucket",
    "ScriptsBucket",
    "CrawlerName",
    "JobName",
    "ExtractJobName",
    "PipelineWorkgroup",
    "AnalystsWorkgroup",
    "AlertTopicArn",
    "TillsSecretId",
    "CustomersSecretId",
    "MarketplaceSecretId",
    "CustomerTokenKeySecretId",
    "AirflowRoleArn",
    "GlueJobRoleArn",
    "ExtractJobRoleArn",
    "CrawlerRoleArn",
    "AnalystRoleArn",
    "KmsKeyArn",
}
TAKE_NO_RESOURCE = {"cloudwatch:PutMetricData", "glue:ListCrawls"}
LOCK = TEMPLATE.parents[1] / "environments" / "glue.txt"

Clients = Callable[[str], Any]


class Template(yaml.SafeLoader):
    """Reads a template; `!Ref x` becomes {"!Ref": "x"}."""


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {f"!{name}": loader.construct_scalar(node)}
    assert isinstance(node, yaml.SequenceNode)
    return {f"!{name}": loader.construct_sequence(node, deep=True)}


yaml.add_multi_constructor("!", _function, Template)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text(), Template)
    return loaded


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }
    assert found, f"no {kind}"
    return found


def deployed(aws: Clients, **changes: str) -> tuple[dict[str, str], list[str]]:
    lines: list[str] = []
    outputs = stack.apply(
        aws("cloudformation"), STACK, TEMPLATE.read_text(), PARAMETERS | changes, lines.append
    )
    return outputs, lines


def test_cfn_lint_has_nothing_to_say() -> None:
    templates = sorted(TEMPLATE.parent.glob("*.yaml"))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    linted = subprocess.run([cfn_lint, *templates], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")


def test_it_fits_a_request_body_and_uses_no_alias() -> None:
    text = TEMPLATE.read_text()
    assert len(text.encode()) <= 51_200
    events = yaml.parse(text)
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]


def test_buckets_are_encrypted_versioned_private_and_clean_up(template: dict[str, Any]) -> None:
    for name, bucket in resources(template, "AWS::S3::Bucket").items():
        rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert rule["BucketKeyEnabled"] is True, name
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}, name
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), name
        assert any("NoncurrentVersionExpiration" in rule for rule in rules), name


def test_every_bucket_refuses_plain_http(template: dict[str, Any]) -> None:
    policies = resources(template, "AWS::S3::BucketPolicy").values()
    statements = {
        policy["Bucket"]["!Ref"]: policy["PolicyDocument"]["Statement"][0] for policy in policies
    }
    assert set(statements) == set(resources(template, "AWS::S3::Bucket"))
    for bucket, statement in statements.items():
        assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"] == [
            {"!GetAtt": f"{bucket}.Arn"},
            {"!Sub": f"${{{bucket}.Arn}}/*"},
        ]


def test_roles_name_actions_and_resources(template: dict[str, Any]) -> None:
    for role, properties in resources(template, "AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in properties
        for policy in properties["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                where = f"{role} {statement['Sid']}"
                actions = statement["Action"]
                actions = {actions} if isinstance(actions, str) else set(actions)
                assert statement["Effect"] == "Allow", where
                assert not [action for action in actions if "*" in action], where
                if statement["Resource"] == "*":
                    assert actions <= TAKE_NO_RESOURCE, where


def test_the_network_of_the_extracts_is_opened_only_for_a_connection(
    template: dict[str, Any],
) -> None:
    policy = template["Resources"]["ExtractNetworkPolicy"]
    assert policy["Condition"] == "ExtractInVpc"
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        looks = all(action.startswith("ec2:Describe") for action in actions)
        assert (statement["Resource"] == "*") is looks, statement["Sid"]


@pytest.mark.parametrize("job", ["BronzeToSilverJob", "ExtractTableJob"])
def test_what_decides_bytes_is_what_was_tested(template: dict[str, Any], job: str) -> None:
    arguments = resources(template, "AWS::Glue::Job")[job]["DefaultArguments"]
    pins = arguments["--additional-python-modules"].lower().split(",")
    assert set(pins) <= set(LOCK.read_text().lower().splitlines())


def test_only_the_pointer_table_may_be_updated_by_airflow(template: dict[str, Any]) -> None:
    role = resources(template, "AWS::IAM::Role")["AirflowRole"]
    updates = [
        statement["Resource"]
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "glue:UpdateTable" in statement["Action"]
    ]
    assert len(updates) == 1
    tables = [arn["!Sub"].split(":table/")[1] for arn in updates[0] if ":table/" in arn["!Sub"]]
    assert tables == ["${OpsDatabase}/published"]


def test_analysts_reach_neither_bronze_nor_quarantine(template: dict[str, Any]) -> None:
    policies = resources(template, "AWS::IAM::Role")["AnalystRole"]["Policies"]
    text = json.dumps(policies)
    assert "bronze" not in text.lower()
    assert "quarantine" not in text
    assert "${OpsDatabase}/published" in text


def test_alarm_has_the_metric_s_own_dimensions(template: dict[str, Any]) -> None:
    jobs = resources(template, "AWS::Glue::Job")
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    assert [alarm["Dimensions"][0]["Value"]["!Ref"] for alarm in alarms] == list(jobs)
    for alarm in alarms:
        assert [dimension["Name"] for dimension in alarm["Dimensions"]] == [
            "JobName",
            "JobRunId",
            "ObservabilityGroup",
            "Type",
        ]
    for job in jobs.values():
        assert job["DefaultArguments"]["--enable-observability-metrics"] == "true"


def test_crawler_makes_one_table_per_dataset(template: dict[str, Any]) -> None:
    crawler = resources(template, "AWS::Glue::Crawler")["BronzeCrawler"]
    configuration = json.loads(crawler["Configuration"])
    assert configuration["Grouping"]["TableLevelConfiguration"] == 3
    output = configuration["CrawlerOutput"]
    assert output["Partitions"] == {"AddOrUpdateBehavior": "InheritFromTable"}
    assert output["Tables"] == {"AddOrUpdateBehavior": "MergeNewColumns"}


def test_deployed_twice_it_is_up_to_date(aws: Clients) -> None:
    outputs, _ = deployed(aws)
    assert set(outputs) == OUTPUTS
    assert outputs["LakeBucket"] == "retail-lake-local-lake-000000000000"
    again, lines = deployed(aws)
    assert again == outputs
    assert lines == [f"{STACK}: up to date"]


def test_deployed_resources_are_there(aws: Clients) -> None:
    outputs, _ = deployed(aws)
    s3, athena, glue = aws("s3"), aws("athena"), aws("glue")
    assert s3.get_bucket_versioning(Bucket=outputs["LakeBucket"])["Status"] == "Enabled"
    policy = json.loads(s3.get_bucket_policy(Bucket=outputs["LakeBucket"])["Policy"])
    assert policy["Statement"][0]["Resource"][1] == f"arn:aws:s3:::{outputs['LakeBucket']}/*"
    for name, enforced in (("Pipeline", False), ("Analysts", True)):
        workgroup = athena.get_work_group(WorkGroup=outputs[f"{name}Workgroup"])["WorkGroup"]
        assert workgroup["Configuration"]["EnforceWorkGroupConfiguration"] is enforced
    for name in ("JobName", "ExtractJobName"):
        job = glue.get_job(JobName=outputs[name])["Job"]
        assert job["GlueVersion"] == "5.1"
        assert job["Command"]["ScriptLocation"].startswith(f"s3://{outputs['ScriptsBucket']}/jobs/")
    databases = {database["Name"] for database in glue.get_databases()["DatabaseList"]}
    assert databases >= {
        "retail_bronze",
        "retail_silver",
        "retail_gold",
        "retail_ops",
        "sales_analytics",
    }


def test_another_port_changes_the_secret_and_keeps_the_token_key(aws: Clients) -> None:
    outputs, _ = deployed(aws)
    secrets = aws("secretsmanager")

    def value(output: str) -> str:
        return str(secrets.get_secret_value(SecretId=outputs[output])["SecretString"])

    key = value("CustomerTokenKeySecretId")
    deployed(aws, TillsPort="6000")
    assert json.loads(value("TillsSecretId")) == {
        "host": "127.0.0.1",
        "port": 6000,
        "dbname": "tills",
        "username": "lake_reader",
        "password": "open sesame",
        "sslmode": "require",
    }
    assert json.loads(value("CustomersSecretId")) == {
        "engine": "mysql",
        "host": "crm",
        "port": 3306,
        "dbname": "customers",
        "username": "customers_reader",
        "password": "open barley",
        "sslmode": "require",
    }
    api = {"url": "https://api.example.com", "token": "t0ken"}
    assert json.loads(value("MarketplaceSecretId")) == api
    assert value("CustomerTokenKeySecretId") == key


def test_a_value_that_is_not_given_stays(aws: Clients) -> None:
    deployed(aws, JobMaxWorkers="5")
    lines: list[str] = []
    stack.apply(aws("cloudformation"), STACK, TEMPLATE.read_text(), {}, lines.append)
    assert lines == [f"{STACK}: up to date"]


def test_what_is_secret_is_not_shown(template: dict[str, Any]) -> None:
    secret = {name for name, p in template["Parameters"].items() if p.get("NoEcho")}
    assert secret == {"TillsPassword", "CustomersPassword", "MarketplaceToken"}
    assert "default" not in {key.lower() for key in template["Parameters"]["MarketplaceToken"]}


def test_without_a_password_one_is_generated(aws: Clients) -> None:
    given = {name: value for name, value in PARAMETERS.items() if "Password" not in name}
    parameters = given | {"Environment": "nopass", "TillsHost": "db"}
    outputs = stack.apply(
        aws("cloudformation"),
        "retail-lake-nopass",
        TEMPLATE.read_text()
        .replace("Name: retail_", "Name: nopass_retail_")
        .replace("Name: sales_", "Name: nopass_sales_"),
        parameters,
        print,
    )
    for database, host in (("Tills", "db"), ("Customers", "crm")):
        secret_id = outputs[f"{database}SecretId"]
        secret = aws("secretsmanager").get_secret_value(SecretId=secret_id)
        connection = json.loads(secret["SecretString"])
        assert (connection["host"], connection["sslmode"]) == (host, "require")
        assert len(connection["password"]) == 32
