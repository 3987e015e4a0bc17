"""The alert: what failed, for which days, why, and where the log is; and it never fails itself."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferralError

from retail_lake.hooks.retries import NOTICE_RETRIES
from retail_lake.notifications.failure_alert import FailureAlert


@pytest.fixture
def inbox(client: Callable[[str], Any], bucket: str) -> Iterator[Callable[[], list[Any]]]:
    """A queue on a fresh topic; called, it returns the messages that have arrived."""
    topic = client("sns").create_topic(Name=bucket)["TopicArn"]
    queue = client("sqs").create_queue(QueueName=bucket)["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=attributes["Attributes"]["QueueArn"],
    )

    def receive() -> list[Any]:
        answer = client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    receive.topic = topic  # type: ignore[attr-defined]
    yield receive
    client("sqs").delete_queue(QueueUrl=queue)


def alert(topic: str) -> FailureAlert:
    """Make the callback."""
    return FailureAlert(topic, "open_release", "Europe/London")


def test_a_task_says_what_failed_and_why(inbox: Any, context: Any) -> None:
    context["ti"].xcoms["open_release", "return_value"] = {
        "from_date": "2025-03-01",
        "to_date": "2025-03-02",
    }
    context["exception"] = AirflowException("Glue job j run 1 ended FAILED: no column CustomerID")
    alert(inbox.topic)(context)
    (delivered,) = inbox()
    assert delivered["Subject"] == "daily.load failed for 2025-03-01..2025-03-02"
    assert json.loads(delivered["Message"]) == {
        "failed": "task",
        "dag_id": "daily",
        "run_id": "manual__1",
        "task_id": "load",
        "window": {"from": "2025-03-01", "to": "2025-03-02"},
        "try_number": 1,
        "error": "Glue job j run 1 ended FAILED: no column CustomerID",
        "log_url": "http://airflow/log",
    }


def test_a_run_says_its_reason(context: Any) -> None:
    context["reason"] = "task_failure"
    subject, message = alert("arn").message(context)
    assert subject.startswith("daily failed for")
    assert (message["failed"], message["error"]) == ("dag_run", "task_failure")


def test_a_run_without_a_task_instance(context: Any) -> None:
    bare = {"dag": SimpleNamespace(dag_id="daily"), "run_id": "r", "reason": "timed_out"}
    subject, message = alert("arn").message(bare)
    assert subject == "daily failed for None"
    assert message["error"] == "timed_out"
    assert message["window"] == {"from": None, "to": None}


def test_before_the_window_is_known_the_interval_stands_for_it(context: Any) -> None:
    context["exception"] = AirflowException("x")
    context["data_interval_start"] = datetime(2025, 6, 30, 23, 30, tzinfo=UTC)
    _, message = alert("arn").message(context)
    assert message["window"] == {"from": "2025-07-01", "to": "2025-07-01"}
    context["params"] = {"from_date": "2025-01-01", "to_date": None}
    _, message = alert("arn").message(context)
    assert message["window"] == {"from": "2025-01-01", "to": "2025-01-01"}


def test_a_deferred_failure_is_looked_up(
    database: str, bucket: str, client: Callable[[str], Any], context: Any
) -> None:
    execution = client("athena").start_query_execution(
        QueryString="SELECT * FROM no_such_table_here",
        QueryExecutionContext={"Database": database},
        ResultConfiguration={"OutputLocation": f"s3://{bucket}/"},
    )["QueryExecutionId"]
    context["ti"].xcom_push("aws_run", {"service": "athena", "query_execution_id": execution})
    context["exception"] = TaskDeferralError("Trigger failure")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = client("athena").get_query_execution(QueryExecutionId=execution)
        if status["QueryExecution"]["Status"]["State"] == "FAILED":
            break
        time.sleep(0.1)
    _, message = alert("arn").message(context)
    assert f"Athena query {execution} is FAILED: " in message["error"]
    assert "no_such_table_here" in message["error"]


def test_a_reason_that_cannot_be_read_is_no_second_failure(front: str, context: Any) -> None:
    context["ti"].xcom_push("aws_run", {"service": "glue", "job_name": "no", "run_id": "no"})
    context["exception"] = TaskDeferralError("Trigger failure")
    _, message = alert("arn").message(context)
    assert "its reason could not be read" in message["error"]


def test_no_topic_no_failure(ministack: str, context: Any, caplog: Any) -> None:
    context["exception"] = AirflowException("x")
    alert("arn:aws:sns:us-east-1:000000000000:no-such-topic")(context)
    alert("no arn at all")(context)


@pytest.mark.parametrize("silent", [False, True], ids=["refuses", "is silent"])
def test_sns_that_is_down_is_no_second_failure(
    context: Any, silent: bool, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    context["exception"] = AirflowException("x")
    monkeypatch.setitem(NOTICE_RETRIES, "read_timeout", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not silent:
            server.close()
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{port}")
        alert("arn:aws:sns:us-east-1:000000000000:alerts")(context)
    assert "The alert could not be sent" in caplog.text


def test_a_notice_is_given_up_soon() -> None:
    attempts = NOTICE_RETRIES["retries"]["max_attempts"] + 1
    one = NOTICE_RETRIES["connect_timeout"] + NOTICE_RETRIES["read_timeout"]
    assert attempts * one <= 60


@pytest.mark.parametrize(
    "text", ["password=hunter2", 'Password: "hunter2"', "{'token': 'hunter2'}", "pwd = hunter2"]
)
def test_secrets_are_struck_out(text: str, context: Any) -> None:
    context["exception"] = AirflowException(f"cannot connect: {text} host")
    _, message = alert("arn").message(context)
    assert "hunter2" not in json.dumps(message)
    assert "cannot connect" in message["error"]


def test_subject_is_what_sns_takes(context: Any) -> None:
    context["ti"].task_id = "ü\n" * 200
    context["exception"] = AirflowException("x" * 9000)
    subject, message = alert("arn").message(context)
    assert subject.isascii()
    assert "\n" not in subject
    assert len(subject) <= 100
    assert len(message["error"]) <= 4000
