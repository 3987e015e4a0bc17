"""Honours erasure requests: rows of a person who is to be forgotten keep nothing personal.

A person is named by a token. A sale stays, since it is the company's own record, but nobody's; a
row that describes the person is refused as ``erased``, without its text. Every rebuild does it
again, so bronze may keep what was delivered.
"""

from collections.abc import Collection

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract

ERASED = "erased"


def forgotten(judged_rows: DataFrame, contract: Contract, erased: Collection[str]) -> DataFrame:
    """Judged rows, with tokens in place, without anything of the persons to forget.

    Args:
        judged_rows: of ``judged`` and ``with_tokens``.
        contract: of the dataset.
        erased: tokens.
    """
    tokens = _tokens(contract)
    if not erased or not tokens:
        return judged_rows
    concerned = _concerned(tokens, erased)
    cleared = {name: F.when(~concerned, F.col(name)).alias(name) for name in (*tokens, "_raw")}
    if contract.snapshot is not None:
        reason = F.when(concerned, F.lit(ERASED)).otherwise(F.col("_reason"))
        cleared["_reason"] = reason.alias("_reason")
    return judged_rows.select(*[cleared.get(name, F.col(name)) for name in judged_rows.columns])


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
