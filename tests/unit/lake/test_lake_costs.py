"""What AWS bills, against figures worked out by hand from its price lists; estimate and budget."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from include.lake.budget import Budget, OverBudgetError
from include.lake.catalog import RUN_COSTS_COLUMNS
from include.lake.contracts import load_lake
from include.lake.costs import Costs, Tariff, money, read_costs, table_of, total
from include.lake.marts import load_marts
from include.lake.releases import Pointer, PointerRow
from include.lake.strict_yaml import ContractError, parse

MB, GB, TB = 2**20, 2**30, 2**40
COSTS = Costs(
    "USD",
    Decimal(1),
    {"eu-west-1": {"dpu_hour": Decimal("0.44"), "crawler_dpu_hour": Decimal("0.44")}
     | {"terabyte_scanned": Decimal("5.00")}},
)  # fmt: skip
TARIFF = COSTS.tariff("eu-west-1")
BUDGET = Budget(replace(load_lake(), costs=COSTS), "eu-west-1", load_marts())
STATEMENTS = 2 * len(load_marts()) + 2


def job(seconds: int | None, **more: Any) -> dict[str, Any]:
    return {"Id": "jr_1", "JobRunState": "SUCCEEDED", "ExecutionTime": seconds, **more}


def query(scanned: int, state: str = "SUCCEEDED", kind: str = "DML") -> dict[str, Any]:
    return {
        "QueryExecutionId": "q",
        "StatementType": kind,
        "Status": {"State": state},
        "Statistics": {"DataScannedInBytes": scanned, "TotalExecutionTimeInMillis": 1234},
    }


@pytest.mark.parametrize(
    ("run", "used", "billed", "amount"),
    [
        # AWS's own example: 6 DPUs for 15 minutes are 6 x 0.25 x 0.44
        (job(900, MaxCapacity=6.0), 5400, 5400, "0.66"),
        # auto scaling: DPUSeconds counts, whatever the capacity
        (job(600, MaxCapacity=10.0, DPUSeconds=1800.0), 1800, 1800, "0.22"),
        # 20 s with 2 DPUs are billed as a minute with 2: 120 / 3600 x 0.44
        (job(20, MaxCapacity=2.0, DPUSeconds=40.0), 40, 120, "0.01466667"),
        # never got a worker
        (job(0, MaxCapacity=2.0), 0, 0, "0"),
        (job(None, MaxCapacity=2.0, DPUSeconds=None), 0, 0, "0"),
    ],
)
def test_a_job_run_is_billed_by_dpu_seconds(
    run: dict[str, Any], used: int, billed: int, amount: str
) -> None:
    charge = TARIFF.job_run(run)
    assert (charge.quantity, charge.billed.quantize(Decimal("0.001"))) == (used, billed)
    assert charge.amount == Decimal(amount)


@pytest.mark.parametrize(
    ("crawl", "used", "amount"),
    [
        ({"DPUHour": 0.05}, 180, "0.14666667"),  # ten minutes of 2 DPUs at least: 2/6 x 0.44
        ({"DPUHour": 1.5}, 5400, "0.66"),
        ({"seconds": 12}, 24, "0.14666667"),  # no DPUHour: 2 DPUs from start to end
        ({"seconds": 1800}, 3600, "0.44"),
        ({}, 0, "0.14666667"),  # ended a moment ago and not listed yet
    ],
)
def test_a_crawl_is_billed_for_ten_minutes_at_least(
    crawl: dict[str, Any], used: int, amount: str
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = {}
    if "seconds" in crawl:
        times = {"StartTime": start, "EndTime": start + timedelta(seconds=crawl.pop("seconds"))}
    charge = TARIFF.crawl({"CrawlId": "c", "State": "COMPLETED", **times, **crawl})
    assert (charge.quantity, charge.amount) == (used, Decimal(amount))


@pytest.mark.parametrize(
    ("execution", "billed", "amount"),
    [
        (query(3 * TB), 3 * TB, "15"),
        (query(1), 10 * MB, "0.00004768"),  # 10 / 2^20 x 5
        (query(10 * MB + 1), 11 * MB, "0.00005245"),
        (query(TB, "CANCELLED"), TB, "5"),
        (query(TB, "FAILED"), 0, "0"),
        (query(0, kind="DDL"), 0, "0"),
        (query(GB, kind="DDL"), GB, "0.00488281"),  # a CTAS calls itself DDL
    ],
)
def test_a_statement_is_billed_by_megabytes_ten_at_least(
    execution: dict[str, Any], billed: int, amount: str
) -> None:
    charge = TARIFF.statement(execution)
    assert (charge.billed, charge.amount) == (billed, Decimal(amount))


def test_a_row_has_the_tables_columns_and_exact_text() -> None:
    row = TARIFF.row(TARIFF.statement(query(1)), "manual__1", "gold.build_daily_sales")
    assert set(row) == set(RUN_COSTS_COLUMNS)
    assert row["table_name"] == "daily_sales"
    assert (row["amount"], row["seconds"], row["billed"]) == ("0.00004768", "1.234", "10485760.000")
    assert total([row, row]) == Decimal("0.00009536")


@pytest.mark.parametrize(
    ("task", "table"),
    [
        ("crawl_bronze", "bronze"),
        ("bronze_to_silver", "silver"),
        ("ingest.extract_store_transactions", "store_transactions"),
        ("gold.build_top_products", "top_products"),
        ("gold.check_top_products", "top_products"),
        ("restatements", "restatements"),
    ],
)
def test_every_charge_is_somebodys(task: str, table: str) -> None:
    assert table_of(task) == table


def inputs(*sizes: int) -> dict[str, Any]:
    return {"datasets": {"orders": [{"size": size} for size in sizes], "customers": []}}


def counted(kind: str, quantity: object) -> dict[str, Any]:
    return {"kind": kind, "quantity": str(quantity), "amount": "0"}


def test_an_estimate_without_history_is_a_guess_and_says_so() -> None:
    found = BUDGET.estimate(inputs(GB, GB), [])
    # 120 DPU-seconds to start and 1000 per GB: 2120 / 3600 x 0.44; 2 GB scanned: 2 / 1024 x 5
    assert found["glue_job"] == "0.25911111"
    assert found["athena"] == "0.00976563"
    assert found["amount"] == "0.26887674"
    assert (found["input_bytes"], found["files"]) == (2 * GB, 2)
    assert found["basis"] == "guess: none counted yet"


def test_an_estimate_takes_its_rates_from_what_was_counted() -> None:
    history = [
        (inputs(GB), [counted("glue_job", 620), counted("athena", GB / 4)] * 2),
        (inputs(GB), [counted("glue_job", 1880)]),
        (inputs(GB), []),  # a run that nobody counted says nothing
    ]
    found = BUDGET.estimate(inputs(3 * GB), history)
    # (1240 - 120 + 1880 - 120) / 2 GB = 1440 a GB: 120 + 3 x 1440 = 4440 DPU-seconds
    assert found["dpu_seconds"] == "4440.0"
    # the one release with statements scanned 0.5 GB of 1
    assert found["bytes_scanned"] == 3 * GB // 2
    assert found["basis"] == "last 2 releases"


def test_a_run_of_a_few_rows_does_not_make_a_real_one_look_dear() -> None:
    history = [(inputs(300), [counted("glue_job", 200), counted("athena", MB)])]
    found = BUDGET.estimate(inputs(GB), history)
    assert found["dpu_seconds"] == "10120.0"  # not 80 DPU-seconds for each 300 bytes
    assert found["bytes_scanned"] == 10 * GB


def test_every_statement_costs_its_minimum() -> None:
    found = BUDGET.estimate(inputs(1), [])
    assert found["bytes_scanned"] == STATEMENTS * 10 * MB
    assert float(found["athena"]) == pytest.approx(STATEMENTS * 10 * MB / TB * 5, abs=1e-8)


@pytest.mark.parametrize(
    ("spent", "step", "allowed"),
    [
        ({"crawl": "0.30"}, "glue_job", True),  # 0.30 + 0.50 + 0.20 is all of it
        ({"crawl": "0.31"}, "glue_job", False),
        ({"crawl": "0.30", "glue_job": "0.50"}, "athena", True),
        ({"crawl": "0.30", "glue_job": "0.51"}, "athena", False),  # gold is not begun
        ({"glue_job": "0.80", "athena": "0.15"}, "athena", True),  # 0.05 to come
        ({"glue_job": "0.75", "athena": "0.25"}, "athena", True),  # dearer than estimated
        ({"glue_job": "0.75", "athena": "0.26"}, "athena", False),
        ({"glue_job": "0.40"}, "glue_job", False),  # failed once: that is spent, too
    ],
)
def test_what_would_overspend_is_refused(spent: dict[str, str], step: Any, allowed: bool) -> None:
    rows = [{"kind": kind, "amount": amount} for kind, amount in spent.items()]
    estimate = {"glue_job": "0.50", "athena": "0.20"}
    if allowed:
        BUDGET.require(rows, estimate, step)
        return
    with pytest.raises(OverBudgetError, match=r"spent and an estimated .* 1\.00 USD that a run"):
        BUDGET.require(rows, estimate, step)


def test_the_refusal_names_spent_estimate_budget_and_fix() -> None:
    rows = [{"kind": "glue_job", "amount": "0.90"}]
    with pytest.raises(OverBudgetError) as caught:
        BUDGET.require(rows, {"athena": "0.20"}, "athena")
    for said in ("0.90 USD spent", "0.20 USD still to come", "1.00 USD", "budget_per_run"):
        assert said in str(caught.value)


def test_a_summary_has_spent_estimated_and_allowed() -> None:
    rows = [{"kind": "crawl", "amount": "0.14666667"}, {"kind": "glue_job", "amount": "0.02"}]
    assert BUDGET.summary(rows, {"glue_job": "0.03", "athena": "0.0007"}) == (
        "Cost so far 0.17 USD, budget 1.00 USD: Crawl 0.15 USD, Glue job 0.0200 USD of 0.0300 USD"
        " estimated, Athena statements 0.00 USD of 0.0007 USD estimated."
    )


def test_an_extract_by_glue_is_spent_and_no_part_of_the_jobs_rate() -> None:
    run = {"Id": "jr_1", "JobRunState": "SUCCEEDED", "ExecutionTime": 90, "DPUSeconds": 180.0}
    charge = TARIFF.job_run(run, "extract")
    assert (charge.kind, charge.amount) == ("extract", TARIFF.job_run(run).amount)
    row = TARIFF.row(charge, "manual__1", "ingest.extract_store_transactions")
    assert "Crawl 0.00 USD, Glue extracts 0.0220 USD, Glue job" in BUDGET.summary([row], {})
    counted_job = [(inputs(GB), [counted("glue_job", 620)])]
    with_extract = [(inputs(GB), [counted("glue_job", 620), row])]
    found, expected = (BUDGET.estimate(inputs(GB), each) for each in (with_extract, counted_job))
    assert found == expected
    with pytest.raises(OverBudgetError):
        BUDGET.require([{**row, "amount": "0.81"}], {"glue_job": "0.20"}, "glue_job")


def test_learns_from_the_last_days_published() -> None:
    def row(day: int, release: str, table: str = "run_ledger") -> PointerRow:
        return PointerRow(table, datetime(2026, 1, day, tzinfo=UTC).date(), None, release)

    names = {day: f"r202601{day:02}_{day:012x}" for day in range(1, 7)}
    pointer = Pointer(tuple(row(day, name) for day, name in names.items()))
    assert BUDGET.recent_releases(pointer.text(), names[5]) == [names[6], names[4], names[3]]


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1234.5", "1,234.50 USD"), ("0.0147", "0.0147 USD"), ("0", "0.00 USD"), ("0.1", "0.10 USD")],
)
def test_money_for_people(amount: str, text: str) -> None:
    assert money(Decimal(amount), "USD") == text


def test_the_shipped_prices() -> None:
    costs = load_lake().costs
    assert costs.budget_per_run > 0
    assert isinstance(costs.tariff("us-east-1"), Tariff)
    with pytest.raises(ContractError, match="no prices of ap-south-1; add the region"):
        Budget(load_lake(), "ap-south-1", ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("currency: USD\nbudget_per_run: 1\n", "lake.yaml:1: document: missing prices"),
        ("currency: $\nbudget_per_run: 1\nprices: {}\n", "lake.yaml:1: currency: '\\$' is not an"),
        ("currency: USD\nbudget_per_run: 0\nprices: {}\n", "budget_per_run: must be above 0"),
        (
            "currency: USD\nbudget_per_run: 1\nprices:\n  us-east-1: {dpu_hour: 0.44}\n",
            "lake.yaml:4: prices.us-east-1: missing crawler_dpu_hour, terabyte_scanned",
        ),
        (
            "currency: USD\nbudget_per_run: 1\nprices:\n  us-east-1: {dpu_hour: -1,"
            " crawler_dpu_hour: 1, terabyte_scanned: 1}\n",
            "a price below 0",
        ),
    ],
)
def test_prices_are_read_strictly(text: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        read_costs(parse(text, "lake.yaml"))
