"""What delivered files say of their columns, from their first bytes or their footer.

CSV has a header, JSON Lines and XML name the fields in each record, Parquet has a footer. The first
records also tell whether a column's values look like what the contract declares.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from include.lake.header_types import fits, fits_parquet

if TYPE_CHECKING:
    from include.lake.contracts import Contract

#: First records of a file that are looked at.
SAMPLE = 200
#: What so many records of a file have in common is the sender's doing; one or two may be broken.
ENOUGH_TO_DIFFER = 3
#: A column of which so many values, and all of them, are no such type has another type now.
ENOUGH_TO_RETYPE = 10
#: Longest field of a CSV record that is looked at.
_MAX_FIELD = 1 << 24


@dataclass(frozen=True)
class Header:
    """What one file says of its columns.

    Attributes:
        file: its key.
        names: as they are written, in order; empty if the file does not tell.
        is_complete: whether a column that is not named is not there at all. Keys of JSON and XML
            may be left out of a record.
        records: how many records were looked at.
        has_rows: whether there is any record, as far as one can tell.
        repeated: names that stand twice, in the header or in one record.
        retyped: declared columns none of whose values is of the declared type.
    """

    file: str
    names: tuple[str, ...] = ()
    is_complete: bool = False
    records: int = 0
    has_rows: bool = False
    repeated: frozenset[str] = frozenset()
    retyped: frozenset[str] = frozenset()


def text_header(contract: "Contract", file: str, head: bytes, whole: bool) -> Header:
    """What the first bytes of a text file say.

    Args:
        contract: of its dataset; says format, encoding and separators.
        file: its key.
        head: the first bytes, unpacked.
        whole: whether these are all.
    """
    if contract.source.format == "xml":
        records = _xml_records(head, contract.source.options["rowTag"])
        return _keys(contract, file, records, whole)
    encoding = contract.source.options.get("encoding", "UTF-8")
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    if not whole:  # the last line was cut
        text = text[: text.rfind("\n") + 1]
    if contract.source.format == "csv":
        return _csv_header(contract, file, text, whole)
    return _keys(contract, file, _json_records(text), whole)


def parquet_header(
    contract: "Contract", file: str, fields: Sequence[tuple[str, str]], rows: int
) -> Header:
    """What a Parquet footer says.

    Args:
        contract: of its dataset.
        file: its key.
        fields: name and Arrow type (``decimal128(18, 2)``, ``timestamp[us, tz=UTC]``, …) of each.
        rows: how many there are.
    """
    types = dict(fields)
    return Header(
        file=file,
        names=tuple(name for name, _ in fields),
        is_complete=True,
        records=rows,
        has_rows=rows > 0,
        repeated=_repeated(name for name, _ in fields),
        retyped=frozenset(
            column.source
            for column in contract.delivered_columns
            if column.source in types and not fits_parquet(column, types[column.source])
        ),
    )


def _csv_header(contract: "Contract", file: str, text: str, whole: bool) -> Header:
    options = contract.source.options
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=options.get("sep", ","),
        quotechar=options.get("quote", '"'),
    )
    rows = (row for row in reader if any(field.strip() for field in row))
    names = tuple(name.strip() for name in next(rows, ()))
    values: dict[str, list[Any]] = {name: [] for name in names}
    records = 0
    for row in rows:
        records += 1
        if len(row) == len(names):
            for name, value in zip(names, row, strict=True):
                values[name].append(value)
        if records == SAMPLE:
            break
    return Header(
        file=file,
        names=names,
        is_complete=True,
        records=records,
        has_rows=records > 0 or not whole,
        repeated=_repeated(names),
        retyped=_retyped(contract, values),
    )


def _keys(
    contract: "Contract", file: str, records: Sequence[Sequence[tuple[str, Any]]], whole: bool
) -> Header:
    """The header of a file whose records name their columns."""
    values: dict[str, list[Any]] = {}
    repeated: Counter[str] = Counter()
    for record in records:
        repeated.update(_repeated(name for name, _ in record))
        for name, value in record:
            values.setdefault(name, []).append(value)
    return Header(
        file=file,
        names=tuple(values),
        records=len(records),
        has_rows=len(records) > 0 or not whole,
        repeated=frozenset(
            # one among many such records is broken, and quarantined
            name
            for name, count in repeated.items()
            if count >= min(len(records), ENOUGH_TO_DIFFER)
        ),
        retyped=_retyped(contract, values),
    )


def _json_records(text: str) -> list[list[tuple[str, Any]]]:
    """The first objects of JSON Lines; numbers stay text, what is no object is passed over."""
    records = []
    for line in text.split("\n"):
        try:
            record = json.loads(
                line, object_pairs_hook=list, parse_int=str, parse_float=str, parse_constant=str
            )
        except ValueError:
            continue  # the job quarantines it, with file and row
        if line.strip().startswith("{"):
            records.append(record)
        if len(records) == SAMPLE:
            break
    return records


class _Enough(Exception):
    """All that is wanted has been seen."""


class _XmlRecords:
    """Collects attributes (with ``_`` before them) and direct children of a file's first rows.

    A document type ends it before any entity is declared: the job refuses such a file.
    """

    def __init__(self, row_tag: str) -> None:
        self.records: list[list[tuple[str, Any]]] = []
        self._row_tag = row_tag
        self._path: list[str] = []
        self._row = 0  # depth of the open row, 0 for none
        self._text: list[str] = []

    def parse(self, head: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(head, False)
        except (expat.ExpatError, _Enough):
            return  # what is damaged is the job's to refuse, with file and row

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self._path.append(name)
        if not self._row and name == self._row_tag:
            if len(self.records) == SAMPLE:
                raise _Enough
            self._row = len(self._path)
            self.records.append([(f"_{key}", value) for key, value in attributes.items()])
        elif len(self._path) == self._row + 1:
            self._text.clear()

    def _end(self, _: str) -> None:
        depth, name = len(self._path), self._path.pop()
        if depth == self._row:
            self._row = 0
        elif self._row and depth == self._row + 1:
            self.records[-1].append((name, "".join(self._text)))

    def _refuse(self, *_: Any) -> None:
        raise _Enough


def _xml_records(head: bytes, row_tag: str) -> list[list[tuple[str, Any]]]:
    """The first records of an XML document; the last of them may be cut."""
    found = _XmlRecords(row_tag)
    found.parse(head)
    return found.records


def _repeated(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name for name, count in Counter(names).items() if count > 1 and name)


def _retyped(contract: "Contract", values: Mapping[str, Sequence[Any]]) -> frozenset[str]:
    """Declared columns of which there are enough values, none of them of the declared type."""
    found = set()
    for column in contract.delivered_columns:
        given = [value for value in values.get(column.source, ()) if value not in (None, "")]
        given = [value for value in given if not isinstance(value, str) or value.strip()]
        enough = len(given) >= ENOUGH_TO_RETYPE
        if enough and not any(fits(column, value) for value in given):
            found.add(column.source)
    return frozenset(found)
