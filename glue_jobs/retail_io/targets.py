"""Where a run writes its tables: every one to a fresh folder, sorted, same rows same bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from include.lake import layout
from include.lake.catalog import (
    QUARANTINE_COLUMNS,
    RUN_LEDGER_COLUMNS,
    SALES_COLUMNS,
    clean_columns,
)
from include.lake.contracts import Contract
from retail_io.parquet_files import Target, write_here, writer
from retail_transforms.accounting import Batches, LedgerRow
from retail_transforms.outcome import QUARANTINE, SALES

_REFUSED = {"dataset": "_dataset", "reason": "_reason", "raw": "_raw"}


@dataclass(frozen=True)
class Run:
    """Where one run writes.

    Attributes:
        lake_root: ``s3://bucket`` (see ``Inputs.lake_root``).
        release: that the run is for.
        run_token: of the attempt.
    """

    lake_root: str
    release: str
    run_token: str

    def folder(self, table: str) -> str:
        """The folder of a table, ending with a slash."""
        layer = "ops" if table in ("quarantine", "run_ledger") else "silver"
        return f"{self.lake_root}/{layout.run_prefix(layer, table, self.release, self.run_token)}"

    def partition(self, table: str, days: Iterable[date]) -> str:
        """The folder of a partition, ending with a slash."""
        keys = zip(partition_days(table), days, strict=True)
        return self.folder(table) + "".join(f"{key}={day}/" for key, day in keys)

    def dataset_writer(self, contract: Contract) -> Batches:
        """What writes rows of ``with_outcome`` to the dataset's silver table and quarantine."""
        refused = {name: _REFUSED.get(name, name) for name in QUARANTINE_COLUMNS}
        targets = {
            contract.silver_table: self._target(
                contract.silver_table, _same(clean_columns(contract))
            ),
            QUARANTINE: self._target(QUARANTINE, refused, contract.dataset),
        }
        return writer(targets)

    def sales_writer(self) -> Batches:
        """What writes rows of ``with_sales_outcome`` to sales."""
        return writer({SALES: self._target(SALES, _same(SALES_COLUMNS))})

    def write_ledger(self, books: Iterable[LedgerRow]) -> None:
        """Writes what became of each file by arrival day."""
        rows = sorted(books, key=lambda row: (row.ingest_date, row.source_file))
        kinds = {"string": pa.string(), "bigint": pa.int64()}
        types = {name: kinds[kind] for name, kind in RUN_LEDGER_COLUMNS.items()}
        schema = pa.schema([*types.items(), ("ingest_date", pa.date32())])
        table = pa.Table.from_pylist([vars(row) for row in rows], schema)
        write_here(table, self._target("run_ledger", _same(RUN_LEDGER_COLUMNS)))

    def _target(self, table: str, columns: Mapping[str, str], prefix: str = "part") -> Target:
        return Target(self.folder(table), partition_days(table), columns, prefix)


def partition_days(table: str) -> tuple[str, ...]:
    """The partition keys of a table that are folders of a run: all but the release."""
    return layout.partition_keys(table)[:-1]


def _same(names: Iterable[str]) -> dict[str, str]:
    """Columns that have in the file the name that they have in the rows."""
    return {name: name for name in names}
