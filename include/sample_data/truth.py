"""The books that the pipeline must arrive at, kept from what was planted.

Every row says at its making what must become of it, so nothing here reads, parses or judges data.
What is left to do is counting, and the choice between copies of one transaction: the latest arrival
day wins, then the file name, then the row number.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from include.sample_data.catalogue import money
from include.sample_data.delivery import DeliveredFile, Row, Sale


class Copy(NamedTuple):
    """A delivered copy of a transaction, in the order in which copies replace each other."""

    ingest_date: date
    file: str
    row: int
    sale: Sale | None


@dataclass
class Totals:
    """Sums over sales; money in pence."""

    transactions: int = 0
    units: int = 0
    gross_revenue: int = 0
    returns: int = 0
    amount_mismatches: int = 0
    customers: set[str] = field(default_factory=set)

    def add(self, sale: Sale) -> None:
        """Count one sale."""
        self.transactions += 1
        self.units += sale.quantity
        if sale.is_return:
            self.returns += sale.total
        else:
            self.gross_revenue += sale.total
        self.amount_mismatches += sale.total != sale.calculated
        if sale.customer is not None:
            self.customers.add(sale.customer)

    def plus(self, other: "Totals") -> "Totals":
        """Return the sum of both."""
        return Totals(
            self.transactions + other.transactions,
            self.units + other.units,
            self.gross_revenue + other.gross_revenue,
            self.returns + other.returns,
            self.amount_mismatches + other.amount_mismatches,
            self.customers | other.customers,
        )

    def report(self) -> dict[str, Any]:
        """Return the sums for a JSON document; money as text with two decimals."""
        return {
            "transactions": self.transactions,
            "units": self.units,
            "gross_revenue": money(self.gross_revenue),
            "returns": money(self.returns),
            "revenue": money(self.gross_revenue + self.returns),
            "customers": len(self.customers),
            "amount_mismatches": self.amount_mismatches,
        }


@dataclass
class FileAccount:
    """What one file was made of; ``staying`` rows are in the source on all later days too."""

    rows_in: int = 0
    sound: int = 0
    staying: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)


Group = tuple[date, str, str, str]  # business day, channel, region, category


class Accounts:
    """Keeps the books of a delivery while its rows pass by. Memory: the plants, not the rows."""

    def __init__(self) -> None:
        """Open empty books."""
        self.files: dict[tuple[str, date, str], FileAccount] = {}
        self.faults: list[dict[str, Any]] = []
        self._single: dict[Group, Totals] = {}
        self._copies: dict[tuple[str, str], list[Copy]] = {}

    def watch(self, file: DeliveredFile) -> Iterator[Row]:
        """Yield the file's rows and enter each in the books.

        A row's number is its first line in the file. Rows of a table are numbered from 1.
        """
        account = self.files.setdefault((file.dataset, file.ingest_date, file.name), FileAccount())
        line = file.first_row
        for row in file.rows():
            self._enter(file, account, line, row)
            line += 1 + row.text.count("\n")
            yield row

    def _enter(self, file: DeliveredFile, account: FileAccount, number: int, row: Row) -> None:
        account.rows_in += 1
        if row.sale is None and not row.entry:
            if row.reason is None:
                raise ValueError(f"{file.name} row {number}: neither a sale nor a reason")
            account.quarantined[row.reason] += 1
            self.faults.append(
                {
                    "dataset": file.dataset,
                    "ingest_date": str(file.ingest_date),
                    "file": file.name,
                    "row": number,
                    "reason": row.reason,
                }
            )
            return
        account.sound += 1
        account.staying += row.stays
        if row.key is None:
            if row.sale is not None:
                self._single.setdefault(group(row.sale), Totals()).add(row.sale)
        else:
            copy = Copy(file.ingest_date, file.name, number, row.sale)
            self._copies.setdefault((file.dataset, row.key), []).append(copy)

    def ledger(self, windows: Sequence[tuple[date, date]]) -> list[dict[str, Any]]:
        """Return the ledger of each run when the windows are run in this order.

        A run knows the copies that arrived in its window and in the windows run before it. A copy
        that loses against a known one is a duplicate; the ledgers of earlier runs stay as they are.
        """
        runs = []
        known: list[tuple[date, date]] = []
        for first, last in windows:
            known.append((first, last))
            duplicates: Counter[tuple[str, date, str]] = Counter()
            for (dataset, _), copies in self._copies.items():
                seen = [c for c in copies if any(a <= c.ingest_date <= b for a, b in known)]
                for copy in seen:
                    if first <= copy.ingest_date <= last and copy != max(seen):
                        duplicates[dataset, copy.ingest_date, copy.file] += 1
            files = [
                {
                    "dataset": dataset,
                    "ingest_date": str(day),
                    "file": name,
                    "rows_in": account.rows_in + self._staying(dataset, day),
                    "silver": account.sound
                    + self._staying(dataset, day)
                    - duplicates[dataset, day, name],
                    "quarantined": account.quarantined.total(),
                    "duplicates": duplicates[dataset, day, name],
                    "reasons": dict(sorted(account.quarantined.items())),
                }
                for (dataset, day, name), account in sorted(self.files.items())
                if first <= day <= last
            ]
            runs.append({"from": str(first), "to": str(last), "files": files})
        return runs

    def _staying(self, dataset: str, before: date) -> int:
        """Return how many rows of earlier deliveries a source still holds."""
        return sum(
            account.staying
            for (name, day, _), account in self.files.items()
            if name == dataset and day < before
        )

    def sales(self) -> dict[Group, Totals]:
        """Return the sums that remain when every delivered day has been run, in whatever order."""
        sums = {key: Totals().plus(totals) for key, totals in self._single.items()}
        for copies in self._copies.values():
            winner = max(copies).sale
            if winner is not None:
                sums.setdefault(group(winner), Totals()).add(winner)
        return sums

    def report(self, windows: Sequence[tuple[date, date]]) -> dict[str, Any]:
        """Return the books as a JSON document."""
        quarantine: dict[str, Counter[str]] = {}
        for (dataset, _, _), account in self.files.items():
            quarantine.setdefault(dataset, Counter()).update(account.quarantined)
        sums = self.sales()
        return {
            "runs": self.ledger(windows),
            "quarantine": {name: dict(sorted(q.items())) for name, q in sorted(quarantine.items())},
            "faults": self.faults,
            "daily_sales": by(sums, 0, 1),
            "sales_by_region": by(sums, 0, 1, 2),
            "sales_by_category": by(sums, 0, 3),
        }


def group(sale: Sale) -> Group:
    """Return what the sums are kept by."""
    return sale.day, sale.channel, sale.region, sale.category


def by(sums: dict[Group, Totals], *places: int) -> dict[str, Any]:
    """Return the sums nested by the chosen places of the group, each level sorted."""
    merged: dict[tuple[Any, ...], Totals] = {}
    for key, totals in sums.items():
        short = tuple(key[place] for place in places)
        merged[short] = merged.get(short, Totals()).plus(totals)
    nested: dict[str, Any] = {}
    for short, totals in sorted(merged.items()):
        level = nested
        for name in short[:-1]:
            level = level.setdefault(str(name), {})
        level[str(short[-1])] = totals.report()
    return nested
