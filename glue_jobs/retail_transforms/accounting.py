"""Row accounting: every delivered row ends in silver, in quarantine or as a duplicate, once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from zlib import crc32

import pyarrow as pa
from pyspark.sql import Column as Value
from pyspark.sql import Row
from pyspark.sql import functions as F

#: By what rows are counted, as the writers find it in them. The outcome is the table that a row
#: went to, or why it went to none.
COUNTED: Mapping[str, str] = {
    "_dataset": "string",
    "_outcome": "string",
    "source_file": "string",
    "ingest_date": "date",
    "sale_date": "date",
    "_reason": "string",
}


#: Makes other batches of batches.
Batches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


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


@dataclass(frozen=True)
class Seen:
    """What a reader saw of a dataset: rows, and the sum of the CRC-32 of every row's file name."""

    rows: int
    files: int

    @classmethod
    def metrics(cls) -> tuple[Value, ...]:
        """The columns to observe."""
        files = F.coalesce(F.sum(F.crc32(F.encode("source_file", "UTF-8"))), F.lit(0))
        return F.count(F.lit(1)).alias("rows"), files.alias("files")


def accounted(work: Batches) -> Batches:
    """The same work, of which every row must come back: for a task that reads and writes by itself.

    Args:
        work: takes batches with source_file, gives batches with source_file and rows.

    Raises:
        AccountingError: rows were lost or doubled on the way, or came under another file.
    """

    def checked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        given: Counter[str] = Counter()
        found: Counter[str] = Counter()

        def counted() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for file in batch.column("source_file").value_counts():
                    given[file["values"].as_py()] += file["counts"].as_py()
                yield batch

        for counts in work(counted()):
            files, rows = (counts.column(name).to_pylist() for name in ("source_file", "rows"))
            for file, count in zip(files, rows, strict=True):
                found[file] += count
            yield counts
        if found != given:
            raise AccountingError(
                f"rows read {dict(given - found)}, accounted for {dict(found - given)}; run the "
                f"job again"
            )

    return checked


class Tally:
    """Rows by what ``COUNTED`` names: few, some for each file, day and reason."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = [row.asDict() for row in rows]

    def __add__(self, other: "Tally") -> "Tally":
        both = Tally([])
        both._rows = [*self._rows, *other._rows]
        return both

    def by_file(self, *outcomes: str) -> Counter[str]:
        """Rows by source file; of those outcomes, or of all."""
        count: Counter[str] = Counter()
        for row in self._rows:
            if not outcomes or row["_outcome"] in outcomes:
                count[row["source_file"]] += row["rows"]
        return count

    def by_partition(self, table: str, *keys: str) -> Counter[tuple[date, ...]]:
        """Rows of a table by partition days."""
        count: Counter[tuple[date, ...]] = Counter()
        for row in self._rows:
            if row["_outcome"] == table:
                count[tuple(row[key] for key in keys)] += row["rows"]
        return count

    def business_days(self) -> set[date]:
        """The business days of the rows that pass."""
        return {row["sale_date"] for row in self._rows if row["_reason"] is None}

    def reasons(self) -> dict[str, dict[str, int]]:
        """By dataset, refused rows by reason."""
        reasons: dict[str, Counter[str]] = {}
        for row in self._rows:
            if row["_reason"] is not None:
                reasons.setdefault(row["_dataset"], Counter())[row["_reason"]] += row["rows"]
        return {name: dict(sorted(count.items())) for name, count in sorted(reasons.items())}

    def require(self, seen: Mapping[str, Seen]) -> None:
        """Compares what became of a dataset's rows with what its reader saw.

        Raises:
            AccountingError: rows were lost or doubled on the way, or came under another file.
        """
        for dataset, given in seen.items():
            files: Counter[str] = Counter()
            for row in self._rows:
                if row["_dataset"] == dataset:
                    files[row["source_file"]] += row["rows"]
            names = sum(rows * crc32(file.encode()) for file, rows in files.items())
            found = Seen(files.total(), names)
            if found != given:
                raise AccountingError(
                    f"{dataset}: {given.rows} rows were read, {found.rows} accounted for (sums of "
                    f"file names {given.files} and {found.files}); run the job again"
                )


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
