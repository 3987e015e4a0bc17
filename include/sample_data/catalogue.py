"""What is sold, where and how it is written: the resources next to this module, as values."""

import csv
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from include.sample_data.draws import pick

HERE = Path(__file__).parent
REGIONS = ("North", "South", "East", "West")


@dataclass(frozen=True, slots=True)
class Product:
    """Something with a name and a list price in pence."""

    code: str
    name: str
    category: str
    pence: int

    def price_on(self, day: date) -> int:
        """Return the day's price in pence: every ninth day a product is 10 % off, half up."""
        if (day.toordinal() + int(self.code.strip("PABGLSW"))) % 9:
            return self.pence
        return (self.pence * 90 + 50) // 100


@dataclass(frozen=True, slots=True)
class Store:
    """A shop with tills."""

    code: str
    city: str
    region: str


def pence(text: str) -> int:
    """Turn ``12.5`` or ``12.50`` into 1250."""
    pounds, _, rest = text.partition(".")
    return int(pounds) * 100 + int(f"{rest:0<2}")


def money(amount: int) -> str:
    """Turn 1250 into ``12.50``."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def _rows(name: str) -> list[list[str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


@cache
def products() -> tuple[Product, ...]:
    """The catalogue of the shops and the web shop."""
    return tuple(Product(a, b, c, pence(d)) for a, b, c, d in _rows("products.csv"))


@cache
def gifts() -> tuple[Product, ...]:
    """The wholesale catalogue. A prime number of items, so that a stride visits each of them."""
    return tuple(Product(a, b, "Wholesale", pence(c)) for a, b, c in _rows("gifts.csv"))


@cache
def stores() -> tuple[Store, ...]:
    """All shops."""
    return tuple(Store(*row) for row in _rows("stores.csv"))


def popular(draw: float) -> Product:
    """Pick a product, some far more often than others."""
    items = products()
    return items[(int(draw * draw * len(items)) * 23 + 11) % len(items)]


def spelled(region: str, draw: float) -> str:
    """Write a region as somebody in a hurry does: another case, blanks, the initial."""
    spellings = (region.lower(), region.upper(), f"{region.lower()} ", f" {region}", region[0])
    return pick(spellings, draw)
