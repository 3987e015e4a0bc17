"""A customer is forgotten: nothing of them is left in what readers see, and the money stays."""

from datetime import date

import pytest

from include.laptop.runs import Runs
from tests.e2e.conftest import RUN_SECONDS, Lake
from tests.e2e.test_3_failures import order, orders

pytestmark = pytest.mark.slow  # several runs of the DAG
DAY = date(2024, 6, 25)
SALES = (
    "SELECT transaction_id, customer_id, total_amount FROM transactions"
    f" WHERE sale_date = DATE '{DAY}' ORDER BY 1"
)


def test_a_forgotten_customer_leaves_sales_without_a_name(lake: Lake) -> None:
    other = {**order(702, DAY), "customer_id": "KEEP-ME"}
    refused = {**order(703, DAY, 0), "customer_id": "FORGET-ME"}
    gone = [{**row, "customer_id": "FORGET-ME"} for row in (order(701, DAY), order(704, DAY))]
    lake.deliver(DAY, orders(*gone, other, refused))
    lake.run(DAY)
    before = lake.query(SALES)
    assert [row[2] for row in before] == ["20.00", "20.00", "20.00"]
    token, kept = before[0][1], before[1][1]
    assert token is not None

    runs = Runs(lake.laptop.airflow, "retail_erasure")
    run = runs.start({"customer_token": token, "dry_run": False})
    runs.succeed(run, 2 * RUN_SECONDS)
    assert runs.returned(run, "request", "found")["days"] == [str(DAY)]
    assert lake.query(SALES) == [
        [before[0][0], None, "20.00"],
        [before[1][0], kept, "20.00"],
        [before[2][0], None, "20.00"],
    ]
    assert lake.books(
        "SELECT q.reason, q.raw FROM retail_ops.quarantine q JOIN retail_ops.published p"
        " ON p.table_name = 'quarantine' AND CAST(p.ingest_date AS date) = q.ingest_date"
        f" AND p.release = q.release WHERE q.ingest_date = DATE '{DAY}'"
        " AND q.dataset = 'ecommerce_orders'"  # the tills' own customers are refused beside it
    ) == [["out_of_range:quantity", None]]
    assert lake.query(f"SELECT kind, task FROM run_costs WHERE run_id = '{run}'") == [
        ["athena", "request"]
    ]
    done = lake.published()
    again = runs.start({"customer_token": token, "dry_run": False})
    runs.succeed(again, RUN_SECONDS)
    assert runs.returned(again, "request", "found")["days"] == []
    assert lake.published() == done, "there is nothing left to forget"
