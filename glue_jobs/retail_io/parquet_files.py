"""Writes rows as Parquet from the tasks: a file per partition, the same rows the same bytes.

Spark's own writer is not used: it lists the encodings of a column in the order of a Java hash set,
another one in every process, so its dictionaries cost the promise of equal bytes. Here a file's
name and bytes follow from its rows alone, and a task that runs again writes the same file anew.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retail_io import documents
from retail_transforms.accounting import COUNTED

#: A file that has grown to this many bytes is closed, and the partition goes on in another one.
TARGET_BYTES = 128 * 1024**2
#: Rows of a row group; what a task holds in memory of each table.
_GROUP_ROWS = 1 << 18
#: A difference is packed with wider ones beside it, in some bits more than it needs.
_ROOM = 1 << 3
#: Columns that writers give, in SQL.
COUNTS = ", ".join([*(f"{name} {kind}" for name, kind in COUNTED.items()), "rows bigint"])
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
        keys: the partition keys that are folders in it, names of date columns. Rows with the same
            first one and the same part are together, by whatever else they are split.
        columns: name in the file to name in the rows.
        prefix: of the files' names; writers to the same folder need different ones.
    """

    folder: str
    keys: tuple[str, ...]
    columns: Mapping[str, str]
    prefix: str = "part"


def writer(
    targets: Mapping[str, Target],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What a task does with its rows: writes them and gives how many there were of each kind.

    Args:
        targets: by outcome. Rows of other outcomes are counted, not written.

    Returns:
        takes batches with the columns of ``COUNTED`` and ``_part``, in order and together as the
        targets want them (parts of a partition are files of their own); gives batches of
        ``COUNTS``, not summed over tasks.
    """
    return partial(_write, targets=targets)


def write_here(rows: pa.Table, target: Target) -> None:
    """Writes a few rows of the driver's, in order already, as one part."""
    rows = rows.append_column("_part", pa.repeat(pa.scalar(0, pa.int32()), rows.num_rows))
    with TemporaryDirectory() as scratch:
        writer = _TableWriter(target, Path(scratch))
        for batch in rows.to_batches():
            writer.write(batch)
        writer.close()


def _write(
    batches: Iterable[pa.RecordBatch], targets: Mapping[str, Target]
) -> Iterator[pa.RecordBatch]:
    counted: Counter[tuple[object, ...]] = Counter()
    with TemporaryDirectory() as scratch:
        writers = {name: _TableWriter(target, Path(scratch)) for name, target in targets.items()}
        for batch in batches:
            outcome = batch.column("_outcome")
            for name, writer in writers.items():
                if (some := batch.filter(pc.equal(outcome, name))).num_rows:
                    writer.write(some)
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
    """Writes the rows of one table that one task has."""

    def __init__(self, target: Target, scratch: Path) -> None:
        self._target = target
        self._scratch = scratch
        self._together: tuple[object, ...] | None = None
        self._finished: set[tuple[object, ...]] = set()
        self._partitions: dict[tuple[object, ...], _PartitionWriter] = {}

    def write(self, rows: pa.RecordBatch) -> None:
        """Takes the next rows."""
        first, *others = self._target.keys
        begin = 0
        for together, count in _counts(rows, (first, "_part")).items():
            some = rows.slice(begin, count)
            begin += count
            if together != self._together:
                self.close()
                self._begin(together)
            columns = self._renamed(some)
            splits = _counts(some, tuple(others)) if others else {(): count}
            for split in splits:
                partition = (together[0], *split)
                if partition not in self._partitions:
                    self._partitions[partition] = self._opened(partition)
                part = columns if len(splits) == 1 else columns.filter(_equal(some, others, split))
                self._partitions[partition].write(part)

    def close(self) -> None:
        """Writes what is left."""
        for partition in self._partitions.values():
            partition.close()
        self._partitions = {}

    def _begin(self, together: tuple[object, ...]) -> None:
        if together in self._finished:
            raise WriteError(f"{self._target.folder}: rows of {together} are not together")
        self._together = together
        self._finished.add(together)

    def _opened(self, partition: tuple[object, ...]) -> "_PartitionWriter":
        assert self._together is not None
        keys = zip(self._target.keys, partition, strict=True)
        place = "".join(f"{key}={value}/" for key, value in keys)
        prefix = f"{self._target.folder}{place}{self._target.prefix}-{self._together[-1]:05}"
        name = "-".join(map(str, (self._target.prefix, *partition)))
        return _PartitionWriter(prefix, self._scratch / name)

    def _renamed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The table's columns.

        Any may hold nulls: what Spark knows of that depends on the run's other inputs, and the
        bytes of a file must not.
        """
        chosen = rows.select(list(self._target.columns.values()))
        types = zip(self._target.columns, chosen.schema.types, strict=True)
        return pa.RecordBatch.from_arrays(chosen.columns, schema=pa.schema(list(types)))


class _PartitionWriter:
    """Writes the rows of one part of a partition, one file after the other."""

    def __init__(self, prefix: str, scratch: Path) -> None:
        self._prefix = prefix
        self._scratch = scratch
        self._pending: list[pa.RecordBatch] = []
        self._file: pq.ParquetWriter | None = None
        self._number = 0
        self._rows = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Takes the next rows."""
        self._pending.append(rows)
        while sum(map(len, self._pending)) >= _GROUP_ROWS:
            self._write_group(_GROUP_ROWS)

    def close(self) -> None:
        """Writes what is left."""
        if self._pending:
            self._write_group(_GROUP_ROWS)
        self._end_file()

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
        address = f"{self._prefix}-{self._number:05}.zstd.parquet"
        if rows != self._rows:
            raise WriteError(
                f"{address} has {rows} rows, {self._rows} were given; run the job anew"
            )
        documents.store(self._scratch, address)
        self._file, self._rows, self._number = None, 0, self._number + 1


def _equal(rows: pa.RecordBatch, names: Iterable[str], values: Iterable[object]) -> pa.BooleanArray:
    """Where the columns have those values."""
    return reduce(
        pc.and_,
        (pc.equal(rows.column(name), value) for name, value in zip(names, values, strict=True)),
    )


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
