"""The roles, on an emulated account that enforces IAM: what each may do, and what it may not."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from include.infrastructure import stack

TEMPLATE = Path(stack.__file__).with_name("data_plane.yaml")
ROLES = ("Airflow", "GlueJob", "ExtractJob", "Crawler", "Analyst")
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
# who may put and who may get an object below each prefix of the lake bucket
LAKE_PREFIXES = {
    "bronze/orders/ingest_date=2026-01-01/a": ("Airflow ExtractJob", "Airflow GlueJob Crawler"),
    "staging/extracts/a": ("Airflow ExtractJob", "Airflow ExtractJob"),
    "silver/sales/release=r/a": ("GlueJob", "Airflow GlueJob Analyst"),
    "silver/customers/release=r/a": ("GlueJob", "Airflow GlueJob Analyst"),
    "silver/clean_orders/release=r/a": ("GlueJob", "Airflow GlueJob"),
    "gold/daily_sales/release=r/a": ("Airflow", "Airflow Analyst"),
    "ops/releases/r/inputs.json": ("Airflow GlueJob", "Airflow GlueJob"),
    "ops/quarantine/release=r/a": ("GlueJob", "Airflow GlueJob"),
    "ops/run_ledger/release=r/a": ("GlueJob", "Airflow GlueJob"),
    "ops/published/r-1/pointer.jsonl": ("Airflow", "Airflow GlueJob Analyst"),
    "ops/restatements/release=r/a": ("Airflow", "Airflow GlueJob Analyst"),
    "ops/run_costs/release=r/a": ("Airflow", "Airflow GlueJob Analyst"),
    "ops/drift/orders.json": ("Airflow", "Airflow GlueJob"),
    "ops/erasures/0.json": ("Airflow", "Airflow GlueJob"),
    "ops/turn.json": ("Airflow", "Airflow GlueJob"),
}

Account = Callable[..., Any]


@pytest.fixture(scope="module")
def root(guarded_endpoint: str) -> Account:
    session = boto3.session.Session()

    @cache
    def client(service: str, **credentials: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | credentials
        return session.client(
            service, endpoint_url=guarded_endpoint, region_name="us-east-1", **keys
        )

    return client


@pytest.fixture(scope="module")
def outputs(root: Account) -> dict[str, str]:
    hosts = {"TillsHost": "db", "CustomersHost": "db", "MarketplaceUrl": "https://api"}
    passwords = dict.fromkeys(("TillsPassword", "CustomersPassword", "MarketplaceToken"), "secret")
    parameters = {"Environment": "local", **hosts, **passwords}
    cloudformation = root("cloudformation")
    return stack.apply(cloudformation, "retail-lake-local", TEMPLATE.read_text(), parameters, print)


@pytest.fixture(scope="module")
def as_role(root: Account, outputs: dict[str, str]) -> Callable[[str, str], Any]:
    """Makes a client with a role's temporary credentials."""
    keys = {
        role: root("sts").assume_role(RoleArn=outputs[f"{role}RoleArn"], RoleSessionName="test")[
            "Credentials"
        ]
        for role in ROLES
    }
    return lambda role, service: root(
        service,
        aws_access_key_id=keys[role]["AccessKeyId"],
        aws_secret_access_key=keys[role]["SecretAccessKey"],
        aws_session_token=keys[role]["SessionToken"],
    )


@pytest.fixture
def without_tls_policy(root: Account, outputs: dict[str, str]) -> None:
    """Takes the TLS-only policies off: the emulator speaks plain HTTP."""
    for bucket in ("LakeBucket", "ResultsBucket", "ScriptsBucket"):
        root("s3").delete_bucket_policy(Bucket=outputs[bucket])


