"""Writes sorted rows as Parquet from the tasks: a file per partition, the same rows the same bytes.

Spark's own writer is not used: it lists the encodings of a column in the order of a Java hash set,
another one in every process, so its dictionaries cost the promise of equal bytes. Here a file's
name and bytes follow from its rows alone, and a task that runs again writes the same file anew.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame

from retail_io import documents
from retail_transforms.accounting import COUNTED

#: A file that has grown to this many bytes is closed, and the partition goes on in another one.
TARGET_BYTES = 128 * 1024**2
#: Rows of a row group; what a task holds in memory of each table.
_GROUP_ROWS = 1 << 18
#: A difference is packed with wider ones beside it, in some bits more than it needs.
_ROOM = 1 << 3
_COUNTS = pa.schema(
    [(name, pa.date32() if kind == "date" else pa.string()) for name, kind in COUNTED.items()]
    + [("rows", pa.int64())]
)


class WriteError(RuntimeError):
    """What was written is not what was given."""


@dataclass(frozen=True)
class Target:
    """A table that rows are written to.

    Attributes:
        folder: address, ending with a slash.
        keys: the partition keys that are folders in it, names of date columns.
        columns: name in the file to name in the rows.
        prefix: of the files' names; writers to the same folder need different ones.
    """

    folder: str
    keys: tuple[str, ...]
    columns: Mapping[str, str]
    prefix: str = "part"


def written(rows: DataFrame, targets: Mapping[str, Target]) -> DataFrame:
    """Writes the rows when it is run, and gives how many there were of each kind.

    Args:
        rows: with the columns of ``COUNTED``, a partition's rows together and sorted by its keys.
        targets: by outcome. Rows of other outcomes are counted, not written.

    Returns:
        the columns of ``COUNTED`` and rows, not summed over tasks.
    """
    kinds = ", ".join(f"{name} {kind}" for name, kind in COUNTED.items())

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _write(batches, targets)

    return rows.mapInArrow(write, f"{kinds}, rows bigint")


def write_here(rows: pa.Table, target: Target) -> None:
    """Writes a few rows of the driver's, sorted by the keys already."""
    with TemporaryDirectory() as scratch:
        writer = _TableWriter(target, Path(scratch) / "part")
        for batch in rows.to_batches():
            writer.write(batch)
        writer.close()


def _write(
    batches: Iterable[pa.RecordBatch], targets: Mapping[str, Target]
) -> Iterator[pa.RecordBatch]:
    counted: Counter[tuple[object, ...]] = Counter()
    with TemporaryDirectory() as scratch:
        writers = {
            name: _TableWriter(target, Path(scratch) / name) for name, target in targets.items()
        }
        for batch in batches:
            outcome = batch.column("_outcome")
            for name, writer in writers.items():
                writer.write(batch.filter(pc.equal(outcome, name)))
            counted.update(_counts(batch, tuple(COUNTED)))
        for writer in writers.values():
            writer.close()
    rows = [dict(zip(_COUNTS.names, (*key, count), strict=True)) for key, count in counted.items()]
    yield pa.RecordBatch.from_pylist(rows, _COUNTS)


def _counts(batch: pa.RecordBatch, names: tuple[str, ...]) -> dict[tuple[object, ...], int]:
    """Rows by the values of some columns, in the order of their first rows."""
    table = pa.Table.from_batches([batch]).select(names)
    found = table.group_by(names, use_threads=False).aggregate([([], "count_all")])
    *values, counts = (found.column(name).to_pylist() for name in (*names, "count_all"))
    return dict(zip(zip(*values, strict=True), counts, strict=True))


