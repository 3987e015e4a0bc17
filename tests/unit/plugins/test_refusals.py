"""A missing permission fails once by the name of the action, publishes nothing, shows no secret."""

import inspect
import json
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import structlog
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.execution_time import task_runner
from botocore.exceptions import ClientError

from include.lake import layout
from include.lake.contracts import load_lake
from retail_lake import operators
from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.operators.crawler import ReleaseCrawlerOperator
from retail_lake.refusals import FinalRefusals
from retail_lake.sensors.delivery import DeliverySensor
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
        iam, name = boto3.client("iam"), f"without-{uuid.uuid4().hex[:8]}"
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
    with pytest.raises(AirflowFailException, match="no retry helps") as refused:
        operator.execute(context)
    assert f"not authorized to perform: {action}" in str(refused.value)
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
    with pytest.raises(AirflowFailException, match=f"not authorized to perform: {action}"):
        complete(operators[action], context)
    assert lake.glue.get_job_runs(JobName=name)["JobRuns"] == []
    assert "LastCrawl" not in lake.glue.get_crawler(Name=name)["Crawler"]


def test_what_a_query_may_not_read_is_final(
    lake: World, context: Any, without: Callable[[str], list[str]]
) -> None:
    """The statement is accepted, and ends with S3's refusal as its reason."""
    results = {"ResultConfiguration": {"OutputLocation": "s3://guarded-lake/results/"}}
    boto3.client("athena").create_work_group(Name="guarded", Configuration=results)
    serde = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}
    lake.table("rows", {}, {"Columns": [{"Name": "n", "Type": "int"}], "SerdeInfo": serde})
    lake.put("rows/a.jsonl", b'{"n": 1}\n')
    operator = ReleaseAthenaOperator(
        task_id="q", query="SELECT n FROM rows", database="guarded", workgroup="guarded"
    )
    without("s3:GetObject")
    with pytest.raises(AirflowFailException, match="no retry helps"):
        complete(operator, context)


def test_an_answer_without_a_body_is_final(
    lake: World, context: Any, without: Callable[[str], list[str]]
) -> None:
    """S3 says no more than 403 to HEAD."""
    sensor = DeliverySensor(task_id="wait", bucket_key=["s3://guarded-lake/bronze/_SUCCESS"])
    without("s3:*")
    with pytest.raises(AirflowFailException, match=r"\(403\) when calling the HeadObject"):
        complete(sensor, context)


def test_every_operator_that_calls_aws_takes_a_refusal_as_final() -> None:
    found = [getattr(operators, name) for name in operators._MODULES]
    aws = [
        operator
        for operator in [*found, DeliverySensor]
        if inspect.isclass(operator)
        and issubclass(operator, BaseOperator)
        and (hasattr(operator, "aws_hook_class") or "aws_conn_id" in inspect.getsource(operator))
    ]
    assert len(aws) > 15
    assert [each.__name__ for each in aws if not issubclass(each, FinalRefusals)] == []


class Refused(FinalRefusals):
    """Fails with an error of a call to AWS."""

    def __init__(self, *, code: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.code = code

    def execute(self, context: Any) -> None:
        """Fail, or fail of it."""
        error = ClientError({"Error": {"Code": self.code, "Message": "No."}}, "GetObject")
        if context["ti"].run_id == "wrapped":
            raise AirflowException("something went wrong") from error
        raise error


@pytest.mark.parametrize("run", ["raised", "wrapped", "of the trigger"])
@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("AccessDenied", "failed"),
        ("AccessDeniedException", "failed"),
        ("ExpiredToken", "failed"),
        ("ExpiredTokenException", "failed"),
        ("KMS.DisabledException", "failed"),
        ("InvalidAccessKeyId", "failed"),
        ("ThrottlingException", "up_for_retry"),
        ("RequestTimeTooSkewed", "up_for_retry"),
        ("500", "up_for_retry"),
    ],
)
def test_airflow_tries_a_refused_task_once(
    monkeypatch: pytest.MonkeyPatch, run: str, code: str, state: str
) -> None:
    """By Airflow's own runner of a task that has retries left."""
    sent: list[Any] = []
    monkeypatch.setattr(
        task_runner,
        "SUPERVISOR_COMMS",
        SimpleNamespace(send=lambda msg: sent.append(msg)),
        raising=False,
    )
    trigger_failed = {
        "next_method": "__fail__",
        "next_kwargs": {
            "error": "Trigger failure",
            "traceback": [
                "Traceback (most recent call last):\n",
                f"botocore.exceptions.ClientError: An error occurred ({code}) when calling the"
                " GetObject operation: No.\n",
            ],
        },
    }
    with DAG("daily", schedule=None):
        operator = Refused(task_id="load", retries=2, code=code)
    ti = task_runner.RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(),
        task_id="load",
        dag_id="daily",
        run_id=run,
        try_number=1,
        map_index=-1,
        max_tries=2,
        task=operator,
        start_date=datetime.now(UTC),
    )
    ti._ti_context_from_server = TIRunContext.model_construct(
        dag_run=DagRun.model_construct(consumed_asset_events=[]),
        max_tries=2,
        should_retry=True,
        xcom_keys_to_clear=[],
        **(trigger_failed if run == "of the trigger" else {"next_method": None}),
    )
    ended, message, error = task_runner.run(ti, {"ti": ti}, structlog.get_logger())
    assert ended.value == state
    assert sent[-1] is message
    if state == "failed":
        assert "GetObject" in str(error)
        assert "no retry helps" in str(error)
