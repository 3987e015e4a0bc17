"""The manifest of a run (``silver-<token>.json``): what it wrote, for whoever registers it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from include.lake.contracts import Lake
from retail_io.inputs import Inputs
from retail_io.targets import Run, partition_days
from retail_transforms.accounting import LedgerRow, Tally


def document(
    run: Run,
    lake: Lake,
    listed: Inputs,
    found: Tally,
    ledger: Iterable[LedgerRow],
    reasons: Mapping[str, Mapping[str, int]],
    affected_days: Iterable[date],
) -> dict[str, Any]:
    """The manifest as JSON holds it.

    Args:
        run: where it wrote.
        lake: whose tables they are.
        listed: what it was built from.
        found: the rows by outcome.
        ledger: what became of each file.
        reasons: by dataset, quarantined rows by reason.
        affected_days: business days that were rebuilt; ``sales`` has a partition for each, with
            0 rows where nothing was sold.
    """
    days, books = sorted(affected_days), list(ledger)
    rows: dict[str, Mapping[tuple[date, ...], int]] = {
        table: found.by_partition(table, *partition_days(table))
        for table in (contract.silver_table for contract in lake.contracts)
    }
    rows["sales"] = {(day,): 0 for day in days} | found.by_partition("sales", "sale_date")
    rows["quarantine"] = found.by_partition("quarantine", "ingest_date")
    rows["run_ledger"] = Counter((row.ingest_date,) for row in books)
    return {
        "release": listed.release,
        "run_token": run.run_token,
        "tables": [_table(run, lake, table, rows[table]) for table in rows],
        "ledger": [row.document() for row in books],
        "quarantine": reasons,
        "affected_days": [day.isoformat() for day in days],
        "input_bytes": listed.input_bytes,
    }


def _table(
    run: Run, lake: Lake, table: str, rows: Mapping[tuple[date, ...], int]
) -> dict[str, Any]:
    ops = table in ("quarantine", "run_ledger")
    partitions = []
    for days, count in sorted(rows.items()):
        texts = [day.isoformat() for day in days]
        location = run.partition(table, days)
        partitions.append({"values": [*texts, run.release], "location": location, "rows": count})
    return {
        "database": lake.ops_database if ops else lake.silver_database,
        "table": table,
        "partitions": partitions,
    }
