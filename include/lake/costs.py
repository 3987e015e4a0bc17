"""What AWS bills for a crawl, a job run and a statement, priced from ``lake.yaml``.

How AWS counts (https://aws.amazon.com/glue/pricing/, https://aws.amazon.com/athena/pricing/):

- A Spark job run is billed per DPU-second, for one minute at least. ``DPUSeconds`` of the run says
  how many with auto scaling; runs without it took ``ExecutionTime`` times ``MaxCapacity``
  (https://docs.aws.amazon.com/glue/latest/webapi/API_JobRun.html).
- A crawl is billed per DPU-second, for ten minutes at least; it takes 2 DPUs. ``DPUHour`` of
  ListCrawls says what was used
  (https://docs.aws.amazon.com/glue/latest/webapi/API_CrawlerHistory.html).
- A statement is billed by bytes scanned, rounded up to a megabyte, 10 MB at least; one that failed
  is free, and so is DDL; one that was cancelled is not. Units are binary (1 TB = 2^40 bytes).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any, Literal

from include.lake.strict_yaml import ContractError, Cursor

Kind = Literal["crawl", "extract", "glue_job", "athena"]
#: The kinds, for people.
KINDS: Mapping[Kind, str] = {
    "crawl": "Crawl",
    "extract": "Glue extracts",
    "glue_job": "Glue job",
    "athena": "Athena statements",
}

MEGABYTE, TERABYTE = 2**20, 2**40
LEAST_MEGABYTES = 10
JOB_LEAST_SECONDS, CRAWL_LEAST_SECONDS, CRAWL_DPUS = 60, 600, 2
HOUR = 3600


@dataclass(frozen=True)
class Charge:
    """What AWS bills for one crawl, job run or statement.

    Attributes:
        execution_id: AWS's name of it.
        quantity: what it used, in ``unit``.
        billed: what is billed of that kind after minima and rounding up, in ``unit``.
        price: of one ``priced_unit``.
        seconds: how long it took, if AWS says.
    """

    kind: Kind
    execution_id: str
    state: str
    quantity: Decimal
    unit: str
    billed: Decimal
    price: Decimal
    priced_unit: str
    amount: Decimal
    seconds: Decimal | None


@dataclass(frozen=True)
class Tariff:
    """The prices of one region.

    Attributes:
        currency: ISO code.
        dpu_hour: price of a DPU-hour of a job.
        crawler_dpu_hour: price of a DPU-hour of a crawler.
        terabyte_scanned: price of 2^40 bytes scanned by Athena.
    """

    currency: str
    dpu_hour: Decimal
    crawler_dpu_hour: Decimal
    terabyte_scanned: Decimal

    def job_run(self, run: Mapping[str, Any], kind: Kind = "glue_job") -> Charge:
        """What Glue's JobRun costs; it is of the job that builds silver, or an extract."""
        seconds = Decimal(str(run.get("ExecutionTime") or 0))
        used = run.get("DPUSeconds")
        if used is None:
            used = seconds * Decimal(str(run.get("MaxCapacity") or 0))
        used = Decimal(str(used))
        # the first minute is billed with as many DPUs as the run had on average
        billed = used * max(Decimal(1), JOB_LEAST_SECONDS / seconds) if seconds else used
        return _of_dpus(kind, run["Id"], run["JobRunState"], used, billed, self.dpu_hour, seconds)

    def crawl(self, crawl: Mapping[str, Any]) -> Charge:
        """What a crawl of ListCrawls costs; one that is not listed yet costs the minimum."""
        seconds = Decimal(0)
        if crawl.get("StartTime") and crawl.get("EndTime"):
            started, ended = (_moment(crawl[name]) for name in ("StartTime", "EndTime"))
            seconds = Decimal(str((ended - started).total_seconds()))
        hours = crawl.get("DPUHour")
        used = seconds * CRAWL_DPUS if hours is None else Decimal(str(hours)) * HOUR
        billed = max(used, Decimal(CRAWL_DPUS * CRAWL_LEAST_SECONDS))
        price, state = self.crawler_dpu_hour, str(crawl.get("State", "COMPLETED"))
        return _of_dpus("crawl", crawl["CrawlId"], state, used, billed, price, seconds)

    def statement(self, execution: Mapping[str, Any]) -> Charge:
        """What Athena's QueryExecution, which has ended, costs."""
        statistics = execution.get("Statistics") or {}
        scanned = Decimal(int(statistics.get("DataScannedInBytes", 0)))
        state = str(execution["Status"]["State"])
        # A CTAS calls itself DDL, but scans and is billed.
        free = state == "FAILED" or (execution.get("StatementType") != "DML" and not scanned)
        billed = Decimal(0) if free else _billed_bytes(scanned)
        milliseconds = statistics.get("TotalExecutionTimeInMillis")
        return Charge(
            kind="athena",
            execution_id=str(execution["QueryExecutionId"]),
            state=state,
            quantity=scanned,
            unit="bytes",
            billed=billed,
            price=self.terabyte_scanned,
            priced_unit="TB",
            amount=rounded(billed / TERABYTE * self.terabyte_scanned),
            seconds=None if milliseconds is None else Decimal(int(milliseconds)) / 1000,
        )

    def row(self, charge: Charge, run_id: str, task_id: str) -> dict[str, str | None]:
        """A row of ``retail_ops.run_costs``; numbers are decimals as text."""
        return {
            "run_id": run_id,
            "task": task_id,
            "kind": charge.kind,
            "table_name": table_of(task_id),
            "execution_id": charge.execution_id,
            "state": charge.state,
            "quantity": _thousandths(charge.quantity),
            "unit": charge.unit,
            "billed": _thousandths(charge.billed),
            "price": plain(charge.price),
            "priced_unit": charge.priced_unit,
            "amount": plain(charge.amount),
            "currency": self.currency,
            "seconds": None if charge.seconds is None else _thousandths(charge.seconds),
        }


