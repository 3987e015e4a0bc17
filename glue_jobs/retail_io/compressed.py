"""Unpacks gzip files, and refuses what is damaged or unpacks to more than anybody would send.

A file is unpacked piece by piece, in a few megabytes of memory. Plain files need no such care: they
are as long as their size says.
"""

import re
import zlib
from collections.abc import Iterable, Iterator

from retail_io import documents
from retail_io.csv_records import SourceError
from retail_io.inputs import BronzeFile

#: Text packs to a tenth or a twentieth; deflate's limit, which only a bomb comes near, is 1:1032.
MAX_RATIO = 200
#: Bytes that a file may unpack to whatever its ratio: a few identical rows pack well.
ALWAYS_ALLOWED = 64 << 20
#: Bytes that no file may unpack to.
MAX_UNPACKED = 16 << 30

_PIECE = 1 << 22
_OTHERS = r"\.(zip|tar|tgz|7z|rar|bz2|xz|zst|zstd|lz4|lzo|snappy|deflate|br|Z)(\.gz)?$"
#: What archives begin with: gzip, zip, bzip2, xz, zstd, 7z.
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")


def content(file: BronzeFile, lake_root: str) -> Iterator[bytes]:
    """The bytes of a text file, unpacked if its name says that it is compressed, by pieces.

    Args:
        file: what to read.
        lake_root: see ``Inputs.lake_root``.

    Raises:
        SourceError: it is an archive, damaged, or unpacks to too much; names it.
    """
    pieces = documents.pieces(lake_root, file.key, _PIECE)
    if not file.key.endswith(".gz"):
        yield from pieces
        return
    try:
        yield from unpacked(pieces, file.size)
    except SourceError as error:
        raise SourceError(f"{file.key}: {error}. Ask for it again") from None


def require_agreed(files: Iterable[BronzeFile]) -> None:
    """Looks at the names of text files.

    Raises:
        SourceError: a name says that its file is compressed in another way; names up to three.
    """
    problems = [f"{file.key}: {found}" for file in files if (found := _wrong_name(file.key))]
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise SourceError("; ".join(problems[:3]) + f"{more}. Ask for it again")


def unpacked(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The content of a gzip file, at most 4 MiB at a time.

    Args:
        pieces: its bytes in order.
        size: how many they are.

    Raises:
        SourceError: what is wrong with it, as the end of a sentence about it.
    """
    limit = min(MAX_UNPACKED, max(ALWAYS_ALLOWED, MAX_RATIO * size))
    length = 0
    try:
        for text in _members(pieces):
            if not length and text.startswith(_ARCHIVES):
                raise SourceError("holds another archive; one gzip around the plain file, please")
            length += len(text)
            if length > limit:
                raise SourceError(
                    f"has {size} bytes and unpacks to more than {limit}, which is no longer "
                    f"believable (limits: {MAX_RATIO} times, {MAX_UNPACKED} bytes)"
                )
            yield text
    except (zlib.error, EOFError) as error:
        raise SourceError(f"is no complete gzip file ({error})") from error


def _wrong_name(key: str) -> str | None:
    if re.search(_OTHERS, key, re.IGNORECASE):
        return "is compressed in a way that is not agreed; plain or gzip, please"
    if key.lower().endswith(".gz") and not key.endswith(".gz"):
        return "must end in .gz in small letters to be unpacked"
    return None


def _members(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The content of a gzip file of one or more members, at most ``_PIECE`` bytes at a time.

    Raises:
        zlib.error: it is damaged.
        EOFError: it breaks off.
    """
    member = None
    for piece in pieces:
        rest = piece
        while rest:
            if member is None:
                rest = rest.lstrip(b"\0")  # padding between members
                if not rest:
                    break
                member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            yield member.decompress(rest, _PIECE)
            rest = member.unused_data if member.eof else member.unconsumed_tail
            if member.eof:
                member = None
    if member is not None:
        raise EOFError("it breaks off")
