"""What a run costs is written down as AWS says it, once, and asked before more is spent."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from include.lake import catalog, layout
from include.lake.budget import Budget
from include.lake.contracts import load_lake
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.operators.crawler import ReleaseCrawlerOperator
from retail_lake.operators.glue_extract import GlueExtractOperator
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.test_glue_job import SCRIPT, ReleaseGlueJobOperator
from tests.unit.plugins.world import World, release

LAKE = load_lake()
R = release(7)
LEAST_CRAWL, LEAST_STATEMENT = Decimal("0.14666667"), Decimal("0.00004768")
JSON_LINES = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}


class Ledger:
    """The book of a World, and operators that write into it."""

    def __init__(self, world: World, workgroup: str, budget: str = "25") -> None:
        self.world = world
        self.workgroup = workgroup
        costs = replace(LAKE.costs, budget_per_run=Decimal(budget))
        lake = replace(LAKE, costs=costs, ops_database=world.database)
        rules = Budget(lake, "us-east-1", ())
        self.costs = RunCosts("open_release", world.bucket, layout, rules)
        world.context["ti"].xcoms["open_release", "return_value"] = {"release": R}

    def query(self, sql: str, **more: Any) -> ReleaseAthenaOperator:
        return ReleaseAthenaOperator(
            task_id="gold.build_daily_sales",
            query=sql,
            database=self.world.database,
            workgroup=self.workgroup,
            costs=self.costs,
            **more,
        )

    def booked(self) -> list[dict[str, str | None]]:
        """The table's rows, as Athena reads them."""
        operator = ReleaseAthenaOperator(
            task_id="look",
            query="SELECT * FROM run_costs ORDER BY kind, execution_id",
            database=self.world.database,
            workgroup=self.workgroup,
        )
        context = {"ti": replaced(self.world.context["ti"], task_id="look")}
        id_ = complete(operator, context)["query_execution_id"]
        return operator.rows({"QueryExecutionId": id_})


def replaced(ti: Any, **changes: Any) -> Any:
    return type(ti)(**{**vars(ti), "run_id": uuid.uuid4().hex, **changes})


@pytest.fixture
def make(world: World, workgroup: str) -> Callable[..., Ledger]:
    columns = [{"Name": k, "Type": v} for k, v in catalog.RUN_COSTS_COLUMNS.items()]
    descriptor = {"Columns": columns, "SerdeInfo": JSON_LINES}
    world.table("run_costs", {"release": "string"}, descriptor)
    world.context["ti"].task_id = "gold.build_daily_sales"
    inputs = {"datasets": {"ecommerce_orders": [{"size": 2**30}]}}
    world.write(layout.inputs_key(R), inputs)
    return lambda **more: Ledger(world, workgroup, **more)


def test_a_statement_is_booked_once_with_athenas_own_figures(
    make: Callable[..., Ledger], world: World, client: Callable[[str], Any]
) -> None:
    ledger = make()
    body = b'{"revenue": 1.5}\n' * 100
    world.put(f"some/{R}/a.jsonl", body)
    columns = [{"Name": "revenue", "Type": "double"}]
    place = f"s3://{world.bucket}/some/{R}/"
    world.table("some", {}, {"Columns": columns, "SerdeInfo": JSON_LINES, "Location": place})
    operator = ledger.query("SELECT sum(revenue) FROM some")
    facts = complete(operator, world.context)
    complete(ledger.query("SELECT sum(revenue) FROM some"), world.context)  # the same attempt
    (row,) = ledger.booked()
    assert row["execution_id"] == facts["query_execution_id"]
    assert (row["kind"], row["table_name"]) == ("athena", "daily_sales")
    assert Decimal(str(row["quantity"])) == len(body) == facts["bytes_scanned"]
    assert Decimal(str(row["amount"])) == LEAST_STATEMENT
    assert (row["release"], row["run_id"], row["currency"]) == (R, "manual__1", "USD")
    world.context["ti"].try_number = 2
    complete(ledger.query("SELECT sum(revenue) FROM some"), world.context)
    assert len(ledger.booked()) == 2, "what a retry scans is paid, too"


