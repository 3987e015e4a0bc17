"""What most sources deliver on a day: planted rows woven between ordinary ones, over some files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import ClassVar

from include.sample_data.delivery import DeliveredFile, Row, Weave
from include.sample_data.trade import Trade


class WovenDay(ABC):
    """What one source delivers on one day: a pure function of (seed, day, scale).

    Attributes:
        DATASET: Its name.
        FILES: Names of the day's files, with ``{day}``.
        TRADE: How much is sold when.
        PLANTS: What is planted on every day, and as often as the scale says.
        HEADER: First line of every file, if it has one.
    """

    DATASET: ClassVar[str]
    FILES: ClassVar[Sequence[str]]
    TRADE: ClassVar[Trade]
    PLANTS: ClassVar[Sequence[object]]
    HEADER: ClassVar[str | None] = None

    def __init__(self, day: date, seed: int, scale: float) -> None:
        """Plan the day; nothing is made until the rows are read."""
        self.day, self.seed, self.scale = day, seed, scale
        planted = len(self.PLANTS) * max(1, round(scale))
        ordinary = self.TRADE.rows_on(day, seed, scale)
        self.weave = Weave.sized(ordinary, planted, len(self.FILES))

    def files(self) -> list[DeliveredFile]:
        """Return the day's files."""
        return [
            DeliveredFile(
                self.DATASET,
                self.day,
                name.format(day=self.day),
                partial(self.rows, number),
                header=self.HEADER,
            )
            for number, name in enumerate(self.FILES)
        ]

    def rows(self, file: int) -> Iterator[Row]:
        """Yield the rows of one file."""
        return self.weave.rows(file, self.ordinary, self.planted)

    def key(self, number: int) -> str | None:
        """Name ordinary row ``number`` if it may be delivered again."""
        return f"{self.day}/{number}" if self.weave.may_be_copied(number) else None

    @abstractmethod
    def ordinary(self, number: int) -> Row:
        """Return ordinary row ``number`` of the day."""

    @abstractmethod
    def planted(self, file: int, turn: int) -> Row:
        """Return planted row ``turn`` of a file."""
