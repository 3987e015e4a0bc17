import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator

import pytest

from retail_io import compressed
from retail_io.compressed import unpacked
from retail_io.csv_records import SourceError

TEXT = b"a,b\n1,2\n" * 1000
PIECE = 4096


def problem(pieces: Iterable[bytes], size: int) -> str | None:
    """What is wrong with a file, read to its end."""
    try:
        for _ in unpacked(pieces, size):
            pass
    except SourceError as error:
        return str(error)
    return None


def of(data: bytes) -> str | None:
    return problem((data[at : at + PIECE] for at in range(0, len(data), PIECE)), len(data))


def test_it_is_unpacked_whole() -> None:
    packed = gzip.compress(TEXT) + gzip.compress(TEXT)
    pieces = (packed[at : at + 7] for at in range(0, len(packed), 7))
    assert b"".join(unpacked(pieces, len(packed))) == TEXT * 2


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(TEXT),
        gzip.compress(b""),
        gzip.compress(TEXT) + gzip.compress(TEXT),  # two members
        gzip.compress(TEXT) + b"\0" * 5000,  # padding of tapes
        gzip.compress(b"x" * 1_000_000),  # packs well, but is small
        b"",
    ],
)
def test_sound_files_pass(data: bytes) -> None:
    assert of(data) is None


PACKED = gzip.compress(TEXT)


@pytest.mark.parametrize(
    "data",
    [
        PACKED[:-1],
        PACKED[:5],
        PACKED[: len(PACKED) // 2],
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],  # checksum
        PACKED[:-1] + b"\1",  # length
        PACKED + b"more",
        PACKED + PACKED[:-3],
        TEXT,  # not packed at all
    ],
)
def test_damage_is_named(data: bytes) -> None:
    assert "is no complete gzip file" in str(of(data))


def zipped() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../../etc/passwd", TEXT)
    return target.getvalue()


def test_an_archive_within_is_refused() -> None:
    for inner in (gzip.compress(TEXT), zipped()):
        assert "holds another archive" in str(of(gzip.compress(inner)))


def test_a_tar_within_has_no_line_to_hide_behind() -> None:
    # it is no archive by its first bytes; the reader finds no header in it, and no JSON
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../x"), io.BytesIO())
    assert of(gzip.compress(target.getvalue())) is None


def bomb(megabytes: int, line: bytes) -> Iterator[bytes]:
    """Packed at 1:1000, made as it is read."""
    packer = zlib.compressobj(wbits=31)
    content = line * ((1 << 20) // len(line))
    for _ in range(megabytes):
        yield packer.compress(content)
    yield packer.flush()


def test_a_bomb_is_left_when_it_is_known_for_one() -> None:
    taken = []

    def counted() -> Iterator[bytes]:
        for piece in bomb(100_000, b"0" * 1023 + b"\n"):
            taken.append(len(piece))
            yield piece

    found = problem(counted(), 500_000)
    assert "has 500000 bytes and unpacks to more than 100000000" in str(found)
    assert 95 <= len(taken) <= 110  # megabytes of content: 200 times the size, of 100 GB


def test_no_file_unpacks_to_more_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "MAX_UNPACKED", 1 << 20)
    assert problem(bomb(1, b"x\n"), 1 << 20) is None
    assert "unpacks to more than 1048576" in str(problem(bomb(2, b"x\n"), 1 << 20))
