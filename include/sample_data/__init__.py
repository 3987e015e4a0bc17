"""Deterministic retail data with planted, counted faults; standard library only.

``generate(day)`` makes what the sources deliver on one day, ``truth(days)`` the books that the
pipeline must arrive at once those days are run. A day depends on (day, seed, scale) alone: the same
bytes on every machine, whichever other days are made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.sample_data.delivery import DeliveredFile, Row, Sale
from include.sample_data.london import TIME_ZONE
from include.sample_data.tills import COLUMNS as STORE_COLUMNS
from include.sample_data.tills import DDL as STORE_DDL
from include.sample_data.tills import TillsDay
from include.sample_data.truth import Accounts
from include.sample_data.vendors import VendorDay
from include.sample_data.web import WebDay
from include.sample_data.wholesale import WholesaleDay

FIRST_DAY, LAST_DAY = date(2000, 1, 5), date(2199, 12, 31)
LARGEST_SCALE = 5000.0

__all__ = [
    "STORE_COLUMNS",
    "STORE_DDL",
    "TIME_ZONE",
    "Accounts",
    "Day",
    "DeliveredFile",
    "Row",
    "Sale",
    "generate",
    "truth",
]


@dataclass(frozen=True)
class Day:
    """Everything that arrives on one day.

    Attributes:
        day: Arrival day.
        files: Files dropped into bronze, by dataset.
        store_file: The day's rows of the tills' table as a CSV for COPY; not a bronze file.
    """

    day: date
    files: list[DeliveredFile]
    store_file: DeliveredFile

    @property
    def store_rows(self) -> Iterator[str]:
        """The day's rows of the tills' table as CSV lines in the order of ``STORE_COLUMNS``."""
        return (row.text for row in self.store_file.rows())


def generate(day: date, seed: int = 7, scale: float = 1.0) -> Day:
    """Plan what arrives on ``day``; rows are made when a file is read, so any scale fits in memory.

    Args:
        day: Arrival day, from 2000-01-05 to 2199-12-31.
        seed: Another seed, other data.
        scale: 1 is about 3,500 rows a day; below that every planted fault still occurs.

    Raises:
        ValueError: The day or the scale is outside its limits.
    """
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"day {day} is outside {FIRST_DAY} to {LAST_DAY}")
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"scale {scale} must be above 0 and at most {LARGEST_SCALE:g}")
    drops = (WebDay, WholesaleDay, VendorDay)
    return Day(
        day=day,
        files=[file for drop in drops for file in drop(day, seed, scale).files()],
        store_file=TillsDay(day, seed, scale).file(),
    )


def truth(
    days: Sequence[date],
    seed: int = 7,
    scale: float = 1.0,
    windows: Sequence[tuple[date, date]] | None = None,
) -> dict[str, Any]:
    """Return the books after the days were delivered and run.

    Args:
        days: Delivered arrival days.
        seed: As for ``generate``.
        scale: As for ``generate``.
        windows: Runs in order as (first, last arrival day); by default one run per day, in order.
    """
    accounts = Accounts()
    for day in days:
        delivered = generate(day, seed, scale)
        for file in [*delivered.files, delivered.store_file]:
            for _ in accounts.watch(file):
                pass
    return accounts.report(windows or [(day, day) for day in sorted(days)])
