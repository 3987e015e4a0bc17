"""Says of every row which table it goes to, and brings together what is written together."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract
from retail_transforms.deduplicate import latest_first, with_first

#: Rows of these outcomes are counted and not kept.
DUPLICATE = "duplicate"
QUARANTINE, SALES = "quarantine", "sales"


def snapshot_together(kept: DataFrame, contract: Contract) -> DataFrame:
    """Rows of a snapshot as ``with_outcome`` wants them: a day is one part, sorted by the key."""
    by_day = kept.repartition("ingest_date").withColumn("_part", F.lit(0))
    passing = by_day.withColumn("_passes", F.col("_reason").isNull())
    return latest_first(passing, _snapshot_key(contract))


def with_outcome(batches: Iterable[pa.RecordBatch], contract: Contract) -> Iterator[pa.RecordBatch]:
    """Judged rows, with tokens in place, with ``_dataset`` and ``_outcome``; text of refused ones.

    The outcome is the dataset's silver table, quarantine, or duplicate (of a snapshot's key within
    an arrival day; sales are deduplicated later, over all arrivals).
    """
    if contract.snapshot is not None:
        batches = with_first(batches, _snapshot_key(contract))
    for rows in batches:
        kept: pa.Array | str = contract.silver_table
        if contract.snapshot is not None:
            kept = pc.if_else(rows.column("_first"), kept, DUPLICATE)
        passes = rows.column("_reason").is_null()
        text = pc.if_else(passes, pa.scalar(None, pa.string()), rows.column("_raw"))
        rows = rows.set_column(rows.schema.get_field_index("_raw"), "_raw", text)
        yield _with(rows, _outcome=pc.if_else(passes, kept, QUARANTINE), _dataset=contract.dataset)


def sales_together(sales: DataFrame) -> DataFrame:
    """Sales of all arrivals as ``with_sales_outcome`` wants them."""
    return latest_first(sales.repartition("sale_date"))


def with_sales_outcome(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sales likewise, of no dataset: the outcome is sales or duplicate."""
    for rows in with_first(batches):
        outcome = pc.if_else(rows.column("_first"), SALES, DUPLICATE)
        yield _with(rows, _outcome=outcome, _dataset=None, _reason=None, _part=0)


def _snapshot_key(contract: Contract) -> tuple[str, ...]:
    """Of the rows among which one is kept: refused ones do not count."""
    return ("ingest_date", "_passes", *contract.key_columns)


def _with(rows: pa.RecordBatch, **columns: pa.Array | str | int | None) -> pa.RecordBatch:
    """The rows with more columns; what is no array is the same in every row."""
    for name, values in columns.items():
        if not isinstance(values, pa.Array):
            kind = pa.int32() if isinstance(values, int) else pa.string()
            values = pa.repeat(pa.scalar(values, kind), rows.num_rows)
        rows = rows.append_column(name, values)
    return rows