class _TableWriter:
    """Writes the sorted rows of one table that one task has."""

    def __init__(self, target: Target, scratch: Path) -> None:
        self._target = target
        self._scratch = scratch
        self._partition: tuple[object, ...] | None = None
        self._finished: set[tuple[object, ...]] = set()
        self._pending: list[pa.RecordBatch] = []
        self._file: pq.ParquetWriter | None = None
        self._number = 0
        self._rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Takes the next rows."""
        if not rows.num_rows:
            return
        begin = 0
        columns = self._renamed(rows)
        for partition, count in _counts(rows, self._target.keys).items():
            if partition != self._partition:
                self._end_partition()
                self._begin(partition)
            self._pending.append(columns.slice(begin, count))
            begin += count
            while sum(map(len, self._pending)) >= _GROUP_ROWS:
                self._write_group(_GROUP_ROWS)

    def close(self) -> None:
        """Writes what is left."""
        self._end_partition()

    def _renamed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The table's columns.

        Any may hold nulls: what Spark knows of that depends on the run's other inputs, and the
        bytes of a file must not.
        """
        chosen = rows.select(list(self._target.columns.values()))
        types = zip(self._target.columns, chosen.schema.types, strict=True)
        return pa.RecordBatch.from_arrays(chosen.columns, schema=pa.schema(list(types)))

    def _begin(self, partition: tuple[object, ...]) -> None:
        if partition in self._finished:
            raise WriteError(f"{self._target.folder}: rows of {partition} are not together")
        self._partition, self._number = partition, 0

    def _end_partition(self) -> None:
        if self._partition is None:
            return
        if self._pending:
            self._write_group(_GROUP_ROWS)
        self._end_file()
        self._finished.add(self._partition)
        self._partition = None

    def _write_group(self, most: int) -> None:
        pending = pa.Table.from_batches(self._pending)
        group = pending.slice(0, most).combine_chunks()
        rest = pending.slice(most)
        self._pending = rest.to_batches() if rest.num_rows else []
        if self._file is None:
            self._file = pq.ParquetWriter(self._scratch, group.schema, **_options(group))
        self._file.write_table(group, row_group_size=most)
        self._rows += group.num_rows
        if self._scratch.stat().st_size >= TARGET_BYTES:
            self._end_file()

    def _end_file(self) -> None:
        """Stores the file, if there is one, once its footer says what was put in."""
        if self._file is None:
            return
        self._file.close()
        rows = pq.read_metadata(self._scratch).num_rows
        keys = zip(self._target.keys, self._partition or (), strict=True)
        place = "".join(f"{key}={value}/" for key, value in keys)
        address = (
            f"{self._target.folder}{place}{self._target.prefix}-{self._number:05}.zstd.parquet"
        )
        if rows != self._rows:
            raise WriteError(
                f"{address} has {rows} rows, {self._rows} were given; run the job anew"
            )
        documents.store(self._scratch, address)
        self._file, self._rows, self._number = None, 0, self._number + 1


def _options(group: pa.Table) -> dict[str, object]:
    """How columns are written: dictionaries, but where most values differ what lies next to them.

    It is decided by a file's first rows, so that the same rows get the same bytes.
    """
    near: dict[str, str] = {}
    dictionaries: list[str] = []
    for field in group.schema:
        values = group.column(field.name)
        if _repeats(values):
            dictionaries.append(field.name)
        elif pa.types.is_string(field.type):
            near[field.name] = "DELTA_BYTE_ARRAY"
        elif pa.types.is_int64(field.type) or pa.types.is_timestamp(field.type):
            near[field.name] = "DELTA_BINARY_PACKED"
    return {
        "compression": "zstd",
        "compression_level": 3,
        "version": "2.6",
        "use_dictionary": dictionaries,
        "column_encoding": near or None,
        "store_decimal_as_integer": True,
        "store_schema": False,
    }


def _repeats(values: pa.ChunkedArray) -> bool:
    """Whether a dictionary is smaller than the values: not of rows in order, file after file."""
    distinct = pc.count_distinct(values).as_py()
    if distinct * 2 > len(values):
        return False
    if not pa.types.is_int64(values.type):
        return True
    steps = pc.abs(pc.pairwise_diff(values.combine_chunks()))
    step = pc.approximate_median(steps).as_py() or 0
    return not _ROOM <= step * _ROOM < distinct