def test_a_statement_that_failed_is_booked_and_free(
    make: Callable[..., Ledger], world: World
) -> None:
    ledger = make()
    with pytest.raises(AirflowException, match="nowhere_at_all"):
        complete(ledger.query("SELECT x FROM nowhere_at_all"), world.context)
    (row,) = ledger.booked()
    assert (row["state"], Decimal(str(row["amount"]))) == ("FAILED", 0)


def test_a_statement_over_the_budget_is_not_begun(
    make: Callable[..., Ledger], world: World, client: Callable[[str], Any]
) -> None:
    ledger = make(budget="0.00005")
    complete(ledger.query("SELECT 1"), world.context)
    complete(ledger.query("SELECT 2"), world.context)
    with pytest.raises(AirflowFailException, match=r"0\.0001 USD spent .* 0\.0001 USD that a run"):
        complete(ledger.query("SELECT 3"), world.context)
    unlimited = ledger.query("SELECT 3")
    unlimited.within_budget = False
    complete(unlimited, world.context)
    ids = client("athena").list_query_executions(WorkGroup=ledger.workgroup)["QueryExecutionIds"]
    assert len(ids) == 3, "only the statement that asked nobody ran after the refusal"


def test_a_job_is_estimated_first_and_booked_even_if_it_fails(
    make: Callable[..., Ledger], world: World, client: Callable[[str], Any]
) -> None:
    ledger = make()
    world.context["ti"].task_id = "bronze_to_silver"
    world.put("jobs/script.py", SCRIPT.encode())
    name = f"job-{uuid.uuid4().hex[:8]}"
    client("glue").create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/job",
        Command={
            "Name": "pythonshell",
            "PythonVersion": "3.9",
            "ScriptLocation": f"s3://{world.bucket}/jobs/script.py",
        },
    )

    def operator() -> ReleaseGlueJobOperator:
        return ReleaseGlueJobOperator(
            task_id="bronze_to_silver",
            job_name=name,
            release=R,
            script_args={"--mode": "fail"},
            bucket=world.bucket,
            layout=layout,
            waiter_delay=1,
            costs=ledger.costs,
        )

    with pytest.raises(AirflowException):
        complete(operator(), world.context)
    estimate = world.context["ti"].xcoms["bronze_to_silver", "estimate"]
    # 120 DPU-seconds to start, 1000 for the GB: 1120 / 3600 x 0.44
    assert estimate["glue_job"] == "0.13688889"
    assert json.loads(world.read(f"s3://{world.bucket}/{layout.estimate_key(R)}")) == estimate
    (run,) = client("glue").get_job_runs(JobName=name)["JobRuns"]
    (row,) = ledger.booked()
    assert (row["kind"], row["state"], row["table_name"]) == ("glue_job", "FAILED", "silver")
    assert float(str(row["quantity"])) == pytest.approx(run["DPUSeconds"], abs=0.001)
    minute = max(run["ExecutionTime"], 60) * Decimal("0.0625")  # of a Python shell's capacity
    assert float(str(row["amount"])) == pytest.approx(float(minute) / 3600 * 0.44, abs=1e-8)

    ledger = Ledger(world, ledger.workgroup, budget="0.13")
    world.context["ti"].try_number = 2
    with pytest.raises(AirflowFailException, match="over budget"):
        complete(operator(), world.context)
    assert len(client("glue").get_job_runs(JobName=name)["JobRuns"]) == 1, "no second run began"


