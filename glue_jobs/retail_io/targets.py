"""Writes the tables of a run as Parquet: one sorted file per partition, same rows same bytes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from include.lake import layout
from include.lake.catalog import RUN_LEDGER_COLUMNS
from include.lake.contracts import Contract
from retail_transforms.accounting import LedgerRow
from retail_transforms.conform import union_of, with_optional_columns

#: A partition of more rows (about 128 MiB of sales) gets a further file.
ROWS_PER_FILE = 6_000_000
#: The encodings of a column chunk stand in the footer in the order of a Java hash set, another one
#: in every process. These settings give each column one encoding, so the bytes stay the same.
_ONE_ENCODING = {"parquet.writer.version": "v2", "parquet.enable.dictionary": "false"}
#: Per table: a task for each of many small files would be most of the work.
_COUNTING_TASKS = 4
_PLACE = ("source_file", "source_row")


@dataclass(frozen=True)
class Run:
    """Where one run writes: every table to a fresh folder of its own, sorted in a total order.

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

    def write_dataset(self, rows: DataFrame, contract: Contract) -> None:
        """Writes a dataset's silver table: clean rows as they came, a snapshot by its key."""
        rows = with_optional_columns(rows)
        order = _PLACE if contract.snapshot is None else contract.key_columns
        self._write(_placed(rows, contract.silver_table, order), contract.silver_table)

    def write_quarantine(self, refused: Sequence[DataFrame]) -> None:
        """Writes the refused rows of all datasets by arrival day; nothing if there are none."""
        if refused:
            rows = with_optional_columns(union_of(refused))
            self._write(_placed(rows, "quarantine", _PLACE), "quarantine")

    def write_sales(self, rows: DataFrame) -> None:
        """Writes sales that lie together by business day already (see ``keep_latest``)."""
        self._write(rows.sortWithinPartitions("sale_date", "channel", "transaction_id"), "sales")

    def write_ledger(self, spark: SparkSession, rows: Iterable[LedgerRow]) -> None:
        """Writes what became of each file by arrival day."""
        types = {**RUN_LEDGER_COLUMNS, "ingest_date": "date"}
        schema = ", ".join(f"{name} {sql_type}" for name, sql_type in types.items())
        values = [tuple(getattr(row, name) for name in types) for row in rows]
        ledger = spark.createDataFrame(values, schema)
        self._write(_placed(ledger, "run_ledger", ("source_file",)), "run_ledger")

    def written(self, spark: SparkSession, given: Collection[Contract]) -> dict[str, DataFrame]:
        """What lies in the tables now, as far as it is counted: the check of what was written.

        Args:
            spark: the session.
            given: the datasets whose rows were written.
        """
        tables = [contract.silver_table for contract in given]
        frames = {}
        for table in (*tables, "sales", *(["quarantine"] if given else [])):
            keys = ", ".join(f"{key} date" for key in partition_days(table))
            rows = spark.read.schema(f"source_file string, {keys}").parquet(self.folder(table))
            frames[table] = rows.coalesce(_COUNTING_TASKS)
        return frames

    def _write(self, rows: DataFrame, table: str) -> None:
        writer = rows.write.mode("errorifexists").options(compression="zstd", **_ONE_ENCODING)
        writer = writer.option("maxRecordsPerFile", ROWS_PER_FILE)
        writer.partitionBy(*partition_days(table)).parquet(self.folder(table))


def partition_days(table: str) -> tuple[str, ...]:
    """The partition keys of a table that are folders of a run: all but the release."""
    return layout.partition_keys(table)[:-1]


def _placed(rows: DataFrame, table: str, order: Iterable[str]) -> DataFrame:
    """The rows with each partition in one task and sorted."""
    keys = partition_days(table)
    return rows.repartition(*keys).sortWithinPartitions(*keys, *order)
