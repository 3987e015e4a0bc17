"""What a sample of a source's file says of its columns: names, types and how values are written.

Everything here is a guess from evidence, and each one that could be otherwise says so.
"""

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

#: Records of a sample that are looked at.
MOST_RECORDS = 20_000
_FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xml": "xml"}
_FORMATS |= dict.fromkeys((".jsonl", ".ndjson", ".json"), "json")
_SEPARATORS = (",", ";", "|", "\t")
#: Spark pattern → Python's; without an offset the clock is the lake's.
_ISO = "yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]"
_CLOCKS = {"": "", " HH:mm": " %H:%M", " HH:mm:ss": " %H:%M:%S"}
_DAYS = {
    "yyyy-MM-dd": "%Y-%m-%d",
    "yyyyMMdd": "%Y%m%d",
    **{
        f"{first}{mark}{second}{mark}yyyy": f"{codes[first]}{mark}{codes[second]}{mark}%Y"
        for codes in ({"dd": "%d", "MM": "%m"},)
        for mark in "/.-"
        for first, second in (("dd", "MM"), ("MM", "dd"))
    },
}
_SHAPES = {"yyyy": r"\d{4}", "MM": r"\d{2}", "dd": r"\d{2}", "HH": r"\d{2}", "mm": r"\d{2}"}
_SHAPES |= {"ss": r"\d{2}"}
_SEPARATIONS = ((".", None), (",", None), (",", "."), (".", ","), (".", "'"))


class SampleError(ValueError):
    """The sample does not show what a contract needs; says what, in one line."""


