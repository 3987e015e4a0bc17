"""With enforcement on, the data plane's roles can do what their policies say and nothing else."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_aws.conftest import SESSION
from tests.unit.local_aws.iam.conftest import Guarded

DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
TABLE = {"StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]}}


def outcome(guarded: Guarded, role: str, service: str, call: str, given: dict[str, Any]) -> str:
    """Make a call in a role: "allowed", or the message of the denial."""
    text = json.dumps(given)
    for name, value in guarded.outputs.items():
        text = text.replace(f"<{name}>", value)
    try:
        getattr(guarded.client(service, role), call)(**json.loads(text))
    except ClientError as error:
        if error.response["Error"]["Code"] in DENIED:
            return str(error.response["Error"]["Message"])
    return "allowed"


def put(key: str, bucket: str = "LakeBucket") -> tuple[str, str, dict[str, Any]]:
    return "s3", "put_object", {"Bucket": f"<{bucket}>", "Key": key, "Body": "x"}


def get(key: str, bucket: str = "LakeBucket") -> tuple[str, str, dict[str, Any]]:
    return "s3", "get_object", {"Bucket": f"<{bucket}>", "Key": key}


def remove(key: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", "delete_object", {"Bucket": "<LakeBucket>", "Key": key}


def listing(prefix: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", "list_objects_v2", {"Bucket": "<LakeBucket>", "Prefix": prefix}


def table(action: str, database: str, name: str) -> tuple[str, str, dict[str, Any]]:
    return "glue", f"{action}_table", {"DatabaseName": database, "Name": name}


def create(database: str, name: str) -> tuple[str, str, dict[str, Any]]:
    return "glue", "create_table", {"DatabaseName": database, "TableInput": TABLE | {"Name": name}}


def query(group: str, sql: str = "SELECT 1") -> tuple[str, str, dict[str, Any]]:
    return "athena", "start_query_execution", {"QueryString": sql, "WorkGroup": f"<{group}>"}


def secret(name: str) -> tuple[str, str, dict[str, Any]]:
    return "secretsmanager", "get_secret_value", {"SecretId": f"retail-lake/test/{name}"}


def metric(namespace: str) -> tuple[str, str, dict[str, Any]]:
    data = [{"MetricName": "m", "Value": 1.0}]
    return "cloudwatch", "put_metric_data", {"Namespace": namespace, "MetricData": data}


ALLOWED = [
    ("airflow", get("bronze/a")),
    ("airflow", put("bronze/a")),
    ("airflow", put("ops/releases/a")),
    ("airflow", remove("staging/a")),
    ("airflow", listing("bronze/")),
    ("airflow", table("get", "retail_silver", "sales")),
    ("airflow", table("get", "sales_analytics", "daily_sales")),
    ("airflow", create("retail_gold", "daily__r1_1")),
    ("airflow", table("delete", "retail_gold", "daily__r1_1")),
    ("airflow", ("glue", "get_crawler", {"Name": "<CrawlerName>"})),
    ("airflow", ("glue", "get_job_runs", {"JobName": "<JobName>"})),
    ("airflow", query("PipelineWorkgroup")),
    (
        "airflow",
        (
            "athena",
            "get_table_metadata",
            {
                "CatalogName": "AwsDataCatalog",
                "DatabaseName": "retail_silver",
                "TableName": "sales",
            },
        ),
    ),
    ("airflow", secret("tills")),
    ("airflow", ("sns", "publish", {"TopicArn": "<AlertTopicArn>", "Message": "m"})),
    (
        "airflow",
        (
            "glue",
            "delete_table_version",
            {"DatabaseName": "retail_ops", "TableName": "published", "VersionId": "9"},
        ),
    ),
    ("glue-job", get("bronze/a")),
    ("glue-job", put("silver/sales/a")),
    ("glue-job", secret("customer-token-key")),
    ("glue-job", ("logs", "create_log_group", {"logGroupName": "/aws-glue/jobs/output"})),
    ("crawler", get("bronze/a")),
    ("crawler", create("retail_bronze", "orders")),
    ("analyst", listing("gold/daily/")),
    ("analyst", get("silver/sales/a")),
    ("analyst", query("AnalystsWorkgroup")),
]
REFUSED = [
    ("airflow", remove("bronze/a"), "s3:DeleteObject", "/bronze/a"),
    ("airflow", put("silver/a"), "s3:PutObject", "/silver/a"),
    ("airflow", create("retail_gold", "daily"), "glue:CreateTable", "table/retail_gold/daily"),
    (
        "airflow",
        table("delete", "retail_ops", "published"),
        "glue:DeleteTable",
        "database/retail_ops",
    ),
    ("airflow", ("glue", "start_job_run", {"JobName": "x"}), "glue:StartJobRun", "job/x"),
    ("airflow", query("AnalystsWorkgroup"), "athena:StartQueryExecution", "-analysts"),
    ("airflow", secret("customer-token-key"), "secretsmanager:GetSecretValue", "token-key"),
    ("glue-job", put("bronze/a"), "s3:PutObject", "/bronze/a"),
    ("glue-job", put("gold/a"), "s3:PutObject", "/gold/a"),
    ("glue-job", table("get", "retail_gold", "daily"), "glue:GetTable", "catalog"),
    ("glue-job", metric("Own"), "cloudwatch:PutMetricData", ""),
    ("glue-job", ("glue", "start_crawler", {"Name": "c"}), "glue:StartCrawler", "crawler/c"),
    ("crawler", put("bronze/a"), "s3:PutObject", "/bronze/a"),
    ("crawler", get("silver/a"), "s3:GetObject", "/silver/a"),
    ("crawler", table("delete", "retail_bronze", "orders"), "glue:DeleteTable", "catalog"),
    ("analyst", listing("bronze/"), "s3:ListBucket", ""),
    ("analyst", get("bronze/a"), "s3:GetObject", "/bronze/a"),
    ("analyst", query("PipelineWorkgroup"), "athena:StartQueryExecution", "-pipeline"),
    (
        "analyst",
        table("get", "retail_silver", "clean_pos"),
        "glue:GetTable",
        "table/retail_silver/clean_pos",
    ),
    ("analyst", ("glue", "get_databases", {}), "glue:GetDatabases", "catalog"),
    (
        "analyst",
        (
            "glue",
            "create_job",
            {"Name": "j", "Role": "admin", "Command": {"Name": "pythonshell"}},
        ),
        "iam:PassRole",
        "role/admin",
    ),
]


def test_roles_can_do_their_work(guarded: Guarded) -> None:
    found = [(role, *call[:2], outcome(guarded, role, *call)) for role, call in ALLOWED]
    assert [one for one in found if one[3] != "allowed"] == []


@pytest.mark.parametrize(("role", "call", "action", "resource"), REFUSED)
def test_roles_can_do_nothing_else(
    guarded: Guarded, role: str, call: tuple[str, str, dict[str, Any]], action: str, resource: str
) -> None:
    message = outcome(guarded, role, *call)
    assert f"not authorized to perform: {action}" in message
    assert resource in message
    assert f":assumed-role/retail-lake-test-{role}/test" in message


def test_a_process_acts_in_a_role_as_containers_do(guarded: Guarded) -> None:
    """AWS_CONTAINER_CREDENTIALS_FULL_URI is all that it is told: so Airflow has its role."""
    name = "retail-lake-test-airflow"
    variables = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": guarded.url,
        "AWS_ENDPOINT_URL_GLUE": guarded.front,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{guarded.url}/_local_aws/credentials/{name}",
    }
    script = (
        "import boto3\n"
        "print(boto3.client('sts').get_caller_identity()['Arn'])\n"
        "boto3.client('glue').delete_table(DatabaseName='retail_ops', Name='published')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == f"arn:aws:sts::000000000000:assumed-role/{name}/{name}"
    assert "not authorized to perform: glue:DeleteTable" in done.stderr
    status, found = guarded.ask(guarded.url, "GET", "/_local_aws/credentials/nobody")
    assert (status, found["error"]) == (400, "LookupError: there is no role nobody")


def test_a_wrong_signature_and_an_unknown_key_are_refused(guarded: Guarded) -> None:
    right = guarded.session("retail-lake-test-airflow")
    for wrong in (
        right | {"aws_secret_access_key": "another"},
        right | {"aws_session_token": "another"},
        right | {"aws_access_key_id": "ASIA0000000000000000"},
    ):
        glue = SESSION.client("glue", endpoint_url=guarded.front, region_name="us-east-1", **wrong)
        with pytest.raises(ClientError) as caught:
            glue.get_table(DatabaseName="retail_silver", Name="sales")
        assert caught.value.response["Error"]["Code"] in {
            "InvalidSignatureException",
            "UnrecognizedClientException",
        }


def test_crawler_query_and_job_act_in_their_roles(guarded: Guarded) -> None:
    lake, root = guarded.outputs["LakeBucket"], guarded.root("s3")
    root.delete_object(Bucket=lake, Key="bronze/a")  # of another test: above the tables' level
    root.put_object(Bucket=lake, Key="bronze/web/ingest_date=1/a.json", Body=b'{"id": 7}\n')

    glue = guarded.client("glue", "airflow")
    glue.start_crawler(Name=guarded.outputs["CrawlerName"])
    while (crawler := glue.get_crawler(Name=guarded.outputs["CrawlerName"])["Crawler"])[
        "State"
    ] != "READY":
        time.sleep(0.05)
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED", crawler["LastCrawl"]

    sql = "SELECT id FROM retail_bronze.web"
    assert run(guarded, "airflow", "PipelineWorkgroup", sql)[0] == "SUCCEEDED"
    state, reason = run(guarded, "analyst", "AnalystsWorkgroup", sql)
    assert state == "FAILED"
    assert reason.startswith("Insufficient permissions to execute the query. User: ")
    assert "retail-lake-test-analyst" in reason
    assert "not authorized to perform: glue:Get" in reason

    script = (
        "import boto3\n"
        "s3 = boto3.client('s3')\n"
        f"s3.get_object(Bucket='{lake}', Key='bronze/web/ingest_date=1/a.json')\n"
        f"s3.put_object(Bucket='{lake}', Key='silver/sales/a', Body=b'x')\n"
        f"s3.put_object(Bucket='{lake}', Key='bronze/web/b', Body=b'x')\n"
    )
    message = failed(guarded, "pythonshell", script)
    assert "AccessDenied" in message
    assert f's3:PutObject on resource: "arn:aws:s3:::{lake}/bronze/web/b"' in message
    assert root.head_object(Bucket=lake, Key="silver/sales/a")["ContentLength"] == 1


def failed(guarded: Guarded, kind: str, script: str) -> str:
    """Run a job in the data plane's role for jobs, which fails: its error message."""
    scripts = guarded.outputs["ScriptsBucket"]
    guarded.root("s3").put_object(Bucket=scripts, Key=f"jobs/{kind}.py", Body=script.encode())
    glue = guarded.root("glue")
    command = {"Name": kind, "ScriptLocation": f"s3://{scripts}/jobs/{kind}.py"}
    glue.create_job(Name=kind, Role="retail-lake-test-glue-job", Command=command)
    identity = glue.start_job_run(JobName=kind)["JobRunId"]
    while True:
        ended = glue.get_job_run(JobName=kind, RunId=identity)["JobRun"]
        if ended["JobRunState"] not in ("STARTING", "RUNNING"):
            break
        time.sleep(0.1)
    assert ended["JobRunState"] == "FAILED"
    return str(ended["ErrorMessage"])


