"""What silver is built of: this run's rows, and what other releases published of the same days."""

from collections.abc import Collection, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession

from include.lake.catalog import clean_columns
from include.lake.contracts import Contract, Lake
from retail_io.inputs import Inputs, UpstreamPartition
from retail_io.sources import read_delivered, read_published
from retail_io.targets import partition_days
from retail_transforms.accounting import Tally, tallied
from retail_transforms.conform import SALES_TYPES, conformed, union_of
from retail_transforms.deduplicate import keep_last
from retail_transforms.enrich import enriched
from retail_transforms.forget import forgotten, without_forgotten
from retail_transforms.quarantine import UNCOMPOSED, judged, passed, with_composed_text
from retail_transforms.tokenise import with_tokens

Upstream = Mapping[str, Sequence[UpstreamPartition]]
#: By dataset, every delivered row of the run, judged.
Rows = Mapping[str, DataFrame]


def judged_rows(
    spark: SparkSession, lake: Lake, listed: Inputs, key: bytes
) -> tuple[dict[str, DataFrame], Tally]:
    """Every delivered row by dataset, judged, and how many there are.

    The rows are kept, so that each file is read once; but if a dataset has text to be composed,
    all its files are read again for that, since showing every row to Python takes long.
    """
    given = [contract for contract in lake.contracts if listed.of(contract.dataset)]

    def read(contract: Contract, composing: bool) -> DataFrame:
        files = listed.of(contract.dataset)
        delivered = read_delivered(spark, contract, files, listed.lake_root)
        if composing:
            delivered = with_composed_text(delivered, contract)
        rows = judged(delivered, contract, lake.time_zone, composed_already=composing)
        named = with_tokens(rows, contract, key)
        return forgotten(named, contract, listed.erased).persist()

    rows = {each.dataset: read(each, composing=False) for each in given}
    counted = Tally(tallied(rows).collect()) if rows else Tally([])
    found = counted.reasons()
    uncomposed = [each for each in given if UNCOMPOSED in found.get(each.dataset, {})]
    if not uncomposed:
        return rows, counted
    for contract in uncomposed:
        rows[contract.dataset].unpersist()
        rows[contract.dataset] = read(contract, composing=True)
    return rows, Tally(tallied(rows).collect())


def all_sales(
    spark: SparkSession, lake: Lake, upstream: Upstream, rows: Rows, erased: Collection[str]
) -> DataFrame:
    """The sales of the affected days: this window's, and what other arrival days hold of them."""
    channels = []
    for contract in lake.channels:
        if contract.dataset in rows:
            channels.append(conformed(passed(rows[contract.dataset], contract), contract))
        if partitions := upstream.get(contract.silver_table):
            earlier = _published(spark, contract, partitions, erased)
            channels.append(conformed(earlier, contract))
    if not channels:
        columns = ", ".join(f"{name} {sql_type}" for name, sql_type in SALES_TYPES.items())
        return spark.createDataFrame([], columns)
    return union_of(channels)


def states(lake: Lake, rows: Rows) -> dict[str, DataFrame]:
    """By dataset, the window's snapshots: one row per key and arrival day."""
    return {
        contract.dataset: keep_last(passed(rows[contract.dataset], contract), contract)
        for contract in lake.snapshots
        if contract.dataset in rows
    }


def with_snapshots(
    spark: SparkSession,
    lake: Lake,
    upstream: Upstream,
    snapshots: Mapping[str, DataFrame],
    sales: DataFrame,
    erased: Collection[str],
) -> DataFrame:
    """The sales with what the snapshots of their days know and they do not say."""
    for contract in lake.snapshots:
        if contract.enriches is None:
            continue
        known = [snapshots[contract.dataset]] if contract.dataset in snapshots else []
        if partitions := upstream.get(contract.silver_table):
            known.append(_published(spark, contract, partitions, erased))
        if not known:
            continue
        state = union_of(known)
        sales = enriched(sales, state, contract.enriches)
    return sales


def _published(
    spark: SparkSession,
    contract: Contract,
    partitions: Sequence[UpstreamPartition],
    erased: Collection[str],
) -> DataFrame:
    keys = partition_days(contract.silver_table)
    rows = read_published(spark, clean_columns(contract), keys, partitions)
    return without_forgotten(rows, contract, erased)
