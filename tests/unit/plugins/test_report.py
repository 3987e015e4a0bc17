"""The report as its readers get it: a page in the lake that a browser opens, data as text."""

import gzip
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest

from include.lake import catalog, layout
from include.lake.budget import Budget
from include.lake.contracts import load_lake
from include.lake.run_report import RunReport
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.operators.report import ReportOperator
from retail_lake.pages.run_report import render
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.world import DAY, World, release

R = release(9)
HOSTILE = "<img src=x onerror=alert('sold')>"
JSON_LINES = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}


@pytest.fixture
def report(world: World, workgroup: str) -> ReportOperator:
    """The operator for a release whose marts, checks and books are there."""
    name = world.database
    lake = replace(load_lake(), analytics_database=name, ops_database=name)
    world.glue.delete_table(DatabaseName=name, Name="daily_sales")
    for table, keys in {
        "daily_sales": ("channel",),
        "sales_by_category": ("category",),
        "regional_sales": ("region",),
        "sales_by_product_region": ("product_id", "product_name"),
    }.items():
        columns = {"sale_date": "date", **dict.fromkeys(keys, "string"), "revenue": "decimal(18,2)"}
        listed = [{"Name": key, "Type": kind} for key, kind in columns.items()]
        world.table(table, {}, {"Columns": listed, "SerdeInfo": JSON_LINES})
        row = {"sale_date": DAY, **dict.fromkeys(keys, HOSTILE), "revenue": "1234.50"}
        world.put(f"{table}/rows.jsonl", json.dumps(row).encode())
    columns = [{"Name": k, "Type": v} for k, v in catalog.RUN_COSTS_COLUMNS.items()]
    world.table("run_costs", {"release": "string"}, {"Columns": columns, "SerdeInfo": JSON_LINES})
    check = {"mart": "daily_sales", "check_name": "keys_unique", "severity": "fail"}
    for attempt, passed in (("2", False), ("10", True)):
        world.write(
            layout.quality_results_key(R, "daily_sales", attempt),
            {**check, "observed": f"attempt {attempt}", "passed": passed},
        )
    ledger = [
        {"ingest_date": DAY, "dataset": "vendor_sales", "source_file": f"bronze/{HOSTILE}.csv"}
        | {"rows_in": 10, "silver": 7, "quarantined": 2, "duplicates": 1}
    ]
    manifest = {"affected_days": [DAY], "ledger": ledger, "quarantine": {"vendor_sales": {"x": 2}}}
    ti = world.context["ti"]
    ti.task_id = "report"
    ti.xcoms["open_release", "return_value"] = {"release": R}
    world.context["dag_run"] = SimpleNamespace(start_date=datetime.now(UTC))
    return ReportOperator(
        task_id="report",
        release=R,
        days=(DAY, DAY),
        inputs=world.write(layout.inputs_key(R), {}),
        manifest=world.write("silver.json", manifest),
        restated=[],
        bucket=world.bucket,
        layout=layout,
        rules=RunReport(lake),
        costs=RunCosts("open_release", world.bucket, layout, Budget(lake, "us-east-1", ())),
        database=name,
        workgroup=workgroup,
    )


def test_the_link_opens_the_page_and_data_stays_text(
    report: ReportOperator, world: World, client: Callable[[str], Any]
) -> None:
    result = complete(report, world.context)
    link = world.context["ti"].xcoms["report", "report_url"]
    with urlopen(link) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Cache-Control"] == "private, no-store"
        page = gzip.decompress(answer.read()).decode()
    assert result["page"] == f"s3://{world.bucket}/{layout.report_key(R)}"
    assert "£1,234.50" in page
    assert "&lt;img src=x onerror=alert(&#39;sold&#39;)&gt;.csv" in page
    assert HOSTILE not in page
    assert "attempt 10" in page
    assert "attempt 2" not in page, "only the last attempt to check a mart counts"
    assert 'name="viewport"' in page
    assert "default-src 'none'" in page, "it can neither load nor send anything"


def test_the_document_says_the_same(report: ReportOperator, world: World) -> None:
    result = complete(report, world.context)
    folder = layout.inputs_key(R).rpartition("/")[0]
    assert json.loads(world.read(f"s3://{world.bucket}/{folder}/report.json")) == result
    assert result["rows"] == [
        {"ingest_date": DAY, "dataset": "vendor_sales", "files": 1}
        | {"rows_in": 10, "silver": 7, "quarantined": 2, "duplicates": 1}
    ]
    (cost,) = result["costs"]
    assert (cost["kind"], cost["table_name"]) == ("athena", "report")
    assert Decimal(cost["amount"]) > 0
    scanned = int(Decimal(cost["quantity"]))
    assert result["bytes_scanned"] == {"report": scanned, "total": scanned}
    assert complete(report, world.context)["costs"] == result["costs"], "a re-run does not double"


def test_with_aws_the_link_is_the_consoles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    hook = DocumentsHook(region_name="eu-west-1")
    link = hook.link("s3://the-lake/ops/releases/r1/report.html")
    assert link == (
        "https://eu-west-1.console.aws.amazon.com/s3/object/the-lake"
        "?region=eu-west-1&prefix=ops/releases/r1/report.html"
    )


def test_two_products_of_one_name_stay_two_bars() -> None:
    names = ["Lamp", "Lamp", "A name that is much longer than any chart has room for"]
    chart = {"title": "Products", "unit": "£", "horizontal": True, "wide": True, "labels": names}
    chart |= {"series": {"Revenue": ["3", "2", "1"]}, "columns": ["Product"], "rows": []}
    body = render(
        {"title": "t", "subtitle": "s", "figures": [], "charts": [chart], "tables": []}
    ).partition("<body>")[2]
    assert '"Lamp","Lamp (2)","A name that is much lon\\u2026"' in body


def test_reading_the_dag_loads_no_plotly() -> None:
    assert "retail_lake.pages.run_report" in sys.modules
    assert "plotly" not in vars(sys.modules["retail_lake.pages.run_report"])
