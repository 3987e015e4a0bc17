"""Says which row of a key is kept, in the same way however the data arrived."""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

#: One sale: the same id in another channel is another sale.
KEY = ("sale_date", "channel", "transaction_id")


def latest_first(rows: DataFrame, key: Iterable[str] = KEY) -> DataFrame:
    """Rows sorted within their partition by key, the one to keep before its duplicates.

    Latest arrival wins; within a day the last file by name, then the last row. No two rows tie,
    since file and row identify a row.
    """
    latest = (F.desc("ingest_date"), F.desc("source_file"), F.desc("source_row"))
    return rows.sortWithinPartitions(*key, *latest)


def with_first(
    batches: Iterable[pa.RecordBatch], key: Sequence[str] = KEY
) -> Iterator[pa.RecordBatch]:
    """Adds ``_first`` to rows of ``latest_first``: whether a row is the first of its key."""
    before: pa.RecordBatch | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        same = [_as_before(batch.column(name), before and before.column(name)) for name in key]
        yield batch.append_column("_first", pc.invert(reduce(pc.and_, same)))
        before = batch.slice(batch.num_rows - 1).select(list(key))


def _as_before(values: pa.Array, last: pa.Array | None) -> pa.BooleanArray:
    """Whether each value is the same as the one before it; null is the same as null."""
    before, rest = values[:-1], values
    if last is None:
        rest = values[1:]
    else:
        before = pa.concat_arrays([last, before])
    nothing = pc.and_(rest.is_null(), before.is_null())
    same = pc.or_(pc.fill_null(pc.equal(rest, before), False), nothing)
    return pa.concat_arrays([pa.array([False]), same]) if last is None else same
