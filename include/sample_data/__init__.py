"""Deterministic retail data with planted, counted faults; standard library only.

``generate(day)`` makes what the sources deliver on one day, ``truth(days)`` the books that the
pipeline must arrive at once those days are run. A day depends on (day, seed, scale) alone: the same
bytes on every machine, whichever other days are made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.sample_data.customers import DDL as CUSTOMERS_DDL
from include.sample_data.customers import CustomersDay
from include.sample_data.delivery import DeliveredFile, Row, Sale
from include.sample_data.feed import FeedDay
from include.sample_data.inventory import DDL as INVENTORY_DDL
from include.sample_data.inventory import InventoryDay
from include.sample_data.london import TIME_ZONE
from include.sample_data.marketplace import MarketplaceDay
from include.sample_data.tills import COLUMNS as STORE_COLUMNS
from include.sample_data.tills import DDL as STORE_DDL
from include.sample_data.tills import TillsDay
from include.sample_data.truth import Accounts
from include.sample_data.vendors import VendorDay
from include.sample_data.web import WebDay
from include.sample_data.wholesale import WholesaleDay

FIRST_DAY, LAST_DAY = date(2000, 1, 5), date(2199, 12, 31)
LARGEST_SCALE = 5000.0

#: By table that a source holds for us, the file that makes it in PostgreSQL.
TABLES = {
    "store_transactions": STORE_DDL,
    "inventory_levels": INVENTORY_DDL,
    "customers": CUSTOMERS_DDL,
}

__all__ = [
    "STORE_COLUMNS",
    "STORE_DDL",
    "TABLES",
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
        sources: What databases and the marketplace's API hold of the day, one file each (a CSV for
            COPY, or JSON Lines); no bronze files.
    """

    day: date
    files: list[DeliveredFile]
    sources: list[DeliveredFile]

    @property
    def everything(self) -> list[DeliveredFile]:
        """All of it."""
        return [*self.files, *self.sources]

    @property
    def store_file(self) -> DeliveredFile:
        """The day's rows of the tills' table as a CSV for COPY."""
        return self.sources[0]

    @property
    def store_rows(self) -> Iterator[str]:
        """The day's rows of the tills' table as CSV lines in the order of ``STORE_COLUMNS``."""
        return (row.text for row in self.store_file.rows())


def generate(day: date, seed: int = 7, scale: float = 1.0) -> Day:
    """Plan what arrives on ``day``; rows are made when a file is read, so any scale fits in memory.

    Args:
        day: Arrival day, from 2000-01-05 to 2199-12-31.
        seed: Another seed, other data.
        scale: 1 is about 4,000 sales a day; below that every planted fault still occurs. Catalogue,
            stock and customers are as large at any scale.

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
        files=[
            *(file for drop in drops for file in drop(day, seed, scale).files()),
            *FeedDay(day).files(),
        ],
        sources=[
            TillsDay(day, seed, scale).file(),
            InventoryDay(day, seed).file(),
            CustomersDay(day, seed).file(),
            MarketplaceDay(day, seed, scale).file(),
        ],
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
        for file in generate(day, seed, scale).everything:
            for _ in accounts.watch(file):
                pass
    return accounts.report(windows or [(day, day) for day in sorted(days)])
