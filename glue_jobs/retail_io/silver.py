"""What silver is built of: this run's rows, and what other releases published of the same days."""

from collections.abc import Collection, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession

from include.lake.catalog import clean_columns
from include.lake.contracts import Contract, Lake
from retail_io.inputs import UpstreamPartition
from retail_io.sources import read_published
from retail_io.targets import partition_days
from retail_transforms.conform import conformed, union_of
from retail_transforms.deduplicate import keep_last
from retail_transforms.enrich import enriched
from retail_transforms.forget import without_forgotten
from retail_transforms.quarantine import passed

Upstream = Mapping[str, Sequence[UpstreamPartition]]
#: By dataset, every delivered row of the run, judged.
Rows = Mapping[str, DataFrame]


def all_sales(
    spark: SparkSession, lake: Lake, upstream: Upstream, rows: Rows, erased: Collection[str]
) -> DataFrame:
    """The sales of the affected days: this window's, and what other arrival days hold of them."""
    channels = []
    for contract in lake.channels:
        channels.append(conformed(passed(rows[contract.dataset], contract), contract))
        if partitions := upstream.get(contract.silver_table):
            earlier = _published(spark, contract, partitions, erased)
            channels.append(conformed(earlier, contract))
    return union_of(channels)


def states(lake: Lake, rows: Rows) -> dict[str, DataFrame]:
    """By dataset, the window's snapshots: one row per key and arrival day."""
    return {
        contract.dataset: keep_last(passed(rows[contract.dataset], contract), contract)
        for contract in lake.snapshots
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
        state = snapshots[contract.dataset]
        if partitions := upstream.get(contract.silver_table):
            state = union_of([state, _published(spark, contract, partitions, erased)])
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
