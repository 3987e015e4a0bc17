"""The page about a run: what came in, what was checked, what changed, what it cost, what was sold.

This decides what the page says; how it looks is the renderer's. Every number leaves here as text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from include.lake import report_charts
from include.lake.contracts import Lake
from include.lake.costs import KINDS, money, total

#: Lines of a table; a page is for reading.
SHOWN = 200

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RunReport:
    """What a run's page says.

    Attributes:
        lake: for the names of its databases.
    """

    lake: Lake

    def query(self, first: str, last: str) -> str:
        """The statement for the charts (see ``report_charts.query``)."""
        return report_charts.query(self.lake.analytics_database, first, last)

    def page(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The page.

        Args:
            facts: `release`, `run_id`, `days` (first and last, ISO), `affected_days`, `ledger`,
                `quarantine`, `sales` (rows of `query`), `checks`, `restatements` and `costs` (rows
                of those books), `estimate`, `written` (when, as text).

        Returns:
            `title`, `subtitle`, `figures` (label, value, note, alarm), `charts` (title, unit,
            labels, which are days unless it is horizontal, series by name; `columns` and `rows` for
            the same in a table) and
            `tables` (title, text, columns, rows; a column that begins with # is of numbers).
        """
        first, last = facts["days"]
        return {
            "title": f"Sales of {report_charts.span(first, last)}",
            "subtitle": f"Release {facts['release']}, run {facts['run_id']}, {facts['written']}",
            "figures": self._figures(facts),
            "charts": list(report_charts.charts(facts["sales"], first, last)),
            "tables": [
                _accounting(facts["ledger"]),
                _quarantine(facts["quarantine"]),
                _checks(facts["checks"]),
                _restatements(facts["restatements"]),
                self._costs(facts["costs"], facts["estimate"]),
            ],
        }

    def _figures(self, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
        first, last = facts["days"]
        sold = [
            row for row in facts["sales"] if row["chart"] == "day" and first <= row["label"] <= last
        ]
        days = {row["label"] for row in sold}
        ledger, checks = facts["ledger"], facts["checks"]
        refused = sum(int(line["quarantined"]) for line in ledger)
        failed = [check for check in checks if not check["passed"]]
        restated = len(facts["restatements"])
        currency = self.lake.costs.currency
        spent, budget = total(facts["costs"]), self.lake.costs.budget_per_run
        return [
            _figure(
                "Revenue",
                report_charts.pounds(report_charts.revenue(sold)),
                _many(len(days), "business day"),
            ),
            _figure(
                "Rows delivered",
                _count(sum(int(line["rows_in"]) for line in ledger)),
                _many(len(ledger), "file"),
            ),
            _figure("Refused", _count(refused), "rows in quarantine", alarm=refused > 0),
            _figure(
                "Checks passed",
                f"{len(checks) - len(failed)} of {len(checks)}",
                "all" if not failed else _many(len(failed), "warning"),
                alarm=bool(failed),
            ),
            _figure("Restated", _count(restated), "published values", alarm=restated > 0),
            _figure("Cost", money(spent, currency), f"of {money(budget, currency)} budget"),
        ]

    def _costs(self, rows: Sequence[Row], estimate: Mapping[str, Any]) -> dict[str, Any]:
        currency = self.lake.costs.currency
        lines = []
        for kind, name in KINDS.items():
            for table in sorted({row["table_name"] for row in rows if row["kind"] == kind}):
                mine = [row for row in rows if (row["kind"], row["table_name"]) == (kind, table)]
                used = sum((Decimal(row["quantity"]) for row in mine), Decimal(0))
                amount = money(total(mine), currency)
                lines.append([name, table, str(len(mine)), _used(kind, used), amount])
        text = f"{money(total(rows), currency)} at list prices"
        if estimate:
            expected = money(Decimal(estimate["amount"]), currency)
            text += (
                f"; {expected} was estimated for job and statements ({estimate['basis']}, "
                f"{_size(estimate['input_bytes'])} delivered)"
            )
        columns = ["What", "For", "#Runs", "#Used", "#Cost"]
        return {"title": "Cost", "text": f"{text}.", "columns": columns, "rows": lines}


def _figure(label: str, value: str, note: str, alarm: bool = False) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "alarm": alarm}


def _accounting(ledger: Sequence[Row]) -> dict[str, Any]:
    counts = ("rows_in", "silver", "quarantined", "duplicates")
    return {
        "title": "Where the rows of every file went",
        "text": "Rows in = silver + quarantined + duplicates, or the job fails.",
        "columns": ["Dataset", "File", "#Rows in", "#Silver", "#Quarantined", "#Duplicates"],
        "rows": [
            [
                line["dataset"],
                str(line["source_file"]).rpartition("/")[2],
                *(_count(int(line[name])) for name in counts),
            ]
            for line in ledger
        ][:SHOWN],
    }


def _quarantine(reasons: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    rows = [
        [dataset, reason, _count(count)]
        for dataset, found in sorted(reasons.items())
        for reason, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {
        "title": "Why rows were refused",
        "text": "Every one is kept in retail_ops.quarantine." if rows else "No row was refused.",
        "columns": ["Dataset", "Reason", "#Rows"],
        "rows": rows[:SHOWN],
    }


def _checks(checks: Sequence[Row]) -> dict[str, Any]:
    ordered = sorted(checks, key=lambda check: (check["passed"], check["mart"]))
    return {
        "title": "Checks",
        "text": f"{_count(len(checks))} checks of the marts, before they were published.",
        "columns": ["Result", "Mart", "Check", "Observed"],
        "rows": [
            [
                "passed" if check["passed"] else f"{check['severity']}: not passed",
                check["mart"],
                check["check_name"],
                check["observed"],
            ]
            for check in ordered
        ][:SHOWN],
    }


def _restatements(rows: Sequence[Row]) -> dict[str, Any]:
    text = "No published number was changed by this run."
    if rows:
        text = f"{_count(len(rows))} published values changed."
        if len(rows) > SHOWN:
            text += f" The first {SHOWN}; all of them are in sales_analytics.restatements."
    return {
        "title": "What changed of numbers that readers had seen",
        "text": text,
        "columns": ["Mart", "Row", "Measure", "#Before", "#After"],
        "rows": [
            [
                row["mart"],
                _grain(row["row_key"]),
                row["measure"],
                "none" if row["old_value"] is None else row["old_value"],
                "none" if row["new_value"] is None else row["new_value"],
            ]
            for row in rows[:SHOWN]
        ],
    }


def _count(number: int) -> str:
    return f"{number:,}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _grain(key: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in json.loads(key).items())


def _used(kind: str, used: Decimal) -> str:
    return _size(int(used)) if kind == "athena" else f"{used:,.0f} DPU-seconds"


def _size(count: int) -> str:
    amount, unit = Decimal(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
