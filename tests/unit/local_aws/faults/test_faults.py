"""Faults on demand and the call log, as clients and other tools meet them."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.local_aws import catalog
from include.local_aws.calls import Call, CallLog
from include.local_aws.faults import Fault, FaultRules, WrongFaultError
from include.local_aws.front.context import Context
from include.local_aws.front.gate import Gate
from include.local_aws.front.server import FrontServer
from include.local_aws.jobs.store import RunStore
from tests.unit.local_aws.conftest import (
    SESSION,
    free_port,
    ministack_settings,
    wait_until_healthy,
)

Client = Callable[[str, str], Any]


def ask(url: str, method: str, path: str, order: Any = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path, json.dumps(order) if order is not None else None)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Front:
    """A front whose calls may be disturbed."""

    def __init__(self, context: Context, folder: Path, allowed: bool) -> None:
        handlers = catalog.actions(context)
        self.log = folder / "calls" / "front.jsonl"
        rules = FaultRules(folder / "faults.sqlite") if allowed else None
        gate = Gate(context, handlers, CallLog(self.log), rules)
        self.server = FrontServer(0, context.endpoint, handlers, gate)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def order(self, **order: Any) -> None:
        status, found = ask(self.url, "POST", "/_local_aws/faults", order)
        assert status == 200, found


@pytest.fixture
def disturbed(context: Context, tmp_path: Path) -> Iterator[Front]:
    front = Front(context, tmp_path, allowed=True)
    yield front
    front.server.shutdown()
    front.server.server_close()


def test_a_throttled_call_says_when_to_come_again_and_a_patient_client_does(
    disturbed: Front, client: Client
) -> None:
    disturbed.order(kind="throttle", service="glue", action="GetDatabase*", times=2, retry_after=3)
    glue = client("glue", disturbed.url)
    with pytest.raises(ClientError) as caught:
        glue.get_databases()
    error = caught.value.response
    assert error["Error"]["Code"] == "ThrottlingException"
    assert error["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "3"
    patient = SESSION.client(
        "glue",
        endpoint_url=disturbed.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )
    answer = patient.get_databases()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert ask(disturbed.url, "GET", "/_local_aws/faults") == (200, {"faults": []})


def test_only_the_call_that_is_meant_is_hit_as_often_as_ordered(
    disturbed: Front, client: Client, unique: str
) -> None:
    disturbed.order(kind="error", service="glue", action="CreateDatabase", times=1)
    disturbed.order(kind="error", service="athena", times=None)
    glue = client("glue", disturbed.url)
    glue.get_databases()
    with pytest.raises(ClientError, match="InternalServiceException") as caught:
        glue.create_database(DatabaseInput={"Name": unique})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    glue.create_database(DatabaseInput={"Name": unique})
    for _ in range(2):
        with pytest.raises(ClientError, match="InternalServerException"):
            client("athena", disturbed.url).list_work_groups()
    assert ask(disturbed.url, "DELETE", "/_local_aws/faults")[0] == 200
    assert client("athena", disturbed.url).list_work_groups()["WorkGroups"]


def test_slow_calls_do_not_delay_others_and_dropped_ones_have_no_answer(
    disturbed: Front, client: Client
) -> None:
    disturbed.order(kind="slow", service="glue", action="GetTables", seconds=5.0)
    disturbed.order(kind="drop", service="glue", action="GetDatabases")
    glue = client("glue", disturbed.url)
    slow = threading.Thread(target=lambda: _ignore(glue.get_tables, DatabaseName="default"))
    began = time.monotonic()
    slow.start()
    with pytest.raises(BotoCoreError, match="Connection was closed"):
        glue.get_databases()
    glue.get_databases()
    assert time.monotonic() - began < 5.0
    slow.join()
    assert time.monotonic() - began >= 5.0


def _ignore(call: Callable[..., Any], **arguments: Any) -> None:
    try:
        call(**arguments)
    except ClientError:
        return


def test_orders_that_make_no_sense_and_orders_where_none_are_allowed(
    disturbed: Front, context: Context, tmp_path: Path
) -> None:
    for order, reason in (
        ({"kind": "throttle"}, "kind and service are needed"),
        ({"kind": "explode", "service": "s3"}, "'explode' is not one of"),
        ({"kind": "slow", "service": "s3", "seconds": "1"}, "seconds '1'"),
        ({"kind": "slow", "service": "s3", "times": 0}, "times 0"),
        ([], "a JSON object"),
    ):
        status, found = ask(disturbed.url, "POST", "/_local_aws/faults", order)
        assert (status, reason in found["error"]) == (400, True), found
    strict = Front(context, tmp_path / "strict", allowed=False)
    try:
        status, found = ask(strict.url, "POST", "/_local_aws/faults", {})
        assert (status, "--faults" in found["error"]) == (403, True)
    finally:
        strict.server.shutdown()
        strict.server.server_close()
    with pytest.raises(WrongFaultError):
        Fault.of({"kind": "slow", "service": "s3", "oops": 1})


def test_a_job_run_is_killed_with_its_children(disturbed: Front, context: Context) -> None:
    script = subprocess.Popen(
        [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"],
        start_new_session=True,
    )
    store = RunStore(context.state / "jobs.sqlite")
    store.add({"JobName": "j", "Id": "jr_1", "JobRunState": "RUNNING"}, 1)
    store.started("jr_1", script.pid, 0.0)
    store.close()
    order = {"JobRunId": "jr_1"}
    while ask(disturbed.url, "POST", "/_local_aws/kill-job-run", order)[1]["killed"] == []:
        time.sleep(0.02)
    assert script.wait(10) == -9
    assert ask(disturbed.url, "POST", "/_local_aws/kill-job-run", {"JobRunId": "jr_2"})[0] == 404


def test_the_fronts_calls_are_written_down(
    disturbed: Front, client: Client, ministack: str, unique: str
) -> None:
    iam, sts = client("iam", ministack), client("sts", ministack)
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=unique, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    session = sts.assume_role(RoleArn=role, RoleSessionName="nightly")["Credentials"]
    glue = SESSION.client(
        "glue",
        endpoint_url=disturbed.url,
        region_name="us-east-1",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    with pytest.raises(glue.exceptions.EntityNotFoundException) as caught:
        glue.get_table(DatabaseName=unique, Name="absent")
    client("glue", disturbed.url).get_databases()
    first, second = lines(disturbed.log)
    assert first.pop("time").endswith("Z")
    assert first.pop("milliseconds") >= 0
    assert first == {
        "service": "glue",
        "action": "GetTable",
        "resource": f"arn:aws:glue:us-east-1:000000000000:table/{unique}/absent",
        "role": f"arn:aws:sts::000000000000:assumed-role/{unique}/nightly",
        "status": 400,
        "error": "EntityNotFoundException",
        "request_id": caught.value.response["ResponseMetadata"]["RequestId"],
    }
    assert (second["action"], second["role"][-5:], second["error"]) == ("GetDatabases", ":root", "")


def test_the_log_is_turned_over(tmp_path: Path) -> None:
    log = CallLog(tmp_path / "calls.jsonl", largest=1000)
    for number in range(20):
        log.write(Call("s3", "PutObject", resource=f"arn:{number}"))
    both = lines(tmp_path / "calls.jsonl.1") + lines(tmp_path / "calls.jsonl")
    assert [line["resource"] for line in both] == [f"arn:{n}" for n in range(20 - len(both), 20)]
    assert (tmp_path / "calls.jsonl").stat().st_size <= 1000
    assert 4 < len(both) < 20


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A MiniStack whose calls may be disturbed: its URL and the folder of its files."""
    folder, port = tmp_path_factory.mktemp("base"), free_port()
    settings = ministack_settings(port, folder)
    command = [sys.executable, "-m", "include.local_aws.base", "--calls", str(folder / "calls")]
    command += ["--faults", str(folder / "faults.sqlite")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(f"{url}/_ministack/health", process, folder / "log")
        yield url, folder
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(
    ("service", "action", "call", "throttled", "failed"),
    [
        ("s3", "CreateBucket", ("create_bucket", {"Bucket": "b-one"}), "SlowDown", "InternalError"),
        (
            "secretsmanager",
            "CreateSecret",
            ("create_secret", {"Name": "n", "SecretString": "s"}),
            "ThrottlingException",
            "InternalServerError",
        ),
        ("sns", "CreateTopic", ("create_topic", {"Name": "t"}), "Throttling", "InternalFailure"),
    ],
)
def test_other_services_are_disturbed_and_written_down_too(
    base: tuple[str, Path],
    client: Client,
    service: str,
    action: str,
    call: tuple[str, dict[str, Any]],
    throttled: str,
    failed: str,
) -> None:
    url, folder = base
    rules = FaultRules(folder / "faults.sqlite")
    do = getattr(client(service, url), call[0])
    for kind, code in (("throttle", throttled), ("error", failed)):
        rules.add(Fault(kind, service, action))
        with pytest.raises(ClientError) as caught:
            do(**call[1])
        assert caught.value.response["Error"]["Code"] == code
    rules.add(Fault("drop", service, action))
    with pytest.raises((BotoCoreError, socket.error)):
        do(**call[1])
    rules.add(Fault("slow", service, action, seconds=0.3))
    began = time.monotonic()
    answer = do(**call[1])
    assert time.monotonic() - began > 0.3
    written = [line for line in lines(folder / "calls") if line["service"] == service]
    assert [line["action"] for line in written] == [action] * 4
    assert [line["error"] for line in written[:2]] == [throttled, failed]
    assert written[3]["status"] == 200
    assert written[3]["request_id"] in answer["ResponseMetadata"]["HTTPHeaders"].values()
    assert written[3]["role"].endswith(":root")
