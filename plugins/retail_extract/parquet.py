"""Turning rows that arrive as text into Parquet with exact types and bounded memory."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from retail_extract.errors import ExtractError
from retail_extract.table import ExtractColumn

if TYPE_CHECKING:
    import pyarrow as pa

BOM = b"\xef\xbb\xbf"
ROW_GROUP_ROWS = 65_536
MOST_DIGITS = 38  # of a decimal128


def arrow_schema(columns: Sequence[ExtractColumn]) -> "pa.Schema":
    """Return the Parquet schema: decimal128, timestamps in UTC with microseconds, all nullable."""
    import pyarrow as pa

    def arrow_type(column: ExtractColumn) -> pa.DataType:
        if column.type == "decimal":
            return pa.decimal128(column.precision, column.scale)
        return {
            "string": pa.string(),
            "integer": pa.int64(),
            "timestamp": pa.timestamp("us", tz="UTC"),
            "date": pa.date32(),
            "boolean": pa.bool_(),
        }[column.type]

    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def write_parquet(
    batches: "Iterator[pa.RecordBatch]",
    sink: Any,
    columns: Sequence[ExtractColumn],
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Write batches as Parquet (zstd) and return the number of rows.

    Row groups have a fixed number of rows, so the same rows give the same bytes however the stream
    was cut into batches. Memory does not depend on the number of rows.

    Args:
        batches: with the schema of `arrow_schema`.
        sink: a writable file object.
        columns: in the order of the batches.
        progress: called with the rows written after every row group.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    schema = arrow_schema(columns)
    written = 0
    pending: list[pa.Table] = []
    waiting = 0
    # Dictionaries take half of the time, and zstd makes smaller files of the plain values.
    options = {"compression": "zstd", "use_dictionary": False, "version": "2.6"}
    with pq.ParquetWriter(sink, schema, **options) as writer:
        for batch in batches:
            pending.append(pa.Table.from_batches([batch]))
            waiting += batch.num_rows
            while waiting >= ROW_GROUP_ROWS:
                table = pa.concat_tables(pending)
                writer.write_table(table.slice(0, ROW_GROUP_ROWS).combine_chunks())
                pending = [table.slice(ROW_GROUP_ROWS)]
                waiting -= ROW_GROUP_ROWS
                written += ROW_GROUP_ROWS
                pa.default_memory_pool().release_unused()
                progress(written)
        if waiting:
            writer.write_table(pa.concat_tables(pending).combine_chunks())
            written += waiting
    return written


def batches_of_csv(block: bytes, columns: Sequence[ExtractColumn]) -> "list[pa.RecordBatch]":
    """Parse whole rows of PostgreSQL's CSV: NULL is an empty field, the empty string is `""`.

    Raises:
        ExtractError: naming the column whose value does not fit its declared type. The value
            is not quoted: it may be personal.
    """
    import pyarrow as pa
    from pyarrow import csv

    schema = arrow_schema(columns)
    if block.startswith(BOM):  # part of the first value, and Arrow drops one
        block = BOM + block
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(block_size=len(block), column_names=schema.names),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types={
                    field.name: _room(field.type) if pa.types.is_decimal(field.type) else field.type
                    for field in schema
                },
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
            ),
        )
    except pa.ArrowInvalid as error:
        raise ExtractError(_without_value(str(error), columns)) from None
    for place, column in enumerate(columns):
        if column.type == "decimal":
            try:
                fitting = _fitting(table.column(place), schema.field(place).type)
            except pa.ArrowInvalid:
                raise ExtractError(_misfit(column)) from None
            table = table.set_column(place, schema.field(place), fitting)
    return list(table.to_batches())


def _room(kind: "pa.Decimal128Type") -> "pa.DataType":
    """What to read a decimal as, so that a cast then tells whether it fits.

    Arrow's CSV reader scales numbers to the column's decimals without a look whether that fits:
    as decimal128(38, 18) it reads 10^21 as another number (pyarrow 23.0.1).
    """
    import pyarrow as pa

    digits = kind.precision + kind.scale
    return pa.string() if digits > MOST_DIGITS else pa.decimal128(digits, kind.scale)


def _fitting(numbers: Any, kind: "pa.Decimal128Type") -> Any:
    """Numbers, or their text, as a decimal; ArrowInvalid if one does not fit.

    By way of a wider one: of a text of 39 digits a decimal128 makes another number.
    """
    import pyarrow as pa

    if pa.types.is_string(numbers.type):
        numbers = numbers.cast(pa.decimal256(2 * MOST_DIGITS, kind.scale))
    return numbers.cast(kind)


def batch_of_text(
    rows: Sequence[tuple[bytes | None, ...]],
    columns: Sequence[ExtractColumn],
    naive: frozenset[str],
) -> "pa.RecordBatch":
    """Cast rows of UTF-8 text, as MySQL sends them, to a batch.

    A naive timestamp is read in its column's zone: where the clocks go back the first of the two
    instants is meant; one that the clocks leave out is refused, as it shows a wrong zone.

    Args:
        rows: at least one; None is NULL.
        columns: in the order of the values.
        naive: names of the timestamps that have no zone of their own; the others are in UTC.

    Raises:
        ExtractError: naming the column whose value does not fit its declared type, not quoted.
    """
    import pyarrow as pa

    schema = arrow_schema(columns)
    arrays = []
    for column, kind, values in zip(columns, schema.types, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(_cast(pa.array(values, pa.string()), column, kind, column.name in naive))
        except pa.ArrowInvalid:
            raise ExtractError(_misfit(column)) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(text: "pa.Array", column: ExtractColumn, kind: "pa.DataType", naive: bool) -> "pa.Array":
    import pyarrow as pa
    from pyarrow import compute

    if column.type == "decimal":
        return _fitting(text, kind)
    if column.type != "timestamp":
        return compute.cast(text, kind)
    wall = compute.cast(text, pa.timestamp("us"))
    zone = column.time_zone if naive and column.time_zone else "UTC"
    return compute.assume_timezone(wall, zone, ambiguous="earliest", nonexistent="raise").cast(kind)


def _misfit(column: ExtractColumn) -> str:
    return f"column {column.name}: a value does not fit its declared type {column.declared}"


def _without_value(message: str, columns: Sequence[ExtractColumn]) -> str:
    """Return Arrow's complaint with the column's name and without the value."""
    number = re.search(r"column #(\d+)", message)
    if number is None:
        return f"the extract is not valid CSV: {re.sub(r':.*', '', message, flags=re.DOTALL)}"
    return _misfit(columns[int(number.group(1))])
