"""Splits XML documents into records, one per element of the row tag, without losing any of them.

Spark's XML readers look for the row tag in the text, load what they find as it comes and drop what
they cannot parse. Here expat reads the whole document piece by piece, in bounded memory, and

* a field is a child element of its name, or, with ``_`` before the name, an attribute of the row's
  element (the names that Glue's crawler and reader give); prefixes of namespaces do not count;
* damage stays where it is as long as the document can be parsed: a record with bytes that are not
  in the document's encoding, with a wanted field that stands twice or holds elements, or longer
  than ``MAX_RECORD`` is unreadable alone;
* where the document breaks off, the records before the break are good and all the rest is one
  unreadable record;
* a document type is refused before anything in it is read, and with it every entity but the five
  of XML itself: nothing expands, nothing is fetched. The file is then one unreadable record, and
  so is a document that has elements but none of the row tag.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from retail_io.csv_records import MAX_RECORD, UNDECODABLE

Record = tuple[str, int, str, list[str | None] | None]

#: Deepest nesting of elements; what lies deeper would only fill the parser's memory.
MAX_DEPTH = 100
_CHUNK = 1 << 16  # bytes parsed at a time; expat reads an unfinished tag again with each chunk
_HEAD = 1000  # bytes kept of a document in which no record begins
#: Encoding of a declaration to codec. Anything else is refused.
_CODECS = {
    "utf-8": "utf-8-sig",
    "us-ascii": "ascii",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1252": "cp1252",
}
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_DECLARED = re.compile(rb"""[^<]*<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_NO_CHARACTER = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # of XML 1.0


class _BreakOff(Exception):
    """The rest of the document is not read."""


@dataclass(frozen=True)
class XmlFormat:
    """How a dataset's XML files are written, and which fields are wanted of them.

    Attributes:
        columns: names of child elements, or of attributes with ``_`` before them.
        row_tag: local name of the elements that are records.
    """

    columns: tuple[str, ...]
    row_tag: str

    def records(self, pieces: Iterable[tuple[str, bytes]]) -> Iterator[Record]:
        """The records of one or more files.

        Args:
            pieces: (file, some of its bytes), each file's together and in order.

        Yields:
            (file, number, its text, its wanted fields or None if it cannot be read). The number is
            that of the line on which the element begins, from 1; where several begin on one line,
            the following ones count on, so that numbers ascend and name one record each. A file
            without anything but blanks has no records.
        """
        document: _Document | None = None
        for name, piece in pieces:
            if document is None or name != document.file:
                if document is not None:
                    yield from document.end()
                document = _Document(self, name)
            yield from document.add(piece)
        if document is not None:
            yield from document.end()


