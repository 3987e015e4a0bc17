"""What is in a file: its format and columns, found from its head (text) or footer (Parquet)."""

import csv
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.local_aws.crawlers.row_tags import records
from include.local_aws.crawlers.types import (
    Array,
    Map,
    Struct,
    Type,
    merge,
    merge_all,
    of_json,
    of_text,
)

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
LARGEST_HEAD = 64 << 20
LARGEST_UNPACKED = 8 << 20
DELIMITERS = (",", "\t", "|", ";", "\x01")
LONGEST_NAME = 150
NOT_SPACE = re.compile(r"\S")
QUOTED = re.compile(r'(^|[^\w\s])"', re.MULTILINE)
ARROW_TYPES = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "decimal(20,0)",
    "halffloat": "float",
    "float": "float",
    "double": "double",
    "date32[day]": "date",
    "date64[ms]": "date",
    "binary": "binary",
    "large_binary": "binary",
}
"""Arrow type -> Glue type; the rest (string, time) is a string."""

Read = Callable[[int, int], bytes]
"""(first byte, number of bytes) -> those bytes of the object, fewer at its end."""


NO_COLUMNS = Struct(())


@dataclass(frozen=True)
class Found:
    """What one file holds.

    Attributes:
        classification: Glue's name: json, csv, parquet, xml, or UNKNOWN.
        columns: the columns as one struct, names lower-cased.
        records: estimated number of records in the file.
        gzip: whether the file is compressed as a whole.
        names: column names as they are written in the file.
        delimiter: field delimiter of a csv file.
        header: whether a csv file's first line names the columns.
        quoted: whether fields of a csv file are quoted.
        row_tag: name of the elements of an xml file that are records.
    """

    classification: str
    columns: Struct = NO_COLUMNS
    records: int = 0
    gzip: bool = False
    names: tuple[str, ...] = ()
    delimiter: str = ","
    header: bool = False
    quoted: bool = False
    row_tag: str = ""


UNKNOWN = Found("UNKNOWN")


def inspect(read: Read, size: int, row_tags: Sequence[str] = ()) -> Found:
    """Find out what a file holds.

    Args:
        read: reads parts of the file.
        size: the file's size in bytes.
        row_tags: of custom classifiers for XML, which come before the formats known here.

    Returns:
        The findings; UNKNOWN for a file that is in no format known here, broken ones included.
    """
    wanted = min(size, HEAD_BYTES)
    head = read(0, wanted)
    if head[:4] == b"PAR1":
        return _parquet(read, size, head if len(head) == size else b"")
    zipped = head[:2] == b"\x1f\x8b"
    while True:
        data, whole = _unpacked(head, wanted == size) if zipped else (head, wanted == size)
        if whole or b"\n" in data or wanted >= min(size, LARGEST_HEAD):
            break
        wanted = min(size, wanted * 4)
        head = read(0, wanted)
    if not whole:  # the last line was cut
        data = data[: data.rfind(b"\n") + 1]
    if not data or b"\0" in data:
        return UNKNOWN
    text = data.decode("utf-8-sig", errors="replace")
    found = _xml(data, row_tags) or _json(text) or _csv(text) or UNKNOWN
    used = len(head) if zipped else len(data)
    return replace(found, gzip=zipped, records=round(found.records * size / used))


def _xml(data: bytes, row_tags: Sequence[str]) -> Found | None:
    """Read XML by the first classifier that finds records in it."""
    for tag in row_tags:
        if found := records(data, tag):
            columns, count, names = found
            return Found("xml", columns, count, names=names, row_tag=tag)
    return None


def _unpacked(head: bytes, whole: bool) -> tuple[bytes, bool]:
    """Unpack the head of a gzip file; nothing when it is not one.

    Args:
        head: first bytes of the file.
        whole: whether these are all.

    Returns:
        The unpacked bytes, and whether they are the whole content.
    """
    parts: list[bytes] = []
    left, room = head, LARGEST_UNPACKED
    while left and room > 0:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            parts.append(member.decompress(left, room))
        except zlib.error:
            return b"", True
        room -= len(parts[-1])
        if not member.eof:
            return b"".join(parts), False
        left = member.unused_data
    return b"".join(parts), whole and not left


def _lines(text: str) -> list[str]:
    """Split at line feeds alone: other separators of Unicode may be inside a value."""
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]


def _json(text: str) -> Found | None:
    """Read JSON Lines, else JSON documents; broken lines are passed over if most are whole."""
    lines = _lines(text)
    records, shape, names = 0, Struct(()), dict[str, None]()
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            records, shape = records + 1, _with_record(shape, value, names)
    if 2 * records >= len(lines) > 0:
        return Found("json", shape, records, names=tuple(names))
    return _json_documents(text)


