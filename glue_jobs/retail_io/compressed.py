"""Refuses compressed files that are damaged, or that unpack to more than anybody would send.

Spark unpacks what it reads by the name alone, without a limit, and a damaged file ends its job with
a Java trace. So every gzip file is unpacked to nothing first, piece by piece, in a few megabytes of
memory. Plain files need no such care: they are as long as their size says.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

from pyspark.sql import SparkSession

from retail_io import documents
from retail_io.csv_records import SourceError
from retail_io.inputs import BronzeFile

#: Text packs to a tenth or a twentieth; deflate's limit, which only a bomb comes near, is 1:1032.
MAX_RATIO = 200
#: Bytes that a file may unpack to whatever its ratio: a few identical rows pack well.
ALWAYS_ALLOWED = 64 << 20
#: Bytes that no file may unpack to.
MAX_UNPACKED = 16 << 30
#: Longest stretch in bytes without the character at which readers cut a file into pieces.
MAX_STRETCH = 64 << 20

_PIECE = 1 << 20
_OTHERS = r"\.(zip|tar|tgz|7z|rar|bz2|xz|zst|zstd|lz4|lzo|snappy|deflate|br|Z)(\.gz)?$"
#: What archives begin with: gzip, zip, bzip2, xz, zstd, 7z.
_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")


def require_sound(
    spark: SparkSession, files: Sequence[BronzeFile], lake_root: str, cut: bytes
) -> None:
    """Looks at the names of all files, and through those that are gzip.

    Args:
        spark: the session; each gzip file is one task.
        files: of a dataset in a text format.
        lake_root: see ``Inputs.lake_root``.
        cut: the byte at which the dataset's reader cuts files into pieces.

    Raises:
        SourceError: a file is an archive, damaged, or unpacks to too much; names up to three.
    """
    problems = [f"{file.key}: {found}" for file in files if (found := _wrong_name(file.key))]
    packed = [file for file in files if file.key.endswith(".gz")]
    if packed and not problems:
        tasks = spark.sparkContext.parallelize(packed, len(packed))
        problems = tasks.mapPartitions(lambda part: _problems(part, lake_root, cut)).collect()
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise SourceError("; ".join(problems[:3]) + f"{more}. Ask for it again")


def problem(pieces: Iterable[bytes], size: int, cut: bytes) -> str | None:
    """What is wrong with a gzip file, or None.

    Args:
        pieces: its bytes in order.
        size: how many they are.
        cut: see ``require_sound``.
    """
    limit = min(MAX_UNPACKED, max(ALWAYS_ALLOWED, MAX_RATIO * size))
    unpacked = stretch = 0
    try:
        for text in _unpacked(pieces):
            if not unpacked and text.startswith(_ARCHIVES):
                return "holds another archive; one gzip around the plain file, please"
            unpacked += len(text)
            stretch = stretch + len(text) if cut not in text else len(text) - text.rindex(cut)
            if unpacked > limit:
                return (
                    f"has {size} bytes and unpacks to more than {limit}, which is no longer "
                    f"believable (limits: {MAX_RATIO} times, {MAX_UNPACKED} bytes)"
                )
            if stretch > MAX_STRETCH:
                return f"has a line of more than {MAX_STRETCH} bytes"
    except (zlib.error, EOFError) as error:
        return f"is no complete gzip file ({error})"
    return None


def _wrong_name(key: str) -> str | None:
    if re.search(_OTHERS, key, re.IGNORECASE):
        return "is compressed in a way that is not agreed; plain or gzip, please"
    if key.lower().endswith(".gz") and not key.endswith(".gz"):
        return "must end in .gz in small letters to be unpacked"
    return None


def _problems(files: Iterable[BronzeFile], lake_root: str, cut: bytes) -> Iterator[str]:
    for file in files:
        found = problem(documents.pieces(lake_root, file.key, _PIECE), file.size, cut)
        if found:
            yield f"{file.key}: {found}"


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
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
