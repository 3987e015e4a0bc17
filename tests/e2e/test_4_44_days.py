"""All 44 real days of wholesale invoices as one run of the DAG, against DuckDB over the files.

That the same days one by one give the same bytes: ``tests/unit/glue_jobs/test_44_days.py``.
"""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.e2e.conftest import WHOLESALE_HEADER, Lake
from tests.e2e.test_2_real_data import ONLINE_RETAIL, oracle

FILES = {date.fromisoformat(file.stem): file for file in sorted(ONLINE_RETAIL.glob("*.csv"))}
RUN_SECONDS = 3000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * RUN_SECONDS),
    pytest.mark.skipif(not FILES, reason="the UCI Online Retail files are not here"),
]


def test_all_44_days_in_one_run_equal_the_oracle_to_the_cent(lake: Lake) -> None:
    first, last = min(FILES), max(FILES)
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        content = FILES[day].read_bytes() if day in FILES else WHOLESALE_HEADER.encode()
        lake.deliver(day, {"wholesale_invoices": {f"{day}.csv": content}})
    run = lake.runs.trigger(first, last)
    lake.runs.succeed(run, RUN_SECONDS)
    report = lake.runs.returned(run, "report")

    expected = {day: oracle(file) for day, file in FILES.items()}
    books = {
        entry["ingest_date"]: (entry["rows_in"], entry["silver"], entry["quarantined"])
        for entry in report["ledger"]
        if entry["dataset"] == "wholesale_invoices" and entry["rows_in"]
    }
    assert books == {
        str(day): (found["rows_in"], found["silver"], found["quarantined"])
        for day, found in expected.items()
    }
    assert all(
        entry["rows_in"] == entry["silver"] + entry["quarantined"] + entry["duplicates"]
        for entry in report["ledger"]
    )
    rows = lake.query(
        "SELECT sale_date, revenue, returns, units FROM daily_sales WHERE channel = 'wholesale'"
        f" AND sale_date BETWEEN DATE '{first}' AND DATE '{last}'"
    )
    assert {day: [Decimal(str(cell)) for cell in cells] for day, *cells in rows} == {
        str(day): [found["revenue"], found["returns"], found["units"]]
        for day, found in expected.items()
    }
