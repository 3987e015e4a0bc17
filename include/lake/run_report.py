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

#: Lines of a table that are shown at once, and those that may be unfolded.
FEW, SHOWN = 12, 200

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
            wide, labels, which are days unless it is horizontal, series by name; `columns` and
            `rows` for the same in a table) and
            `tables` (title, text, columns, rows, and more of them to unfold). A column whose name
            begins with # is of numbers.
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
        return _table("Cost", f"{text}.", columns, lines, few=2 * FEW)


def _figure(label: str, value: str, note: str, alarm: bool = False) -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "alarm": alarm}


def _table(
    title: str, text: str, columns: list[str], rows: Sequence[list[str]], few: int = FEW
) -> dict[str, Any]:
    if len(rows) > SHOWN:
        text += f" The first {SHOWN} of {_count(len(rows))}."
    more = list(rows[few:SHOWN])
    return {"title": title, "text": text, "columns": columns, "rows": rows[:few], "more": more}


def _accounting(ledger: Sequence[Row]) -> dict[str, Any]:
    counts = ("rows_in", "silver", "quarantined", "duplicates")
    return _table(
        "Where the rows of every file went",
        "Rows in = silver + quarantined + duplicates, or the job fails.",
        ["Dataset", "File", "#Rows in", "#Silver", "#Quarantined", "#Duplicates"],
        [
            [
                line["dataset"],
                str(line["source_file"]).rpartition("/")[2],
                *(_count(int(line[name])) for name in counts),
            ]
            for line in ledger
        ],
        few=2 * FEW,
    )


def _quarantine(reasons: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    found = [(count, name, why) for name, each in reasons.items() for why, count in each.items()]
    rows = [
        [name, why, _count(count)]
        for count, name, why in sorted(found, key=lambda each: (-each[0], *each[1:]))
    ]
    text = "Every one is kept in retail_ops.quarantine." if rows else "No row was refused."
    return _table("Why rows were refused", text, ["Dataset", "Reason", "#Rows"], rows)


def _checks(checks: Sequence[Row]) -> dict[str, Any]:
    ordered = sorted(checks, key=lambda check: (check["passed"], check["mart"]))
    return _table(
        "Checks",
        f"{_count(len(checks))} checks of the marts, before they were published.",
        ["Result", "Mart", "Check", "Observed"],
        [
            [
                "passed" if check["passed"] else f"{check['severity']}: not passed",
                *(str(check[name]) for name in ("mart", "check_name", "observed")),
            ]
            for check in ordered
        ],
        few=len([check for check in checks if not check["passed"]]),
    )


def _restatements(rows: Sequence[Row]) -> dict[str, Any]:
    text = "No published number was changed by this run."
    if rows:
        text = f"{_many(len(rows), 'value')} changed; all are in sales_analytics.restatements."
    return _table(
        "What changed of numbers that readers had seen",
        text,
        ["Mart", "Row", "Measure", "#Before", "#After"],
        [
            [
                row["mart"],
                _grain(row["row_key"]),
                row["measure"],
                *(
                    "none" if row[name] is None else row[name]
                    for name in ("old_value", "new_value")
                ),
            ]
            for row in rows
        ],
    )


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