class _Document:
    """The state within one file: the parser, the text not yet accounted for, the open record."""

    def __init__(self, style: XmlFormat, file: str) -> None:
        self.file = file
        self._style = style
        self._waiting = bytearray()
        self._decoder: codecs.IncrementalDecoder | None = None
        self._parser = expat.ParserCreate("utf-8")  # what _parse makes of any encoding
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._close
        self._parser.CharacterDataHandler = self._text
        self._head = b""
        self._kept = bytearray()  # UTF-8 of the document from byte _base on
        self._base = self._fed = 0
        self._depth = self._elements = self._last = 0
        self._done: list[Record] = []
        self._broken_at: int | None = None  # line on which reading ended
        self._record: _Open | None = None

    def add(self, piece: bytes) -> Iterator[Record]:
        """Takes the next piece; gives the records that were completed."""
        self._waiting += piece
        if len(self._waiting) >= _CHUNK:
            yield from self._flush()

    def end(self) -> Iterator[Record]:
        """Takes the end of the file: what is open now is damage."""
        yield from self._flush()
        if not self._head.strip():
            return
        self._parse(b"", last=True)
        yield from self._taken()
        if self._broken_at is None and self._last == 0 and self._elements > 1:
            self._broken_at = 1
        if self._broken_at is not None:
            line = self._record.line if self._record else self._broken_at
            yield self.file, max(line, self._last + 1), self._rest(), None

    def _flush(self) -> Iterator[Record]:
        """Parses what has come, chunk by chunk."""
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if self._decoder is None and waiting:
            self._decoder = _decoder(waiting[:_HEAD])
            if self._decoder is None:
                self._broken_at, self._head = 1, waiting[:_HEAD]
        for start in range(0, len(waiting), _CHUNK):
            if self._decoder is not None:
                text = self._decoder.decode(waiting[start : start + _CHUNK])
                self._parse(_NO_CHARACTER.sub(UNDECODABLE, text).encode())
                yield from self._taken()

    def _parse(self, chunk: bytes, last: bool = False) -> None:
        if self._broken_at is not None:
            if len(self._kept) < MAX_RECORD:
                self._kept += chunk
            return
        self._head += chunk[: _HEAD - len(self._head)]
        self._kept += chunk
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, last)
            if self._fed - self._parser.CurrentByteIndex > MAX_RECORD:
                raise _BreakOff  # a tag or comment without end
        except (expat.ExpatError, _BreakOff):
            self._broken_at = self._parser.CurrentLineNumber
            return
        if self._record is not None and len(self._kept) > MAX_RECORD:
            self._record.cut_short(self._kept)
        if self._record is None or self._record.beginning:
            self._forget(self._parser.CurrentByteIndex)

    def _rest(self) -> str:
        """The text from where reading ended, or the document's head if it has no record."""
        if self._record is not None:
            return _as_text(self._record.beginning or self._kept)
        return _as_text(self._kept if self._last else self._head)

    def _forget(self, index: int) -> None:
        """Drops the text before a byte of the document."""
        if index > self._base:
            del self._kept[: index - self._base]
            self._base = index

    def _taken(self) -> list[Record]:
        done, self._done = self._done, []
        return done

    def _doctype(self, *_: object) -> None:
        raise _BreakOff

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH:
            raise _BreakOff
        if self._record is not None:
            self._record.start(_local(tag), self._depth)
        elif _local(tag) == self._style.row_tag:
            self._forget(self._parser.CurrentByteIndex)
            line, self._record = self._parser.CurrentLineNumber, _Open(self._style, self._depth)
            self._record.line = line
            for name, value in attributes.items():
                self._record.take(f"_{_local(name)}", [value])

    def _text(self, text: str) -> None:
        if self._record is not None:
            self._record.text(text, self._depth)

    def _close(self, _: str) -> None:
        record, depth, self._depth = self._record, self._depth, self._depth - 1
        if record is None or depth != record.depth:
            return
        end = self._parser.CurrentByteIndex - self._base
        tag_only = record.is_bare and self._kept[:end].endswith(b"/>")
        end = end if tag_only else self._kept.find(b">", end) + 1
        if end > MAX_RECORD:
            record.cut_short(self._kept)
        text = _as_text(record.beginning or self._kept[:end])
        self._forget(self._base + end)
        self._last = max(record.line, self._last + 1)
        legible = not record.is_damaged and UNDECODABLE not in text
        self._done.append((self.file, self._last, text, record.values if legible else None))
        self._record = None


class _Open:
    """A record whose element is not closed yet."""

    def __init__(self, style: XmlFormat, depth: int) -> None:
        self.depth = depth
        self.line = 0
        self.is_damaged = False
        self.is_bare = True  # nothing has come since its tag
        self.beginning = b""  # of a record that is too long
        self._places = {name: place for place, name in enumerate(style.columns)}
        self._fields: dict[int, list[str]] = {}
        self._current: int | None = None

    @property
    def values(self) -> list[str | None]:
        """The wanted fields in the order of the columns; None for one that is not there."""
        fields = self._fields
        return ["".join(fields[n]) if n in fields else None for n in self._places.values()]

    def take(self, name: str, texts: list[str]) -> int | None:
        """Takes a field's texts, if it is wanted; gives its place."""
        place = None if self.beginning else self._places.get(name)
        if place is not None:
            self.is_damaged |= place in self._fields
            self._fields[place] = texts
        return place

    def start(self, name: str, depth: int) -> None:
        """Takes the beginning of an element within the record."""
        self.is_bare = False
        if depth == self.depth + 1:
            self._current = self.take(name, [])
        elif self._current is not None:
            self.is_damaged = True  # a wanted field is text

    def text(self, text: str, depth: int) -> None:
        """Takes text within the record."""
        self.is_bare = False
        if self._current is not None and depth > self.depth:
            self._fields[self._current].append(text)

    def cut_short(self, kept: bytearray) -> None:
        """Gives the record up for its length; only its beginning stays."""
        self.is_damaged = True
        self.beginning = self.beginning or bytes(kept[:MAX_RECORD])
        self._fields.clear()
        self._current = None


def _decoder(head: bytes) -> codecs.IncrementalDecoder | None:
    """Of the document's encoding, by its byte-order mark or declaration; None if not read here.

    Bytes that are none of the encoding become U+FFFD.
    """
    name = next((codec for mark, codec in _MARKS.items() if head.startswith(mark)), None)
    if name is None:
        declared = _DECLARED.match(head)
        name = _CODECS.get(declared[1].decode().lower() if declared else "utf-8")
    return codecs.getincrementaldecoder(name)(errors="replace") if name else None


def _local(name: str) -> str:
    """A name without the prefix of its namespace."""
    return name.rpartition(":")[2]


def _as_text(data: bytes | bytearray) -> str:
    return bytes(data[:MAX_RECORD]).decode(errors="ignore")
