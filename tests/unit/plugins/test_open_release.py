"""Which days a run is for, however it was started."""

from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.lake import layout, releases, window
from retail_lake.operators.open_release import OpenReleaseOperator

DAY = "2025-03-01"


def opened(context: dict[str, Any], **run: Any) -> dict[str, Any]:
    """Execute open_release for a run with these facts."""
    context["params"] = {"from_date": None, "to_date": None} | run.pop("params", {})
    context["dag_run"] = SimpleNamespace(run_after=datetime(2025, 3, 2, 5, tzinfo=UTC))
    context |= run
    operator = OpenReleaseOperator(
        task_id="open_release",
        resolve=partial(window.resolve, zone="Europe/London"),
        release_id=releases.release_id,
        bucket="lake-bucket",
        layout=layout,
        datasets=["orders"],
    )
    return operator.execute(context)


def test_a_run_without_a_logical_date_is_for_yesterday(context: Any) -> None:
    assert opened(context)["from_date"] == DAY


def test_a_scheduled_run_is_for_its_interval(context: Any) -> None:
    interval = datetime(2025, 2, 14, 5, tzinfo=UTC)
    assert opened(context, data_interval_start=interval)["from_date"] == "2025-02-14"


def test_parameters_come_first_and_give_lists(context: Any) -> None:
    result = opened(
        context,
        params={"from_date": "2025-02-27", "to_date": DAY},
        data_interval_start=datetime(2025, 2, 14, 5, tzinfo=UTC),
    )
    assert (result["from_date"], result["to_date"]) == ("2025-02-27", DAY)
    pushed = {key: value for (_, key), value in context["ti"].xcoms.items()}
    assert pushed["days"] == ["2025-02-27", "2025-02-28", DAY]
    assert pushed["markers_orders"] == [
        f"s3://lake-bucket/bronze/orders/ingest_date={day}/_SUCCESS" for day in pushed["days"]
    ]


def test_clear_opens_another_release(context: Any) -> None:
    first = opened(context)["release"]
    assert opened(context)["release"] == first
    context["ti"].try_number = 2
    assert opened(context)["release"] != first


def test_a_request_that_cannot_be_fulfilled_is_not_retried(context: Any) -> None:
    with pytest.raises(AirflowFailException, match="swap them"):
        opened(context, params={"from_date": DAY, "to_date": "2025-02-01"})
