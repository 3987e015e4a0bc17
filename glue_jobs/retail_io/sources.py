"""Reads bronze files as delivered rows: the text, where it stands, and its typed values.

source_row is the line on which the record begins, from 1, the header counted (XML of one line
counts its records); for Parquet it is the row from 1. Nothing is inferred: texts are standardised
(see standard_text) and then cast to the contract's types, JSON numbers with all their digits.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Protocol

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from include.lake.contracts import Column, Contract
from retail_io import parquet_records
from retail_io.compressed import content, require_agreed
from retail_io.csv_records import CsvFormat
from retail_io.inputs import BronzeFile, UpstreamPartition
from retail_io.json_records import JsonFormat
from retail_io.listed import require_as_listed
from retail_io.parts import Part, parts_of, shared_out
from retail_io.standard_text import batches_of
from retail_io.text_lines import lines
from retail_io.xml_records import XmlFormat
from retail_transforms.accounting import Batches
from retail_transforms.judged import JUDGED, judged

#: Before each task its worker reads Spark's zip files anew (importlib.invalidate_caches), which
#: takes longer than a file of 2 MB: so a task has many files.
TASKS_PER_CORE = 4


class Reader(Protocol):
    """Reads the bytes of one file as batches of ``standard_text.ROW`` and fields."""

    def __call__(self, file: str, pieces: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        """Reads them once, in order."""


class Delivered:
    """The rows of a dataset's files, read by tasks and judged.

    The rows of a part are together, in the order of its files and lines.
    """

    def __init__(
        self, contract: Contract, files: Sequence[BronzeFile], lake_root: str, time_zone: str
    ) -> None:
        """Looks at what is there.

        Args:
            contract: of the dataset.
            files: all of this dataset.
            lake_root: see ``Inputs.lake_root``.
            time_zone: the lake's zone, of the business days.

        Raises:
            SourceError: a file is not what was listed, or its name says that it is compressed in a
                way that is not agreed.
        """
        require_as_listed(files, lake_root)
        if contract.source.format != "parquet":
            require_agreed(files)
        self._contract = contract
        self._parts = parts_of(files)
        self._lake_root = lake_root
        self._time_zone = time_zone

    @property
    def schema(self) -> str:
        """Names and SQL types of the columns: ``JUDGED`` and the delivered ones."""
        delivered = {column.name: column.sql_type for column in self._contract.delivered_columns}
        return ", ".join(f"`{name}` {kind}" for name, kind in {**JUDGED, **delivered}.items())

    def map(self, spark: SparkSession, work: Batches, schema: str) -> DataFrame:
        """What ``work`` makes of the rows, where they are read.

        Raises:
            SourceError: when it is run: something within a file is wrong (damaged or hostile as an
                archive, a column lacking).
        """
        shares = shared_out(self._parts, TASKS_PER_CORE * spark.sparkContext.defaultParallelism)

        def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            numbers = (number for batch in batches for number in batch["id"].to_pylist())
            return work(chain.from_iterable(self._rows(shares[number]) for number in numbers))

        return spark.range(0, len(shares), 1, len(shares)).mapInArrow(task, schema)

    def _rows(self, parts: Iterable[Part]) -> Iterator[pa.RecordBatch]:
        read = _reader(self._contract)
        for part in parts:
            for file in part.files:
                for rows in read(file.key, content(file, self._lake_root)):
                    arrival = (part.ingest_date, part.number)
                    yield judged(rows, self._contract, self._time_zone, *arrival)


def read_published(
    spark: SparkSession,
    columns: Mapping[str, str],
    keys: Sequence[str],
    partitions: Sequence[UpstreamPartition],
) -> DataFrame:
    """Rows of published partitions of one table, with their days.

    Args:
        spark: the session.
        columns: the columns in the files and their SQL types.
        keys: the table's partition keys that are days, as its folders have them.
        partitions: which ones; at least one.
    """
    types = {**columns, **dict.fromkeys(keys, "date")}
    schema = ", ".join(f"`{name}` {sql_type}" for name, sql_type in types.items())
    paths = [_as_literal_path(partition.location) for partition in partitions]
    table = paths[0].partition("/release=")[0]
    return spark.read.schema(schema).option("basePath", table).parquet(*paths).select(*types)


def _reader(contract: Contract) -> Reader:
    """What reads files of the dataset's format."""
    columns = contract.delivered_columns
    names = tuple(column.source for column in columns)
    options = contract.source.options
    encoding = options.get("encoding", "UTF-8")
    csv = CsvFormat(names, options.get("sep", ","), options.get("quote", '"'))
    json = JsonFormat(
        names,
        frozenset(column.source for column in columns if _is_plain_number(column)),
        frozenset(column.source for column in columns if column.type == "boolean"),
    )

    def read_json(file: str, pieces: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        return json.records(file, lines(pieces, encoding))

    def read_csv(file: str, pieces: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        text = ((file, line) for some in lines(pieces, encoding) for line in some)
        return batches_of(csv.records(text), len(names))

    def read_xml(file: str, pieces: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
        xml = XmlFormat(names, options["rowTag"])
        return batches_of(xml.records((file, piece) for piece in pieces), len(names))

    readers = {"jsonl": read_json, "csv": read_csv, "xml": read_xml}
    return readers.get(contract.source.format, partial(parquet_records.records, columns=names))


def _is_plain_number(column: Column) -> bool:
    written = (column.decimal_separator, column.grouping_separator)
    return column.type in ("integer", "decimal") and written == (".", None)


def _as_literal_path(path: str) -> str:
    """The path with what Hadoop would take for a pattern escaped."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)
