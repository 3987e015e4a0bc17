"""A person is asked before a release is published, and the turn is free meanwhile."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped, TaskDeferred

from include.lake import layout
from include.lake.budget import Budget
from include.lake.contracts import load_lake
from include.lake.review import body
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.lease import Lease
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.operators.review import ReviewOperator
from retail_lake.operators.turns import GiveTurnOperator
from tests.unit.plugins.world import DAY, World, release

US, HOUR = "daily/manual__1", timedelta(hours=1)
CHANGE = {
    "mart": "daily_sales",
    "sale_date": DAY,
    "old_rows": 2,
    "new_rows": 2,
    "old_revenue": "80.10",
    "new_revenue": "85.20",
    "changed": 1,
}


class Reviews:
    """The task, the person who answers, and what Airflow is told."""

    def __init__(self, world: World, topic: str) -> None:
        self.world = world
        self.topic = topic
        self.lease = Lease(DocumentsHook(), f"s3://{world.bucket}/ops/turn.json")
        self.asked: list[dict[str, Any]] = []  # what Airflow would show

    def task(self) -> ReviewOperator:
        inputs = self.world.write("release/inputs.json", {})
        self.world.write("release/changes.json", {"changes": [CHANGE]})
        self.world.write(
            layout.run_cost_key(release(1), "glue_job", "jr_1"),
            {"kind": "glue_job", "amount": "2.10"},
        )
        rules = Budget(load_lake(), "us-east-1", ())
        costs = RunCosts("open_release", self.world.bucket, layout, rules)
        with DAG("daily"):
            review = ReviewOperator(
                task_id="review",
                release=release(1),
                inputs=inputs,
                days=(DAY, DAY),
                body_of=body,
                lease=self.lease.uri,
                alert_topic=self.topic,
                costs=costs,
            )
            review >> GiveTurnOperator(task_id="publish", lease="")
        return review

    def ask(self) -> ReviewOperator:
        """Let it wait for a person."""
        task = self.task()
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(self.context(task))
        assert deferred.value.trigger.serialize()[0].endswith("HITLTrigger")
        return task

    def answer(self, option: str) -> Any:
        """Answer as the trigger hands it on, to a worker that starts anew."""
        task = self.task()
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": {"id": "1", "name": "ann"},
        }
        return task.execute_complete(self.context(task), event)

    def context(self, task: ReviewOperator, review: bool = True) -> dict[str, Any]:
        ti = self.world.context["ti"]
        ti.id = "ti"
        context = {**self.world.context, "params": {"review": review}}
        return {**context, "task": task, "task_instance": ti}

    def holder(self) -> str | None:
        held = self.lease.held()
        return held.holder if held else None


@pytest.fixture
def reviews(world: World, client: Any, monkeypatch: pytest.MonkeyPatch) -> Reviews:
    made = Reviews(world, client("sns").create_topic(Name="alerts")["TopicArn"])
    # there is no supervisor here to ask the API server to remember the question
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail",
        lambda **asked: made.asked.append(asked),
    )
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow")
    made.lease.take(US, HOUR)
    return made


def test_a_run_that_was_not_asked_to_does_not_wait(reviews: Reviews) -> None:
    task = reviews.task()
    with pytest.raises(AirflowSkipException):
        task.execute(reviews.context(task, review=False))
    assert reviews.asked == []
    assert reviews.holder() == US


def test_shows_what_would_change_and_gives_the_turn_back(reviews: Reviews, client: Any) -> None:
    queue = client("sqs").create_queue(QueueName="reviews")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    client("sns").subscribe(
        TopicArn=reviews.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
    )
    reviews.ask()
    (asked,) = reviews.asked
    assert asked["subject"] == f"Publish {DAY}?"
    assert f"| daily_sales | {DAY} | 2 | 80.10 → 85.20 | +5.10 | 1 |" in asked["body"]
    assert "Cost so far 2.10 USD, budget 25.00 USD" in asked["body"]
    assert asked["options"] == ["Approve", "Reject"]
    assert asked["defaults"] == ["Reject"], "nobody's answer is no"
    assert reviews.holder() is None, "others build while a person thinks"
    (told,) = client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    message = json.loads(json.loads(told["Body"])["Message"])
    assert message["notice"] == "review waits"
    assert message["url"].startswith("http://airflow/dags/daily/runs/manual__1/tasks/load/")


def test_approved_takes_the_turn_again(reviews: Reviews) -> None:
    reviews.ask()
    answer = reviews.answer("Approve")
    assert answer["responded_by_user"]["name"] == "ann"
    assert reviews.holder() == US


def test_approved_waits_for_the_run_that_builds(reviews: Reviews) -> None:
    reviews.ask()
    reviews.lease.take("daily/scheduled", HOUR)
    with pytest.raises(TaskDeferred) as deferred:
        reviews.answer("Approve")
    assert deferred.value.method_name == "approved"
    reviews.lease.give_back("daily/scheduled")
    task = reviews.task()
    kwargs = deferred.value.kwargs or {}
    answer = task.approved(reviews.context(task), event={"event": "free"}, **kwargs)
    assert answer["chosen_options"] == ["Approve"]
    assert reviews.holder() == US


def test_rejected_skips_what_publishes_and_leaves_the_turn(reviews: Reviews) -> None:
    reviews.ask()
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        reviews.answer("Reject")
    assert skipped.value.tasks == ["publish"]
    assert reviews.holder() is None


def test_a_notice_that_cannot_be_sent_does_not_stop_the_review(reviews: Reviews) -> None:
    reviews.topic = f"{reviews.topic}-gone"
    reviews.ask()
    assert len(reviews.asked) == 1
