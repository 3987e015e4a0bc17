"""A corrected day that a person must approve: what they are shown, their yes and their no."""

import time
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.lake import layout
from tests.e2e.conftest import RUN_SECONDS, Lake
from tests.e2e.test_3_failures import order, orders, unchanged

pytestmark = pytest.mark.slow  # several runs of the DAG
DAY = date(2024, 7, 9)
REVENUE = f"SELECT revenue FROM daily_sales WHERE sale_date = DATE '{DAY}' AND channel = 'web'"


class Review:
    """A reviewed run of the day, in which one order has another quantity."""

    def __init__(self, lake: Lake, quantity: int) -> None:
        self.lake = lake
        lake.deliver(DAY, orders(order(701, DAY, quantity), order(702, DAY)))
        days = {"from_date": str(DAY), "to_date": str(DAY)}
        self.run = lake.runs.start({**days, "review": True})
        self.path = f"/dagRuns/{self.run}/taskInstances/review/-1/hitlDetails"

    def wait(self) -> dict[str, Any]:
        """What the UI shows, once it is there."""
        deadline = time.monotonic() + RUN_SECONDS
        while self.lake.runs.tasks(self.run)["review"] != "deferred":
            assert self.lake.runs.state(self.run) in ("queued", "running")
            assert time.monotonic() < deadline, self.lake.runs.tasks(self.run)
            time.sleep(0.5)
        return self.lake.runs.call("GET", self.path)

    def answer(self, option: str) -> dict[str, str]:
        """Answers as the UI's buttons do; returns the states of the tasks of the ended run."""
        self.lake.runs.call("PATCH", self.path, {"chosen_options": [option], "params_input": {}})
        self.lake.runs.succeed(self.run, RUN_SECONDS)
        return self.lake.runs.tasks(self.run)


def turn_is_free(lake: Lake) -> bool:
    try:
        lake.s3.head_object(Bucket=lake.outputs["LakeBucket"], Key=layout.TURN_KEY)
    except ClientError as error:
        return error.response["Error"]["Code"] == "404"
    return False


@pytest.fixture(scope="module")
def published(lake: Lake) -> None:
    """The day as readers see it before it is corrected: 2 pieces each of two orders."""
    lake.deliver(DAY, orders(order(701, DAY), order(702, DAY)))
    run = lake.runs.trigger(DAY)
    lake.runs.succeed(run, RUN_SECONDS)
    assert lake.runs.tasks(run)["review"] == "skipped", "nobody asked for it"


def test_approved_is_published(lake: Lake, published: None, alert_queue: str) -> None:
    review = Review(lake, quantity=3)
    with unchanged(lake):
        shown = review.wait()
    assert shown["subject"] == f"Publish {DAY}?"
    assert f"| daily_sales | {DAY} | 1 | 40.00 → 50.00 | +10.00 | 1 |" in shown["body"]
    assert turn_is_free(lake), "other runs go on meanwhile"
    (notice,) = [each for each in lake.alerts(alert_queue) if each.get("notice")]
    assert notice["url"].endswith("/tasks/review/required_actions?map_index=-1")

    states = review.answer("Approve")
    assert set(states.values()) == {"success"}
    assert lake.query(REVENUE) == [["50.00"]]
    assert turn_is_free(lake)


def test_rejected_changes_nothing_and_is_no_alarm(
    lake: Lake, published: None, alert_queue: str
) -> None:
    review = Review(lake, quantity=9)
    with unchanged(lake):
        assert "→ 110.00" in review.wait()["body"]
        states = review.answer("Reject")
        assert {task: states[task] for task in ("review", "publish", "report", "give_turn")} == {
            "review": "success",
            "publish": "skipped",
            "report": "skipped",
            "give_turn": "success",
        }
    assert turn_is_free(lake)
    assert [each.get("failed") for each in lake.alerts(alert_queue)] == [None], "only the notice"
