"""A missing permission fails by the name of the action, publishes nothing and shows no secret."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from include.lake import layout
from include.lake.contracts import load_lake
from retail_lake.operators.crawler import ReleaseCrawlerOperator
from tests.unit.plugins.conftest import answers, complete, free_port, service
from tests.unit.plugins.test_glue_job import Job
from tests.unit.plugins.world import MART, PARQUET, World, release

TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}

#: Of publishing.
ACTIONS = ("glue:UpdateTable", "glue:BatchCreatePartition", "s3:PutObject", "s3:GetObject")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A local AWS that enforces policies, set in the environment; we are its root."""
    folder = tmp_path_factory.mktemp("guarded")
    base, front = free_port(), free_port()
    url = {name: f"http://127.0.0.1:{port}" for name, port in (("base", base), ("front", front))}
    settings = {
        "AUTH": "true",
        "GATEWAY_PORT": str(base),
        "BIND_HOST": "127.0.0.1",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "TMPDIR": str(folder),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
    }
    ministack = ["-m", "include.local_aws.base", "--calls", str(folder / "calls")]
    glue = ["-m", "include.local_aws.front", "--port", str(front), "--endpoint", url["base"]]
    glue += ["--state", str(folder / "front"), "--gateway-port", str(free_port()), "--enforce-iam"]
    healthy = answers(f"{url['base']}/_ministack/health"), answers(f"{url['front']}/healthz")
    with (
        service(ministack, folder / "base.log", healthy[0], **settings),
        service(glue, folder / "front.log", healthy[1]),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL", url["base"])
        for name in ("GLUE", "ATHENA"):
            patch.setenv(f"AWS_ENDPOINT_URL_{name}", url["front"])
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(scope="module")
def lake(guarded: None) -> World:
    """A lake in which nothing is published."""
    s3, glue = boto3.client("s3"), boto3.client("glue")
    s3.create_bucket(Bucket="guarded-lake")
    glue.create_database(DatabaseInput={"Name": "guarded"})
    policy = {"Version": "2012-10-17", "Statement": [TRUST]}
    boto3.client("iam").create_role(RoleName="work", AssumeRolePolicyDocument=json.dumps(policy))
    made = World("guarded-lake", "guarded", load_lake(), glue, s3, {})
    empty = f"s3://guarded-lake/{layout.EMPTY_POINTER_PREFIX}"
    made.table("published", {}, {"Columns": [], "Location": empty})
    made.table(MART, {"sale_date": "date", "release": "string"}, PARQUET)
    return made


@pytest.fixture
def without(guarded: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Acts from now on in a role that may do all but one action; what is secret of it."""

    def act(action: str) -> list[str]:
        iam, name = boto3.client("iam"), f"all-but-{action.replace(':', '-')}"
        policy = {"Version": "2012-10-17", "Statement": [TRUST]}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))
        denied = {"Effect": "Deny", "Action": action, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [EVERYTHING, denied]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        session = boto3.client("sts").assume_role(
            RoleArn=role["Role"]["Arn"], RoleSessionName="daily"
        )["Credentials"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", session["SessionToken"])
        return [session["SecretAccessKey"], session["SessionToken"]]

    return act


@pytest.mark.parametrize("action", ACTIONS)
def test_what_publishing_may_not_do_is_named_and_nothing_is_published(
    lake: World,
    context: Any,
    without: Callable[[str], list[str]],
    caplog: pytest.LogCaptureFixture,
    action: str,
) -> None:
    caplog.set_level(logging.INFO)
    base = lake.location()
    operator = lake.publisher(release(ACTIONS.index(action)), base)
    secrets = without(action)
    with pytest.raises(ClientError) as refused:
        operator.execute(context)
    assert refused.value.response["Error"]["Code"].startswith("AccessDenied")
    assert action in str(refused.value)
    assert lake.location() == base
    assert not [secret for secret in secrets if secret in f"{refused.value}{caplog.text}"]


@pytest.mark.parametrize("action", ["glue:StartJobRun", "glue:StartCrawler"])
def test_what_cannot_be_started_is_named(
    lake: World, context: Any, without: Callable[[str], list[str]], action: str
) -> None:
    name = action.replace(":", "-")
    lake.glue.create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/work",
        Command={"Name": "glueetl", "ScriptLocation": "s3://guarded-lake/script.py"},
    )
    lake.glue.create_crawler(
        Name=name,
        Role="arn:aws:iam::000000000000:role/work",
        DatabaseName="guarded",
        Targets={"S3Targets": [{"Path": "s3://guarded-lake/bronze/"}]},
    )
    operators = {
        "glue:StartJobRun": Job(name, "guarded-lake", "guarded", None).operator("write"),
        "glue:StartCrawler": ReleaseCrawlerOperator(task_id="crawl", crawler=name),
    }
    without(action)
    with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
        complete(operators[action], context)
    assert lake.glue.get_job_runs(JobName=name)["JobRuns"] == []
    assert "LastCrawl" not in lake.glue.get_crawler(Name=name)["Crawler"]