@dataclass(frozen=True)
class Guess:
    """One column as the sample shows it.

    Attributes:
        source: its name in the file.
        type: of a contract's column.
        is_required: it has a value in every record.
        is_unique: no value stands twice.
        scale: decimals, for decimals.
        format: Spark pattern of dates and moments.
        separators: before decimals and between thousands.
        is_signed: some number is negative.
        doubts: what the sample leaves open.
    """

    source: str
    type: str = "string"
    is_required: bool = False
    is_unique: bool = False
    scale: int = 0
    format: str | None = None
    separators: tuple[str, str | None] = (".", None)
    is_signed: bool = False
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A sample file, read."""

    format: str
    records: list[dict[str, str | None]]
    options: dict[str, str] = field(default_factory=dict)

    def guesses(self) -> list[Guess]:
        """Its columns in the order of the file."""
        names = list(dict.fromkeys(name for record in self.records for name in record))
        return [guess(name, [record.get(name) for record in self.records]) for name in names]

    def identifies(self, names: Iterable[str]) -> bool:
        """Whether these columns together tell all records apart that are not the same."""
        names = tuple(names)
        distinct = {tuple(sorted(record.items(), key=str)) for record in self.records}
        return len({tuple(dict(each).get(name) for name in names) for each in distinct}) == len(
            distinct
        )


def read(path: Path, row_tag: str | None = None) -> Sample:
    """A sample of a source's file: CSV with a header, JSON Lines or XML, plain or gzip.

    Raises:
        SampleError: it is none of them, has no records, or is no text.
    """
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    kind = _FORMATS.get(plain.suffix.lower())
    if kind is None:
        raise SampleError(f"{path.name}: its name must end in .csv, .jsonl or .xml (or .gz after)")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise SampleError(f"{path}: cannot be read ({error})") from error
    text, encoding = _decoded(path, data)
    if kind == "csv":
        sample = _csv(path, text)
        sample.options["encoding"] = encoding
    else:
        sample = _json(path, text) if kind == "json" else _xml(path, text, row_tag)
    if not sample.records:
        raise SampleError(f"{path.name}: has no record; give a sample with some")
    return sample


def guess(name: str, values: list[str | None]) -> Guess:
    """The column of that name, from its values in record order."""
    texts = [value.strip() for value in values if value is not None and value.strip()]
    found = Guess(
        name,
        is_required=len(texts) == len(values),
        is_unique=len(set(texts)) == len(texts) == len(values),
    )
    if not texts:
        return replace(found, doubts=("the sample has no value of it",))
    for look in (_boolean, _moment, _number):
        typed = look(found, texts)
        if typed is not None:
            return typed
    return found


def _decoded(path: Path, data: bytes) -> tuple[str, str]:
    if b"\0" in data:
        raise SampleError(f"{path.name}: is no text in UTF-8 (UTF-16?); save it as UTF-8")
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), "windows-1252"


def _csv(path: Path, text: str) -> Sample:
    header = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=header.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise SampleError(f"{path.name}: is no CSV ({error})") from error
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    names = [name.strip() for name in rows[0]] if rows else []
    if not all(names) or len(set(names)) != len(names):
        raise SampleError(f"{path.name}: its first line must name every column, each once")
    ragged = next((n for n, row in enumerate(rows[1:], start=2) if len(row) != len(names)), None)
    if ragged is not None:
        raise SampleError(f"{path.name}: record {ragged} has not {len(names)} fields; remove it")
    records: list[dict[str, str | None]] = [
        dict(zip(names, row, strict=True)) for row in rows[1 : MOST_RECORDS + 1]
    ]
    options = {"header": "true", "sep": separator, "quote": '"', "escape": '"'}
    return Sample("csv", records, options)


def _json(path: Path, text: str) -> Sample:
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_float=str, parse_int=str)
        except json.JSONDecodeError as error:
            raise SampleError(f"{path.name}: line {number} is no JSON ({error})") from error
        if not isinstance(record, dict):
            raise SampleError(f"{path.name}: line {number} is no object; one per line, please")
        records.append({name: _scalar(value) for name, value in record.items()})
    return Sample("json", records[:MOST_RECORDS])


def _scalar(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _xml(path: Path, text: str, row_tag: str | None) -> Sample:
    if "<!DOCTYPE" in text:
        raise SampleError(f"{path.name}: has a document type, which the lake refuses")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SampleError(f"{path.name}: is no XML ({error})") from error
    rows_like = (child for parent in root.iter() for child in parent if len(child) or child.attrib)
    tags = Counter(_local(child.tag) for child in rows_like)
    tag = row_tag or (tags.most_common(1)[0][0] if tags else "")
    rows = [element for element in root.iter() if _local(element.tag) == tag]
    records: list[dict[str, str | None]] = [
        {
            **{f"_{_local(name)}": value for name, value in row.attrib.items()},
            **{_local(child.tag): child.text for child in row},
        }
        for row in rows[:MOST_RECORDS]
    ]
    return Sample("xml", records, {"rowTag": tag})


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _boolean(found: Guess, texts: list[str]) -> Guess | None:
    if {text.lower() for text in texts} <= {"true", "false", "yes", "no"}:
        return replace(found, type="boolean")
    return None


def _moment(found: Guess, texts: list[str]) -> Guess | None:
    if all(re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}", text) for text in texts):
        if all(_is_iso(text) for text in texts):
            return replace(found, type="timestamp", format=_ISO)
        return None
    fitting = [
        (day + clock, clock)
        for day, code in _DAYS.items()
        for clock, clock_code in _CLOCKS.items()
        if all(_reads(text, day + clock, code + clock_code) for text in texts)
    ]
    if not fitting:
        return None
    pattern, clock = fitting[0]  # day first
    doubts: tuple[str, ...] = ()
    if len(fitting) > 1:
        doubts = (f"no day above 12 in the sample; it could be {fitting[1][0]}",)
    kind = "timestamp" if clock else "date"
    return replace(found, type=kind, format=pattern, doubts=doubts)


def _reads(text: str, pattern: str, code: str) -> bool:
    shape = re.sub("|".join(_SHAPES), lambda part: _SHAPES[part[0]], re.escape(pattern))
    if not re.fullmatch(shape, text, re.ASCII):
        return False
    try:
        datetime.strptime(text, code)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True


def _is_iso(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(r".{19}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?", text) is not None


def _number(found: Guess, texts: list[str]) -> Guess | None:
    if any(re.match(r"[+-]?0\d", text) for text in texts):
        return None  # a code: 007 is not 7
    for point, group in _SEPARATIONS:
        grouped = rf"|\d{{1,3}}(?:[{group}]\d{{3}})+" if group else ""
        shape = re.compile(rf"[+-]?(?:\d+{grouped})(?:[{point}](\d+))?", re.ASCII)
        matches = [shape.fullmatch(text) for text in texts]
        decimals = [len(match[1] or "") for match in matches if match is not None]
        if len(decimals) != len(texts):
            continue
        scale = max(decimals)
        if scale > 6 or max(len(re.sub(r"\D", "", text)) for text in texts) > 18:
            return None  # no amount that anybody counts with
        doubts: tuple[str, ...] = ()
        if {0, 3} >= set(decimals) and scale == 3 and group is None:
            doubts = (f"three digits follow every {point!r}; it could group thousands",)
        return replace(
            found,
            type="decimal" if scale else "integer",
            scale=scale,
            separators=(point, group),
            is_signed=any(text.startswith("-") for text in texts),
            doubts=doubts,
        )
    return None
