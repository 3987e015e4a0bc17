"""Row accounting: every delivered row ends in silver, in quarantine or as a duplicate, once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

_TALLIED = {
    "source_file": "string",
    "ingest_date": "date",
    "sale_date": "date",
    "_reason": "string",
}


class AccountingError(AssertionError):
    """Rows were lost or made up; nothing of the run may be published."""


@dataclass(frozen=True)
class LedgerRow:
    """What became of one delivered file; rows, not bytes."""

    dataset: str
    source_file: str
    ingest_date: date
    rows_in: int
    silver: int
    quarantined: int
    duplicates: int

    def document(self) -> dict[str, Any]:
        """The row for a JSON document."""
        return asdict(self) | {"ingest_date": self.ingest_date.isoformat()}


def tallied(frames: Mapping[str, DataFrame]) -> DataFrame:
    """Rows of several frames by name, file, days and reason, in one frame: one job counts all.

    A frame that lacks one of those columns counts as having nulls there.
    """
    named = []
    for name, frame in frames.items():
        keys = [
            (F.col(key) if key in frame.columns else F.lit(None)).cast(kind).alias(key)
            for key, kind in _TALLIED.items()
        ]
        named.append(frame.select(F.lit(name).alias("name"), *keys))
    counted = reduce(DataFrame.unionByName, named).groupBy("name", *_TALLIED)
    return counted.agg(F.count(F.lit(1)).alias("rows"))


class Tally:
    """The collected rows of ``tallied``: small, one per file, day and reason."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = [row.asDict() for row in rows]

    def by_file(self, *names: str) -> Counter[str]:
        """Rows by source file, in the frames of those names."""
        return self._sum("source_file", names=names)

    def by_partition(self, name: str, *keys: str) -> Counter[tuple[date, ...]]:
        """Rows by partition days, in the frame of that name."""
        count: Counter[tuple[date, ...]] = Counter()
        for row in self._rows:
            if row["name"] == name:
                count[tuple(row[key] for key in keys)] += row["rows"]
        return count

    def business_days(self) -> set[date]:
        """The business days of the rows that pass."""
        return {row["sale_date"] for row in self._rows if row["_reason"] is None}

    def reasons(self) -> dict[str, dict[str, int]]:
        """By frame, refused rows by reason."""
        reasons: dict[str, Counter[str]] = {}
        for row in self._rows:
            if row["_reason"] is not None:
                reasons.setdefault(row["name"], Counter())[row["_reason"]] += row["rows"]
        return {name: dict(sorted(count.items())) for name, count in sorted(reasons.items())}

    def _sum(self, key: str, names: tuple[str, ...]) -> Counter[str]:
        count: Counter[str] = Counter()
        for row in self._rows:
            if row["name"] in names:
                count[row[key]] += row["rows"]
        return count


def ledger(
    files: Iterable[tuple[str, str, date]],
    rows_in: Mapping[str, int],
    silver: Mapping[str, int],
    quarantined: Mapping[str, int],
    duplicates: Mapping[str, int],
) -> tuple[LedgerRow, ...]:
    """One row per delivered file, also for files without rows.

    Args:
        files: dataset, name and arrival day of every file of the window.
        rows_in: by file, rows as read.
        silver: by file, rows found in the written sales; other arrivals' files are passed over.
        quarantined: by file, rows found in the written quarantine.
        duplicates: by file, rows that lost to another row of the same sale.

    Raises:
        AccountingError: a file's rows do not add up, or rows come from a file nobody listed.
    """
    rows = tuple(
        LedgerRow(
            dataset,
            file,
            day,
            *(Counter(count)[file] for count in (rows_in, silver, quarantined, duplicates)),
        )
        for dataset, file, day in files
    )
    unknown = sorted({*rows_in, *quarantined} - {row.source_file for row in rows})
    if unknown:
        raise AccountingError(f"rows of files that inputs.json does not list: {unknown[:5]}")
    wrong = [row for row in rows if row.rows_in != row.silver + row.quarantined + row.duplicates]
    if wrong:
        raise AccountingError(
            f"{len(wrong)} files do not add up to silver + quarantined + duplicates, first: "
            f"{wrong[0]}; run the job again, and report it if it stays"
        )
    return rows
