"""Honours erasure requests: rows of a person who is to be forgotten keep nothing personal.

A person is named by a token. A sale stays, since it is the company's own record, but nobody's; a
row that describes the person is refused as ``erased``, without its text. Every rebuild does it
again, so bronze may keep what was delivered.
"""

from collections.abc import Collection
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract

ERASED = "erased"


def forgotten(rows: pa.RecordBatch, contract: Contract, erased: Collection[str]) -> pa.RecordBatch:
    """Judged rows, with tokens in place, without anything of the persons to forget.

    Args:
        rows: of ``judged`` and ``with_tokens``.
        contract: of the dataset.
        erased: tokens.
    """
    names = _tokens(contract)
    if not erased or not names:
        return rows
    persons = pa.array(sorted(erased), pa.string())
    found = (pc.is_in(rows.column(name), persons) for name in names)
    concerned = reduce(pc.or_, found)
    nothing = pa.scalar(None, pa.string())
    for name in (*names, "_raw"):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, pc.if_else(concerned, nothing, rows.column(name)))
    if contract.snapshot is not None:
        place = rows.schema.get_field_index("_reason")
        reasons = pc.if_else(concerned, ERASED, rows.column("_reason"))
        rows = rows.set_column(place, "_reason", reasons)
    return rows


def without_forgotten(
    published: DataFrame, contract: Contract, erased: Collection[str]
) -> DataFrame:
    """Rows that an earlier release published, likewise; rows that describe a person are dropped."""
    tokens = _tokens(contract)
    if not erased or not tokens:
        return published
    concerned = _concerned(tokens, erased)
    if contract.snapshot is not None:
        return published.where(~concerned)
    cleared = {name: F.when(~concerned, F.col(name)).alias(name) for name in tokens}
    return published.select(*[cleared.get(name, F.col(name)) for name in published.columns])


def _tokens(contract: Contract) -> list[str]:
    return [column.stored_name for column in contract.columns if column.is_restricted]


def _concerned(tokens: Collection[str], erased: Collection[str]) -> Value:
    """Whether a row is of one of the persons; never null."""
    found = F.lit(False)
    for name in tokens:
        found = found | F.coalesce(F.col(name).isin(*sorted(erased)), F.lit(False))
    return found
