"""Three days of sample data, each run started another way, against what was planted."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from include.laptop import demo, stack, tills
from tests.e2e.conftest import ROOT, RUN_SECONDS, Lake


@pytest.fixture(scope="module")
def days(lake: Lake) -> list[date]:
    """The last three days, the last being the one that the schedule is about to run for."""
    return [lake.scheduled_day - timedelta(days=back) for back in (2, 1, 0)]


@pytest.fixture(scope="module")
def sample(lake: Lake, days: list[date], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    command = [sys.executable, "-m", "include.sample_data", "--out", str(folder)]
    command += ["--from", str(days[0]), "--to", str(days[-1]), "--scale", "0.3"]
    subprocess.run(command, check=True, cwd=ROOT)
    for day in days:
        tills.open_day(lake.laptop, folder, day)
    return folder


def backfill(lake: Lake, day: date) -> str:
    """Backfills a day from the command line; returns the run's id."""
    airflow = str(ROOT / ".venv" / "bin" / "airflow")
    command = [airflow, "backfill", "create", "--dag-id", "retail_sales_daily"]
    command += ["--from-date", str(day), "--to-date", f"{day}T12:00:00+00:00"]
    environment = {**lake.laptop.aws.exports(), **lake.laptop.airflow.environment()}
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    runs = lake.runs.call("GET", "/dagRuns?run_type=backfill")["dag_runs"]
    assert len(runs) == 1, [run["dag_run_id"] for run in runs]
    return str(runs[0]["dag_run_id"])


def test_the_books_close_and_the_totals_are_the_planted_ones(
    lake: Lake, days: list[date], sample: Path
) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    bucket = lake.outputs["LakeBucket"]
    demo.deliver(bucket, sample, days[0])
    by_rest = lake.runs.trigger(days[0])
    lake.runs.succeed(by_rest, RUN_SECONDS)

    demo.deliver(bucket, sample, days[1])
    by_backfill = backfill(lake, days[1])
    lake.runs.succeed(by_backfill, RUN_SECONDS)

    scheduled = lake.runs.waiting_run()
    assert scheduled is not None, "the schedule's own run waits for its files"
    waits = [task for task in lake.runs.tasks(scheduled) if "wait_" in task]
    assert {lake.runs.tasks(scheduled)[task] for task in waits} == {"deferred"}
    demo.deliver(bucket, sample, days[2])
    lake.runs.succeed(scheduled, RUN_SECONDS)

    for run, day in zip((by_rest, by_backfill, scheduled), days, strict=True):
        report = lake.runs.returned(run, "report")
        assert demo.accounting(report, truth, day, first_time=True) == []
    assert demo.totals(lake.outputs["AnalystsWorkgroup"], truth) == []
    by_category = lake.query(
        "SELECT CAST(sale_date AS varchar), category, sum(revenue) FROM sales_by_category"
        " GROUP BY 1, 2"
    )
    planted = {
        (day, category): sums["revenue"]
        for day, categories in truth["sales_by_category"].items()
        for category, sums in categories.items()
    }
    assert {(row[0], row[1]): row[2] for row in by_category} == planted


def test_a_re_run_publishes_the_same_bytes(lake: Lake, days: list[date], sample: Path) -> None:
    before = lake.published()
    lake.run(days[1])
    after = lake.published()
    assert after.pointer != before.pointer, "the re-run made a release of its own"
    assert after.digests() == before.digests()


def test_quarantine_holds_every_planted_fault_with_its_reason(
    lake: Lake, days: list[date], sample: Path
) -> None:
    truth = json.loads((sample / "truth.json").read_text())
    rows = lake.books(
        "SELECT q.dataset, q.reason, count(*) FROM retail_ops.quarantine q"
        " JOIN retail_ops.published p ON p.table_name = 'quarantine'"
        " AND CAST(p.ingest_date AS date) = q.ingest_date AND p.release = q.release"
        " GROUP BY 1, 2"
    )
    found = {(str(row[0]), str(row[1])): int(str(row[2])) for row in rows}
    planted = {
        (dataset, reason): count
        for dataset, reasons in truth["quarantine"].items()
        for reason, count in reasons.items()
    }
    assert found == planted


