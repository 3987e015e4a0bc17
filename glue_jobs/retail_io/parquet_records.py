"""Reads Parquet files as records: values with the types that they have, and each row as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retail_io.csv_records import SourceError
from retail_io.standard_text import batch_of

_BATCH_ROWS = 4096
#: Characters that JSON does not have in a string as they are.
_ESCAPED = r'["\\\x00-\x1f]'


def records(file: str, pieces: Iterable[bytes], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a file.

    Args:
        file: its name.
        pieces: its bytes.
        columns: names of the fields that are wanted.

    Yields:
        batches of ``standard_text.ROW`` and the fields; source_row is the row from 1, raw an object
        with all columns.

    Raises:
        SourceError: it is no Parquet file, or lacks a column; names it.
    """
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.parquet"
        with path.open("wb") as copy:
            copy.writelines(pieces)
        try:
            found = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise SourceError(f"{file}: {error}; extract it again") from error
        with found:
            _require(file, columns, found.schema_arrow.names)
            first = 1
            for rows in found.iter_batches(_BATCH_ROWS):
                count = rows.num_rows
                numbers = pa.array(range(first, first + count), pa.int64())
                first += count
                files, read = pa.repeat(pa.scalar(file), count), pa.repeat(pa.scalar(True), count)
                fields = [_plain(rows.column(name)) for name in columns]
                yield batch_of(files, numbers, as_json(rows), read, *fields)


def as_json(rows: pa.RecordBatch) -> pa.StringArray:
    """Each row as a JSON object, nulls too; decimals keep their digits, instants are in UTC."""
    parts: list[pa.Array | pa.Scalar] = []
    for place, (name, values) in enumerate(zip(rows.schema.names, rows.columns, strict=True)):
        parts += [pa.scalar(f"{',' if place else '{'}{json.dumps(name)}:"), _values(values)]
    return pc.binary_join_element_wise(*parts, "}", "")


def _values(values: pa.Array) -> pa.StringArray:
    """The JSON text of each value."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        zone = "" if kind.tz is None else "Z"
        micros = values.cast(pa.timestamp("us", kind.tz), safe=False)
        utc = micros.cast(pa.timestamp("us"))
        text = pc.binary_join_element_wise(
            '"', pc.strftime(utc, "%Y-%m-%dT%H:%M:%S"), f'{zone}"', ""
        )
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = _quoted(values.cast(pa.string()))
    elif pa.types.is_date(kind) or pa.types.is_time(kind):
        text = pc.binary_join_element_wise('"', values.cast(pa.string()), '"', "")
    elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        text = values.cast(pa.string())
    else:
        found = (json.dumps(value, ensure_ascii=False, default=str) for value in values.to_pylist())
        text = pa.array(found, pa.string())
    return pc.fill_null(text, "null")


def _quoted(texts: pa.StringArray) -> pa.StringArray:
    plain = pc.binary_join_element_wise('"', texts, '"', "")
    escaped = pc.fill_null(pc.match_substring_regex(texts, _ESCAPED), False)
    if not pc.any(escaped).as_py():
        return plain
    some = [json.dumps(text, ensure_ascii=False) for text in texts.filter(escaped).to_pylist()]
    return pc.replace_with_mask(plain, escaped, pa.array(some, pa.string()))


def _plain(values: pa.Array) -> pa.Array:
    """Values of types that say the same in another way in the plain one."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
    if pa.types.is_large_string(values.type) or pa.types.is_null(values.type):
        return values.cast(pa.string())
    return values


def _require(file: str, columns: Sequence[str], names: Sequence[str]) -> None:
    missing = sorted(set(columns) - set(names))
    if missing:
        raise SourceError(
            f"{file}: it lacks {', '.join(missing)} (it has {', '.join(names)}); extract it anew, "
            f"or change the contract"
        )