@dataclass(frozen=True)
class Costs:
    """The ``costs`` of ``lake.yaml``: budget per run, and prices by region."""

    currency: str
    budget_per_run: Decimal
    prices: Mapping[str, Mapping[str, Decimal]]

    def tariff(self, region: str) -> Tariff:
        """The tariff of a region.

        Raises:
            ContractError: the region has no prices.
        """
        if region not in self.prices:
            raise ContractError(
                f"lake.yaml: costs.prices: no prices of {region}; add the region with AWS's list "
                f"prices. There are: {', '.join(self.prices)}"
            )
        return Tariff(currency=self.currency, **self.prices[region])


PRICES = ("dpu_hour", "crawler_dpu_hour", "terabyte_scanned")


def read_costs(cursor: Cursor) -> Costs:
    """The ``costs`` block of ``lake.yaml``.

    Raises:
        ContractError: with file, line, key and fix.
    """
    block = cursor.mapping(("currency", "budget_per_run", "prices"))
    budget = block["budget_per_run"].decimal()
    if budget <= 0:
        block["budget_per_run"].fail("must be above 0, or no run could do anything")
    prices = {}
    for region, entry in block["prices"].entries().items():
        found = {name: value.decimal() for name, value in entry.mapping(PRICES).items()}
        prices[region] = {name: found[name] for name in PRICES}
        if any(price < 0 for price in found.values()):
            entry.fail("a price below 0; write AWS's list price")
    return Costs(block["currency"].text(r"[A-Z]{3}", "an ISO currency code"), budget, prices)


def table_of(task_id: str) -> str:
    """What a task builds or reads for: a mart, a dataset, or a layer."""
    name = task_id.rpartition(".")[2]
    layers = {"crawl_bronze": "bronze", "bronze_to_silver": "silver"}
    return layers.get(name) or re.sub("^(build|check|extract)_", "", name)


def total(rows: Iterable[Mapping[str, Any]]) -> Decimal:
    """Sum of the rows' amounts."""
    return sum((Decimal(row["amount"]) for row in rows), Decimal(0))


def money(amount: Decimal, currency: str) -> str:
    """An amount for people: cents, and four digits below ten of them."""
    digits = "0.0001" if 0 < abs(amount) < Decimal("0.1") else "0.01"
    return f"{amount.quantize(Decimal(digits), ROUND_HALF_UP):,} {currency}"


def rounded(amount: Decimal) -> Decimal:
    """An amount with the eight decimals that the book keeps: a statement is 0.00005."""
    return amount.quantize(Decimal("0.00000001"), ROUND_HALF_UP)


def plain(number: Decimal) -> str:
    """The number without an exponent."""
    return f"{number:f}"


def _of_dpus(
    kind: Kind,
    execution_id: str,
    state: str,
    used: Decimal,
    billed: Decimal,
    price: Decimal,
    seconds: Decimal,
) -> Charge:
    amount = rounded(billed / HOUR * price)
    unit, per = "DPU-seconds", "DPU-hour"
    return Charge(kind, execution_id, state, used, unit, billed, price, per, amount, seconds)


def _billed_bytes(scanned: Decimal) -> Decimal:
    megabytes = (scanned / MEGABYTE).to_integral_value(ROUND_CEILING)
    return max(megabytes, Decimal(LEAST_MEGABYTES)) * MEGABYTE


def _thousandths(number: Decimal) -> str:
    return plain(number.quantize(Decimal("0.001"), ROUND_HALF_UP))


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
