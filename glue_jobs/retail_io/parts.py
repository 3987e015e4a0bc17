"""Shares files out to tasks: what is read together is written together, whoever else reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from retail_io.inputs import BronzeFile

#: A part has no more bytes of text than this, but for a single file that is longer by itself.
PART_BYTES = 512 << 20
#: What compressed files unpack to, about: enough to share them out.
_UNPACKED = 8
_COMPRESSED = (".gz", ".parquet")


@dataclass(frozen=True)
class Part:
    """Files of one arrival day, in order; one task reads them, one after the other.

    Attributes:
        ingest_date: the arrival day.
        number: among the dataset's parts of that day, from 0. It follows from the day's files
            alone, so that what is written of a part has the same bytes in every run.
        files: at least one.
    """

    ingest_date: date
    number: int
    files: tuple[BronzeFile, ...]

    @property
    def size(self) -> int:
        """About how many bytes of text it has."""
        return sum(map(_size, self.files))


def parts_of(files: Iterable[BronzeFile]) -> list[Part]:
    """The parts of a dataset's files, by arrival day and then by name."""
    parts: list[Part] = []
    in_order = sorted(files, key=lambda file: (file.ingest_date, file.key))
    for day, arrived in groupby(in_order, key=lambda file: file.ingest_date):
        waiting: list[BronzeFile] = []
        number = 0
        for file in arrived:
            if waiting and sum(map(_size, waiting)) + _size(file) > PART_BYTES:
                parts.append(Part(day, number, tuple(waiting)))
                waiting, number = [], number + 1
            waiting.append(file)
        parts.append(Part(day, number, tuple(waiting)))
    return parts


def shared_out(parts: Sequence[Part], tasks: int) -> list[list[Part]]:
    """The parts of each task, of about the same size; no task is without one."""
    shares: list[list[Part]] = [[] for _ in range(min(tasks, len(parts)))]
    sizes = [0] * len(shares)
    for part in sorted(parts, key=lambda part: part.size, reverse=True):
        smallest = sizes.index(min(sizes))
        shares[smallest].append(part)
        sizes[smallest] += max(part.size, 1)
    return shares


def _size(file: BronzeFile) -> int:
    return file.size * (_UNPACKED if file.key.endswith(_COMPRESSED) else 1)
