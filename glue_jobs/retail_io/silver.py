"""Builds silver: each delivered file is read once, and sales are built from what was published.

What this run makes of its own files is published rows as well, once it is written: so a sale goes
the same way whether its file came today or days ago.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, Observation, SparkSession

from include.lake.catalog import clean_columns
from include.lake.contracts import Contract, Lake
from retail_io.inputs import Inputs, UpstreamPartition
from retail_io.parquet_files import COUNTS
from retail_io.sources import Delivered, read_published
from retail_io.targets import Run, partition_days
from retail_transforms.accounting import Seen, Tally, accounted
from retail_transforms.conform import conformed, union_of
from retail_transforms.enrich import enriched
from retail_transforms.forget import forgotten, without_forgotten
from retail_transforms.outcome import (
    sales_together,
    snapshot_together,
    with_outcome,
    with_sales_outcome,
)
from retail_transforms.rules import with_rules
from retail_transforms.tokenise import kept_schema, require_long_enough, with_tokens

#: By silver table, partitions that may be read.
Published = Mapping[str, Sequence[UpstreamPartition]]


def write_datasets(spark: SparkSession, lake: Lake, listed: Inputs, key: bytes, run: Run) -> Tally:
    """Judges every delivered row and writes it to its silver table or to quarantine.

    Rows go through Spark only where it is needed: for the contract's expressions, and to bring a
    snapshot's rows of a key together. All others are written by the task that has read them.

    Raises:
        AccountingError: a row that was read is not accounted for.
        ValueError: the key is too short to protect anything.
    """
    require_long_enough(key)
    contracts = [each for each in lake.contracts if listed.of(each.dataset)]
    through_spark = [each for each in contracts if _needs_spark(each)]
    seen = {contract.dataset: Observation(contract.dataset) for contract in through_spark}

    def planned(contract: Contract) -> DataFrame:
        files = listed.of(contract.dataset)
        delivered = Delivered(contract, files, listed.lake_root, lake.time_zone)
        write = run.dataset_writer(contract)

        def keep(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            named = (with_tokens(some, contract, key) for some in rows)
            return (forgotten(some, contract, listed.erased) for some in named)

        def written(kept: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return write(with_outcome(kept, contract))

        def kept_and_written(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return written(keep(rows))

        if contract not in through_spark:
            return delivered.map(spark, accounted(kept_and_written), COUNTS)
        rows = delivered.map(spark, iter, delivered.schema)
        rows = with_rules(rows.observe(seen[contract.dataset], *Seen.metrics()), contract)
        if contract.snapshot is None:
            return rows.mapInArrow(kept_and_written, COUNTS)
        # by token, not by what it stands for: the order of a file's rows must not tell
        kept = rows.mapInArrow(keep, kept_schema(rows.schema, contract))
        return snapshot_together(kept, contract).mapInArrow(written, COUNTS)

    # Planning is most of what a small day takes, and the planner of one plan has a single thread.
    with ThreadPoolExecutor() as planners:
        rows = list(planners.map(planned, contracts))
    tally = Tally(union_of(rows).collect() if rows else [])
    tally.require({dataset: Seen(**each.get) for dataset, each in seen.items()})
    return tally


def write_sales(
    spark: SparkSession,
    lake: Lake,
    listed: Inputs,
    delivered: Tally,
    days: Collection[date],
    run: Run,
) -> Tally:
    """Writes the sales of the affected days: this window's, and what other arrival days hold."""
    published = _published(lake, listed, delivered, days, run)
    channels = [
        conformed(_rows(spark, contract, published, listed.erased), contract)
        for contract in lake.channels
        if contract.silver_table in published
    ]
    if not channels:
        return Tally([])
    sales = union_of(channels)
    for contract in lake.snapshots:
        if contract.enriches is not None and contract.silver_table in published:
            state = _rows(spark, contract, published, listed.erased)
            sales = enriched(sales, state, contract.enriches)
    write = run.sales_writer()

    def written(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return write(with_sales_outcome(rows))

    return Tally(sales_together(sales).mapInArrow(written, COUNTS).collect())


def _needs_spark(contract: Contract) -> bool:
    derived = any(column.derived is not None for column in contract.columns)
    return derived or bool(contract.rules) or contract.snapshot is not None


def _published(
    lake: Lake, listed: Inputs, delivered: Tally, days: Collection[date], run: Run
) -> Published:
    """The partitions that the sales of those days are built from, by table."""
    partitions = listed.upstream_of(days)
    for table in (contract.silver_table for contract in lake.contracts):
        for place in sorted(delivered.by_partition(table, *partition_days(table))):
            arrival, business_day = (*place, None)[:2]
            assert arrival is not None
            location = run.partition(table, place)
            own = UpstreamPartition(table, arrival, business_day, location)
            partitions.setdefault(table, []).append(own)
    return partitions


def _rows(
    spark: SparkSession, contract: Contract, published: Published, erased: Collection[str]
) -> DataFrame:
    table = contract.silver_table
    keys = partition_days(table)
    rows = read_published(spark, clean_columns(contract), keys, published[table])
    return without_forgotten(rows, contract, erased)