def test_analysts_get_the_transactions_view_with_integer_dates(
    lake: Lake, days: list[date], sample: Path
) -> None:
    day = days[1]
    counted = lake.query(
        f"SELECT count(*) FROM transactions WHERE year = {day.year} AND month = {day.month}"
        f" AND day = {day.day}"
    )
    summed = lake.query(f"SELECT sum(transactions) FROM daily_sales WHERE sale_date = DATE '{day}'")
    assert counted == summed
    assert int(str(counted[0][0])) > 0


def test_lineage_and_assets_tell_what_was_published(
    lake: Lake, days: list[date], sample: Path
) -> None:
    lines = lake.laptop.airflow.lineage.read_text().splitlines()
    written = {
        output["name"]: output
        for event in map(json.loads, lines)
        if event["eventType"] == "COMPLETE"
        for output in event["outputs"]
    }
    extract, job, mart = (
        written[name]["facets"]["columnLineage"]["fields"]
        for name in (
            "bronze/store_transactions",
            "AwsDataCatalog.retail_silver.sales",
            "AwsDataCatalog.retail_gold.daily_sales",
        )
    )
    (till,) = extract["transaction_id"]["inputFields"]
    assert (till["name"], till["field"]) == (
        "tills.public.store_transactions",
        "transaction_id",
    )
    assert {each["name"] for each in job["total_amount"]["inputFields"]} >= {
        "AwsDataCatalog.retail_silver.clean_ecommerce_orders",
        "AwsDataCatalog.retail_silver.clean_store_transactions",
    }
    (sales,) = mart["revenue"]["inputFields"]
    assert (sales["name"], sales["field"]) == ("AwsDataCatalog.retail_silver.sales", "total_amount")

    airflow = lake.laptop.airflow
    path = "/api/v2/assets/events?order_by=-timestamp&limit=50"
    events = airflow.call("GET", path, token=airflow.token())["asset_events"]
    newest = {event["name"]: event["extra"] for event in reversed(events)}
    daily = newest["retail_gold.daily_sales"]
    counted = lake.query(f"SELECT release, count(*) FROM ({PUBLISHED}) GROUP BY release")
    assert [daily["release"], str(daily["rows"])] in counted
    assert str(days[1]) in daily["days"]


PUBLISHED = """
SELECT p.release FROM daily_sales AS d INNER JOIN retail_ops.published AS p
ON p.table_name = 'daily_sales' AND CAST(p.sale_date AS date) = d.sale_date
"""


def test_make_athena_and_make_env_answer_from_the_published_release(
    lake: Lake, days: list[date], sample: Path
) -> None:
    sql = "SELECT sale_date, sum(revenue) FROM daily_sales GROUP BY 1"
    done = lake.laptop_command("athena", sql)
    assert done.returncode == 0, done.stderr
    assert str(days[1]) in done.stdout
    broken = lake.laptop_command("athena", "SELECT x FROM no_such_table")
    assert broken.returncode == 1
    assert "no_such_table" in broken.stderr
    assert "Traceback" not in broken.stderr

    exports = lake.laptop_command("env")
    assert exports.returncode == 0, exports.stderr
    script = f'{exports.stdout}\n"{sys.executable}" -c "{READ}"'
    answer = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, env={"PATH": "/bin"}
    )
    assert answer.returncode == 0, answer.stderr
    assert "bronze/ecommerce_orders/" in answer.stdout
    assert "retail_sales_daily" in answer.stdout


# what a user with the exports does: boto3 without arguments, Airflow with the token
READ = """
import boto3, os, urllib.request
bucket, folder = os.environ['LAKE_BUCKET'], 'bronze/ecommerce_orders/'
listed = boto3.client('s3').list_objects_v2(Bucket=bucket, Prefix=folder)
print(listed['Contents'][0]['Key'])
names = 'RESULTS_BUCKET SCRIPTS_BUCKET PIPELINE_WORKGROUP ANALYSTS_WORKGROUP POSTGRES_URL'
print([os.environ[name] for name in names.split()])
request = urllib.request.Request(
    os.environ['AIRFLOW_URL'] + '/api/v2/dags',
    headers={'Authorization': 'Bearer ' + os.environ['AIRFLOW_TOKEN']})
print(urllib.request.urlopen(request).read().decode())
"""


def test_status_names_every_service(lake: Lake) -> None:
    told = lake.laptop_command("status")
    assert told.returncode == 0
    for service in stack.at(lake.folder).services():
        assert service.name in told.stdout