def test_an_extract_by_glue_is_booked_though_nothing_was_estimated(
    make: Callable[..., Ledger], world: World, client: Callable[[str], Any]
) -> None:
    ledger = make()
    world.context["ti"].task_id = "ingest.extract_store_transactions"
    world.put("jobs/script.py", b"raise SystemExit('no database')")
    name = f"job-{uuid.uuid4().hex[:8]}"
    client("glue").create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/job",
        Command={"Name": "pythonshell", "ScriptLocation": f"s3://{world.bucket}/jobs/script.py"},
    )
    extract = GlueExtractOperator(
        task_id="extract_store_transactions",
        job_name=name,
        secret_id="tills",
        contract=LAKE.contract("store_transactions"),
        days=["2025-03-01"],
        bucket=world.bucket,
        layout=layout,
        waiter_delay=1,
        costs=ledger.costs,
    )
    with pytest.raises(AirflowException, match="no database"):
        complete(extract, world.context)
    (row,) = ledger.booked()
    assert (row["kind"], row["table_name"]) == ("extract", "store_transactions")
    assert Decimal(str(row["amount"])) > 0
    assert ledger.costs.estimated(R) == {}


def test_an_estimate_learns_from_what_is_published(
    make: Callable[..., Ledger], world: World
) -> None:
    ledger = make()
    past = release(3)
    world.write(layout.inputs_key(past), {"datasets": {"ecommerce_orders": [{"size": 2**30}]}})
    row = {"kind": "glue_job", "quantity": "2120", "amount": "0.26"}
    world.write(layout.run_cost_key(past, "glue_job", "jr_1"), row)
    line = {"table_name": "run_ledger", "ingest_date": "2025-03-01", "release": past}
    world.put(
        f"{layout.EMPTY_POINTER_PREFIX}pointer.jsonl",
        (json.dumps({**line, "sale_date": None}) + "\n").encode(),
    )
    ledger.costs.estimate(world.context["ti"], R)
    estimate = ledger.costs.estimated(R)
    assert (estimate["dpu_seconds"], estimate["basis"]) == ("2120.0", "last 1 releases")


def test_a_run_that_opens_no_release_is_booked_under_an_id_of_its_own(
    make: Callable[..., Ledger], world: World
) -> None:
    ledger = make()
    ledger.costs.opened_by = None
    ti, asked = world.context["ti"], datetime(2026, 3, 1, 23, tzinfo=UTC)
    ti.get_template_context = lambda: {"dag_run": SimpleNamespace(run_after=asked)}
    for task, sql in (("find_rows", "SELECT 1"), ("verdict", "SELECT 2")):
        ti.task_id = task
        complete(ledger.query(sql), world.context)
    found, judged = ledger.booked()
    assert {found["task"], judged["task"]} == {"find_rows", "verdict"}
    own = str(found["release"])
    assert own == judged["release"]
    assert own.startswith("r20260301_")
    ledger.costs.estimate(ti, R)  # of what it judges, in its own book
    assert ledger.costs.estimated(own)["input_bytes"] == 2**30
    ti.run_id = "manual__2"
    assert ledger.costs.rows(ledger.costs._release(ti)) == []


def test_a_crawl_is_booked(
    make: Callable[..., Ledger], world: World, client: Callable[[str], Any]
) -> None:
    ledger = make()
    world.context["ti"].task_id = "crawl_bronze"
    client("glue").create_crawler(
        Name=world.database,
        Role="arn:aws:iam::000000000000:role/crawler",
        DatabaseName=world.database,
        Targets={"S3Targets": [{"Path": f"s3://{world.bucket}/bronze/"}]},
    )
    world.put("bronze/orders/a.jsonl", b'{"id": 1}\n')
    crawl = ReleaseCrawlerOperator(
        task_id="crawl_bronze", crawler=world.database, poll_interval=1, costs=ledger.costs
    )
    complete(crawl, world.context)
    (listed,) = client("glue").list_crawls(CrawlerName=world.database)["Crawls"]
    (row,) = ledger.booked()
    assert (row["kind"], row["table_name"]) == ("crawl", "bronze")
    assert row["execution_id"] == listed["CrawlId"]
    assert Decimal(str(row["amount"])) == LEAST_CRAWL
    took = (listed["EndTime"] - listed["StartTime"]).total_seconds()
    assert float(str(row["quantity"])) == pytest.approx(2 * took, abs=0.01)