def test_a_spark_job_reads_and_writes_in_its_role(guarded: Guarded) -> None:
    lake, root = guarded.outputs["LakeBucket"], guarded.root("s3")
    root.put_object(Bucket=lake, Key="bronze/spark/a.json", Body=b'{"id": 7}\n')
    script = (
        "from pyspark.sql import SparkSession\n"
        "rows = SparkSession.builder.getOrCreate().read.json('s3://LAKE/bronze/spark/')\n"
        "rows.coalesce(1).write.json('s3://LAKE/silver/spark/')\n"
        "rows.coalesce(1).write.json('s3://LAKE/bronze/out/')\n"
    )
    message = failed(guarded, "glueetl", script.replace("LAKE", lake))
    assert "AccessControlException" in message
    assert "s3:PutObject" in message
    written = root.list_objects_v2(Bucket=lake, Prefix="silver/spark/part-")["Contents"]
    (key,) = (item["Key"] for item in written)
    assert root.get_object(Bucket=lake, Key=key)["Body"].read() == b'{"id":7}\n'
    assert "Contents" not in root.list_objects_v2(Bucket=lake, Prefix="bronze/out/")


def test_a_query_reads_only_what_its_caller_may_read(guarded: Guarded) -> None:
    """The catalog alone is not enough: the files are the caller's to list and to read."""
    lake, root = guarded.outputs["LakeBucket"], guarded.root("s3")
    root.put_object(Bucket=lake, Key="bronze/files/a.json", Body=b'{"id": 7}\n')
    descriptor = {
        "Columns": [{"Name": "id", "Type": "int"}],
        "Location": f"s3://{lake}/bronze/files/",
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    }
    guarded.root("glue").create_table(
        DatabaseName="retail_gold",
        TableInput={
            "Name": "files",
            "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": descriptor,
        },
    )
    sql = "SELECT id FROM retail_gold.files"
    assert run(guarded, "airflow", "PipelineWorkgroup", sql)[0] == "SUCCEEDED"
    state, reason = run(guarded, "analyst", "AnalystsWorkgroup", sql)
    assert state == "FAILED"
    assert reason.startswith("PERMISSION_DENIED")
    assert f's3:ListBucket on resource: "arn:aws:s3:::{lake}"' in reason