def allowed(call: Callable[..., Any], **arguments: Any) -> bool:
    """Whether IAM lets a call through, whatever the service then says to it."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True


def test_plain_http_is_refused_before_anything_else(
    as_role: Callable[[str, str], Any], outputs: dict[str, str]
) -> None:
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        as_role("Airflow", "s3").put_object(Bucket=outputs["LakeBucket"], Key="bronze/a", Body=b"")


@pytest.mark.usefixtures("without_tls_policy")
def test_objects_of_the_lake(
    root: Account, as_role: Callable[[str, str], Any], outputs: dict[str, str]
) -> None:
    bucket = outputs["LakeBucket"]
    for key, (writers, readers) in LAKE_PREFIXES.items():
        root("s3").put_object(Bucket=bucket, Key=key, Body=b"")
        clients = {role: as_role(role, "s3") for role in ROLES}
        may_put = [r for r in ROLES if allowed(clients[r].put_object, Bucket=bucket, Key=key)]
        may_get = [r for r in ROLES if allowed(clients[r].get_object, Bucket=bucket, Key=key)]
        assert (key, may_put, may_get) == (key, writers.split(), readers.split())


@pytest.mark.usefixtures("without_tls_policy")
def test_nobody_deletes_bronze_and_only_spark_and_housekeeping_the_rest(
    as_role: Callable[[str, str], Any], outputs: dict[str, str]
) -> None:
    keys = ["bronze/a", "staging/extracts/a", "silver/sales/a", "gold/a", "ops/published/a"]
    found = {
        (role, key)
        for role in ROLES
        for key in keys
        if allowed(as_role(role, "s3").delete_object, Bucket=outputs["LakeBucket"], Key=key)
    }
    assert found == {
        *(("Airflow", key) for key in keys if key != "bronze/a"),
        ("GlueJob", "silver/sales/a"),
        ("ExtractJob", "staging/extracts/a"),
    }


def test_secrets(as_role: Callable[[str, str], Any], outputs: dict[str, str]) -> None:
    sources = ("TillsSecret", "CustomersSecret", "MarketplaceSecret")
    readers = {
        name: [
            role
            for role in ROLES
            if allowed(
                as_role(role, "secretsmanager").get_secret_value, SecretId=outputs[f"{name}Id"]
            )
        ]
        for name in (*sources, "CustomerTokenKeySecret")
    }
    assert readers == {
        **{name: ["Airflow", "ExtractJob"] for name in sources},
        "MarketplaceSecret": ["Airflow"],
        "CustomerTokenKeySecret": ["GlueJob"],
    }


def test_catalog(root: Account, outputs: dict[str, str]) -> None:
    """By IAM's own simulator: the emulator checks a table's calls against its database only."""

    def allows(role: str, action: str, database: str, table: str) -> bool:
        arn = "arn:aws:glue:us-east-1:000000000000:"
        decisions = [
            root("iam").simulate_principal_policy(
                PolicySourceArn=outputs[f"{role}RoleArn"],
                ActionNames=[f"glue:{action}"],
                ResourceArns=[f"{arn}{resource}"],
            )["EvaluationResults"][0]["EvalDecision"]
            for resource in ("catalog", f"database/{database}", f"table/{database}/{table}")
        ]
        return decisions == ["allowed"] * 3

    staged = "daily_sales__r20260101_0123456789ab_1"
    for role, action, database, table, expected in [
        ("Airflow", "CreateTable", "retail_gold", staged, True),
        ("Airflow", "CreateTable", "retail_gold", "daily_sales", False),
        ("Airflow", "CreateTable", "retail_silver", "sales__x_1", False),
        ("Airflow", "DeleteTable", "retail_gold", staged, True),
        ("Airflow", "DeleteTable", "retail_gold", "daily_sales", False),
        ("Airflow", "UpdateTable", "retail_ops", "published", True),
        ("Airflow", "UpdateTable", "retail_ops", "run_ledger", False),
        ("Airflow", "UpdateTable", "retail_gold", "daily_sales", False),
        ("Airflow", "GetTableVersions", "retail_ops", "published", True),
        ("Airflow", "DeleteTableVersion", "retail_ops", "published", True),
        ("Airflow", "DeleteTableVersion", "retail_ops", "run_ledger", False),
        ("Airflow", "GetTables", "retail_gold", "daily_sales", True),
        ("Airflow", "BatchDeletePartition", "retail_silver", "sales", True),
        ("Airflow", "BatchDeletePartition", "retail_bronze", "orders", False),
        ("Airflow", "BatchCreatePartition", "retail_silver", "sales", True),
        ("Airflow", "BatchCreatePartition", "retail_bronze", "orders", False),
        ("Airflow", "GetTable", "retail_bronze", "orders", True),
        ("Analyst", "GetTable", "sales_analytics", "transactions", True),
        ("Analyst", "GetTable", "retail_silver", "sales", True),
        ("Analyst", "GetTable", "retail_silver", "clean_ecommerce_orders", False),
        ("Analyst", "GetTable", "retail_ops", "published", True),
        ("Analyst", "GetTable", "retail_ops", "restatements", True),
        ("Analyst", "GetTable", "retail_ops", "run_costs", True),
        ("Analyst", "GetTable", "retail_ops", "quarantine", False),
        ("Analyst", "CreateTable", "sales_analytics", "mine", False),
        ("Crawler", "CreateTable", "retail_bronze", "orders", True),
        ("Crawler", "UpdateTable", "retail_silver", "sales", False),
        ("Crawler", "DeleteTable", "retail_bronze", "orders", False),
        ("GlueJob", "GetTable", "retail_silver", "sales", False),
    ]:
        assert (role, action, table, allows(role, action, database, table)) == (
            role,
            action,
            table,
            expected,
        )


def test_runs(as_role: Callable[[str, str], Any], outputs: dict[str, str]) -> None:
    glue = as_role("Airflow", "glue")
    for name in ("JobName", "ExtractJobName"):
        assert allowed(glue.start_job_run, JobName=outputs[name])
    assert not allowed(glue.start_job_run, JobName="another")
    assert not allowed(glue.update_job, JobName=outputs["JobName"], JobUpdate={})
    workgroups = {
        (role, workgroup)
        for role in ROLES
        for workgroup in ("PipelineWorkgroup", "AnalystsWorkgroup")
        if allowed(
            as_role(role, "athena").start_query_execution,
            QueryString="SELECT 1",
            WorkGroup=outputs[workgroup],
        )
    }
    assert workgroups == {("Airflow", "PipelineWorkgroup"), ("Analyst", "AnalystsWorkgroup")}
    publishers = [
        role
        for role in ROLES
        if allowed(as_role(role, "sns").publish, TopicArn=outputs["AlertTopicArn"], Message="x")
    ]
    assert publishers == ["Airflow"]