def _json_documents(text: str) -> Found | None:
    """Read documents that may span lines; an array's elements are its records."""
    decoder, position = json.JSONDecoder(), 0
    records, shape, names = 0, Struct(()), dict[str, None]()
    while start := NOT_SPACE.search(text, position):
        try:
            value, position = decoder.raw_decode(text, start.start())
        except ValueError:
            break
        for record in value if isinstance(value, list) else [value]:
            if not isinstance(record, dict):
                return None
            records, shape = records + 1, _with_record(shape, record, names)
    return Found("json", shape, records, names=tuple(names)) if records else None


def _with_record(shape: Struct, record: dict[str, Any], names: dict[str, None]) -> Struct:
    """Merge a record into the shape so far, and its names into the names so far."""
    found = of_json(record)
    names.update(dict.fromkeys(record))
    merged = merge(shape, found)
    return merged if isinstance(merged, Struct) else shape


def _csv(text: str) -> Found | None:
    """Read delimited text: at least two columns and two rows of the same length.

    A record is a line, as for Hive's SerDes, so an open quote spoils no more than its own line.
    """
    lines = _lines(text)
    for delimiter in DELIMITERS:
        rows = [next(csv.reader([line], delimiter=delimiter)) for line in lines]
        if not rows or len(rows[0]) < 2:
            continue
        whole = [row for row in rows if len(row) == len(rows[0])]
        if len(whole) < 2 or 2 * len(whole) < len(rows):
            continue
        columns = [[of_text(value) for value in column] for column in zip(*whole, strict=True)]
        header = _is_header(whole[0], columns)
        kinds = [merge_all(column[header:]) for column in columns]
        names = whole[0] if header else [f"col{number}" for number in range(len(kinds))]
        return Found(
            "csv",
            Struct(tuple(zip((name.strip().lower() for name in names), kinds, strict=True))),
            len(whole) - header,
            names=tuple(names),
            delimiter=delimiter,
            header=header,
            quoted=QUOTED.search(text) is not None,
        )
    return None


def _is_header(first: list[str], columns: list[list[Type]]) -> bool:
    """Say whether the first row names columns, by the rules of Glue's csv classifier.

    All its fields are strings and but for the last short ones, no two are the same, and the other
    rows have a column that is not a string. Half of its values decide that, so that a few broken
    ones do not turn the names into data.
    """
    named = all(column[0] == "string" for column in columns)
    short = all(len(name) < LONGEST_NAME for name in first[:-1])
    different = len({name.strip().lower() for name in first}) == len(first)
    return named and short and different and any(_is_typed(column[1:]) for column in columns)


def _is_typed(kinds: list[Type]) -> bool:
    """Say whether at least half of a column's values, and one at least, are not strings."""
    given = [kind for kind in kinds if kind is not None]
    return 0 < len(given) <= 2 * sum(kind != "string" for kind in given)


def _parquet(read: Read, size: int, whole: bytes) -> Found:
    """Read a Parquet file's footer, from the whole file if that is at hand."""
    tail = whole or read(max(size - TAIL_BYTES, 0), min(size, TAIL_BYTES))
    if tail[-4:] != b"PAR1":
        return UNKNOWN
    footer = int.from_bytes(tail[-8:-4], "little") + 8
    if footer > size:
        return UNKNOWN
    if footer > len(tail):
        tail = read(size - footer, footer)
    try:
        metadata = pq.read_metadata(pa.BufferReader(tail))
    except (pa.ArrowInvalid, OSError):
        return UNKNOWN
    schema = metadata.schema.to_arrow_schema()
    columns = Struct(tuple((column.name.lower(), of_arrow(column.type)) for column in schema))
    return Found("parquet", columns, metadata.num_rows, names=tuple(schema.names))


def of_arrow(kind: pa.DataType) -> Type:
    """Give the Glue type of an Arrow type."""
    if pa.types.is_null(kind):
        return None
    if pa.types.is_dictionary(kind):
        return of_arrow(kind.value_type)
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_map(kind):
        return Map(of_arrow(kind.key_type), of_arrow(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return Array(of_arrow(kind.value_type))
    if pa.types.is_struct(kind):
        return Struct(tuple((item.name.lower(), of_arrow(item.type)) for item in kind))
    if pa.types.is_fixed_size_binary(kind):
        return "binary"
    return ARROW_TYPES.get(str(kind), "string")