def run(guarded: Guarded, role: str, group: str, sql: str) -> tuple[str, str]:
    """Run a query in a role: its state and the reason of it."""
    athena = guarded.client("athena", role)
    identity = athena.start_query_execution(QueryString=sql, WorkGroup=guarded.outputs[group])[
        "QueryExecutionId"
    ]
    while True:
        status = athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            return status["State"], status.get("StateChangeReason", "")
        time.sleep(0.05)


def test_what_spark_does_through_the_gateway_is_done_in_the_runs_role(guarded: Guarded) -> None:
    lake = guarded.outputs["LakeBucket"]
    guarded.root("s3").put_object(Bucket=lake, Key="bronze/in", Body=b"rows")
    guarded.session("retail-lake-test-glue-job", "jr_42")

    def files(method: str, key: str, operation: str, user: str, body: bytes = b"") -> Any:
        path = f"/webhdfs/v1/{lake}/{key}?op={operation}&user.name={user}&datanode=true"
        return guarded.ask(guarded.gateway, method, path, body)

    assert files("GET", "bronze/in", "OPEN", "jr_42") == (200, b"rows")
    assert files("PUT", "silver/out", "CREATE", "jr_42", b"rows")[0] == 201
    status, found = files("PUT", "bronze/out", "CREATE", "jr_42", b"rows")
    assert status == 403
    assert found["RemoteException"]["exception"] == "AccessControlException"
    assert "s3:PutObject" in found["RemoteException"]["message"]
    status, found = files("GET", "gold/in", "GETFILESTATUS", "jr_42")
    assert status == 403
    assert "not authorized to perform: s3:GetObject" in found["RemoteException"]["message"]
    status, found = files("GET", "bronze/in", "OPEN", "somebody")
    assert status == 403
    assert "is no job run" in found["RemoteException"]["message"]
