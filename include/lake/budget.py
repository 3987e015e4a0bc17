"""What a run will cost, before it does, and whether it may."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from include.lake.contracts import Lake
from include.lake.costs import (
    HOUR,
    KINDS,
    LEAST_MEGABYTES,
    MEGABYTE,
    TERABYTE,
    Kind,
    Tariff,
    money,
    plain,
    rounded,
    total,
)
from include.lake.marts import Mart
from include.lake.releases import parse_pointer, release_id
from include.lake.window import Window

GIGABYTE = 2**30
#: Until a run has been counted: a cautious guess, not a measurement.
STARTUP_DPU_SECONDS = Decimal(120)
GUESSED_RATES: Mapping[Kind, Decimal] = {
    "glue_job": Decimal(1000),  # DPU-seconds per GB delivered, beyond the start-up
    "athena": Decimal(GIGABYTE),  # bytes scanned per GB delivered: each byte once
}
#: A counted rate is believed within this factor of the guess: a run of a few rows is all start-up
#: and says little of bytes.
BELIEVED = 10
#: How many earlier releases an estimate looks at.
HISTORY = 3

Row = Mapping[str, Any]
#: Input list and rows of ``retail_ops.run_costs`` of earlier releases.
History = Sequence[tuple[Mapping[str, Any], Sequence[Row]]]


class OverBudgetError(RuntimeError):
    """What a run has spent and is about to spend is more than its budget."""


@dataclass(frozen=True)
class Budget:
    """What runs may cost.

    Attributes:
        lake: its prices, budget and databases.
        region: where it is; it must have prices.
        marts: the gold tables.
    """

    lake: Lake
    region: str
    marts: tuple[Mart, ...]

    def __post_init__(self) -> None:
        """Looks the prices up, so that a region without any is found at once."""
        _ = self.tariff

    @property
    def tariff(self) -> Tariff:
        """The region's prices; ContractError if it has none."""
        return self.lake.costs.tariff(self.region)

    @property
    def table(self) -> tuple[str, str]:
        """Database and name of the table that keeps what runs cost."""
        return self.lake.ops_database, "run_costs"

    @property
    def pointer(self) -> tuple[str, str]:
        """Database and name of the pointer, which names the releases to learn from."""
        return self.lake.ops_database, "published"

    def release_of_run(self, dag_id: str, run_id: str, day: date) -> str:
        """The id under which a run is booked that opens no release; ``day`` it was asked for."""
        return release_id(dag_id, run_id, 0, Window(day, day))

    def recent_releases(self, pointer: str, release: str) -> list[str]:
        """Releases to learn from: of the last arrival days published, newest first, but itself.

        Args:
            pointer: text of the pointer's state.
            release: the one that is about to run.
        """
        rows = [row for row in parse_pointer(pointer) if row.table == "run_ledger"]
        rows.sort(key=lambda row: (str(row.ingest_date), row.release), reverse=True)
        found = dict.fromkeys(row.release for row in rows if row.release != release)
        return list(found)[:HISTORY]

    def estimate(self, inputs: Mapping[str, Any], history: History) -> dict[str, Any]:
        """What the job and the statements of a release will cost, as a document.

        Both grow with the bytes delivered: a start-up (of the job) or a minimum (of the
        statements), and a rate per byte, counted in earlier runs or else guessed.

        Args:
            inputs: the release's input list.
            history: of the releases to learn from.

        Returns:
            `input_bytes`, `files`, `basis` (where the rates come from), `dpu_seconds` and
            `bytes_scanned` (expected), `glue_job`, `athena` and `amount` (money), `budget`,
            `currency`. Decimals are text.
        """
        counted = [(past, rows) for past, rows in history if rows]
        size = Decimal(_bytes(inputs)) / GIGABYTE
        dpu_seconds = STARTUP_DPU_SECONDS + size * _rate("glue_job", counted, STARTUP_DPU_SECONDS)
        # building and checking each mart, comparing with what is published, and the report
        least = Decimal((2 * len(self.marts) + 2) * LEAST_MEGABYTES * MEGABYTE)
        scanned = max(size * _rate("athena", counted, Decimal(0)), least)
        job = rounded(dpu_seconds / HOUR * self.tariff.dpu_hour)
        athena = rounded(scanned / TERABYTE * self.tariff.terabyte_scanned)
        return {
            "input_bytes": _bytes(inputs),
            "files": sum(map(len, inputs["datasets"].values())),
            "basis": f"last {len(counted)} releases" if counted else "guess: none counted yet",
            "dpu_seconds": plain(dpu_seconds.quantize(Decimal("0.1"))),
            "bytes_scanned": int(scanned),
            "glue_job": plain(job),
            "athena": plain(athena),
            "amount": plain(job + athena),
            "budget": plain(self.lake.costs.budget_per_run),
            "currency": self.tariff.currency,
        }

    def summary(self, rows: Iterable[Row], estimate: Mapping[str, Any]) -> str:
        """What was spent so far, by kind, beside what was estimated and what is allowed.

        Args:
            rows: what the release has cost so far (rows of ``run_costs``).
            estimate: as `estimate` made it; empty if nothing was estimated.
        """
        rows, currency = list(rows), self.tariff.currency
        parts = []
        for kind, name in KINDS.items():
            mine = [row for row in rows if row["kind"] == kind]
            if not mine and kind == "extract":  # as a rule, workers make all of them
                continue
            amount = money(total(mine), currency)
            expected = f" of {money(Decimal(estimate[kind]), currency)}" if kind in estimate else ""
            parts.append(f"{name} {amount}{expected and expected + ' estimated'}")
        allowed = money(self.lake.costs.budget_per_run, currency)
        return f"Cost so far {money(total(rows), currency)}, budget {allowed}: {', '.join(parts)}."

    def require(self, rows: Iterable[Row], estimate: Mapping[str, Any], step: Kind) -> None:
        """Refuses a step that would overspend.

        Args:
            rows: what the release has cost so far (rows of ``run_costs``).
            estimate: as `estimate` made it; empty if nothing was estimated.
            step: what is about to start: the job, and then the statements are to come too, or a
                statement.

        Raises:
            OverBudgetError: spent and still to come are above the budget; the message names all
                three.
        """
        rows = list(rows)
        budget, currency = self.lake.costs.budget_per_run, self.tariff.currency
        spent = total(rows)
        asked = total(row for row in rows if row["kind"] == "athena")
        ahead = max(Decimal(estimate.get("athena", 0)) - asked, Decimal(0))
        if step == "glue_job":
            ahead += Decimal(estimate.get("glue_job", 0))
        if spent + ahead > budget:
            raise OverBudgetError(
                f"over budget: {money(spent, currency)} spent and an estimated "
                f"{money(ahead, currency)} still to come are more than the "
                f"{money(budget, currency)} that a run may cost; nothing was published. Run fewer "
                "days at a time, or raise costs.budget_per_run in include/contracts/lake.yaml, "
                "deploy it and clear this task"
            )


def _bytes(inputs: Mapping[str, Any]) -> int:
    return sum(int(file["size"]) for files in inputs["datasets"].values() for file in files)


def _rate(kind: Kind, history: History, startup: Decimal) -> Decimal:
    """Quantity per GB delivered, beyond a start-up of each run."""
    guess = GUESSED_RATES[kind]
    size = used = Decimal(0)
    for inputs, rows in history:
        mine = [Decimal(row["quantity"]) for row in rows if row["kind"] == kind]
        if mine:
            size += _bytes(inputs)
            used += max(sum(mine) - startup, Decimal(0))
    if not size:
        return guess
    return min(max(used / size * GIGABYTE, guess / BELIEVED), guess * BELIEVED)
