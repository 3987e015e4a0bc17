"""What breaks leaves readers where they were and raises an alert that names the cause."""

import json
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import RUN_SECONDS, Lake


def order(number: int, day: date, quantity: int = 2) -> dict[str, Any]:
    """A web order of 10.00 a piece."""
    return {
        "transaction_id": f"TXN{number:08d}",
        "timestamp": f"{day}T12:00:00",
        "product_id": "P001",
        "product_name": "Mouse",
        "category": "Electronics",
        "quantity": quantity,
        "unit_price": 10.00,
        "total_amount": 10.00 * quantity,
        "customer_id": "CUST0001",
        "region": "North",
        "payment_method": "PayPal",
    }


def orders(*rows: dict[str, Any]) -> dict[str, dict[str, bytes]]:
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    return {"ecommerce_orders": {"orders.jsonl": lines.encode()}}


def fail(lake: Lake, day: date) -> dict[str, str]:
    """Runs a day that must fail; returns the tasks' states."""
    run = lake.runs.trigger(day)
    assert lake.runs.finish(run, RUN_SECONDS) == "failed"
    return lake.runs.tasks(run)


@contextmanager
def unchanged(lake: Lake) -> Iterator[None]:
    """Nothing that readers see changes meanwhile."""
    before = lake.published()
    yield
    after = lake.published()
    assert after == before


def text_of(alerts: list[dict[str, Any]]) -> str:
    return json.dumps(alerts)


@pytest.mark.slow
def test_a_killed_glue_job_leaves_the_published_state_and_names_the_cause(
    lake: Lake, alert_queue: str
) -> None:
    day = date(2024, 3, 5)
    lake.deliver(day, orders(order(1, day)))
    glue = boto3.client("glue")
    job = lake.outputs["JobName"]
    known = {run["Id"] for run in glue.get_job_runs(JobName=job)["JobRuns"]}
    with unchanged(lake):
        run = lake.runs.trigger(day)
        killed = set()
        deadline = time.monotonic() + RUN_SECONDS
        while lake.runs.state(run) not in ("success", "failed"):
            assert time.monotonic() < deadline, lake.runs.tasks(run)
            for one in glue.get_job_runs(JobName=job, MaxResults=10)["JobRuns"]:
                if one["Id"] not in known and one["JobRunState"] == "RUNNING":
                    glue.batch_stop_job_run(JobName=job, JobRunIds=[one["Id"]])
                    killed.add(one["Id"])
            time.sleep(0.3)
        states = lake.runs.tasks(run)
        assert states["bronze_to_silver"] == "failed"
        assert states["publish"] == "upstream_failed"
        assert len(killed) >= 2, "the retry was a run of its own"
    said = text_of(lake.alerts(alert_queue))
    assert "bronze_to_silver" in said
    assert "STOPPED" in said
    assert str(day) in said

    lake.run(day)
    assert lake.query(
        f"SELECT revenue FROM daily_sales WHERE sale_date = DATE '{day}' AND channel = 'web'"
    ) == [["20.00"]]


@pytest.mark.slow
def test_a_job_that_raises_shows_its_own_words_in_the_alert(lake: Lake, alert_queue: str) -> None:
    day = date(2024, 3, 12)
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,Country\n"
    lake.deliver(day, {"wholesale_invoices": {"invoices.csv": header.encode()}})
    with unchanged(lake):
        states = fail(lake, day)
        assert states["publish"] == "upstream_failed"
    said = text_of(lake.alerts(alert_queue))
    assert "CustomerID" in said, "the alert names the column that the file lacks"
    assert "Trigger failure" not in said


@pytest.mark.slow
def test_a_failing_check_stops_the_publication_and_names_what_it_saw(
    lake: Lake, alert_queue: str
) -> None:
    day = date(2024, 3, 19)
    lake.deliver(day, orders(order(11, day), order(12, day)))
    mart = lake.laptop.airflow.home / "dags" / "sql" / "gold" / "daily_sales.sql"
    right = mart.read_text()
    # a mart that loses a piece: every single number in it is plausible
    wrong = right.replace("sum(quantity) AS units", "sum(quantity) - 1 AS units")
    assert wrong != right
    with unchanged(lake):
        mart.write_text(wrong)
        try:
            states = fail(lake, day)
        finally:
            mart.write_text(right)
        assert states["gold.check_daily_sales"] == "failed"
        assert states["publish"] == "upstream_failed"
    said = text_of(lake.alerts(alert_queue))
    assert "check_daily_sales" in said
    assert str(day) in said


def test_a_bad_range_fails_before_anything_is_started(lake: Lake, alert_queue: str) -> None:
    with unchanged(lake):
        conf = {"from_date": "2024-03-02", "to_date": "2024-03-01"}
        run = lake.runs.call("POST", "/dagRuns", {"logical_date": None, "conf": conf})
        assert lake.runs.finish(run["dag_run_id"], RUN_SECONDS) == "failed"
        assert lake.runs.tasks(run["dag_run_id"])["open_release"] == "failed"
    assert "2024-03-02" in text_of(lake.alerts(alert_queue))


def test_what_is_no_date_is_refused_by_the_form_itself(lake: Lake) -> None:
    body = {"logical_date": None, "conf": {"from_date": "2024-03-1; DROP TABLE sales"}}
    with pytest.raises(urllib.error.HTTPError, match="400"):
        lake.runs.call("POST", "/dagRuns", body)
