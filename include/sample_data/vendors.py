"""The vendors' drop: semicolons, day-first dates, decimal commas, several vendors in one day.

Every vendor numbers its documents from the same start, so the numbers of two vendors are alike, and
each writes numbers, document types and regions in its own way.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from include.sample_data.catalogue import REGIONS, Product, popular
from include.sample_data.delivery import Row, Sale
from include.sample_data.draws import pick, stream
from include.sample_data.london import Moment
from include.sample_data.trade import VENDOR
from include.sample_data.vendor_faults import COLUMNS, COPIES, PLANTS, Plant
from include.sample_data.woven import WovenDay

EPOCH = date(2000, 1, 1)


@dataclass(frozen=True)
class Vendor:
    """How a vendor writes.

    Attributes:
        code: Its number.
        groups: Whether it puts a point between thousands.
        types: What it calls a sale and a return.
        regions: What it calls the regions, in the order of ``REGIONS``.
    """

    code: str
    groups: bool
    types: tuple[str, str]
    regions: tuple[str, str, str, str]

    def number(self, cents: int) -> str:
        """Turn 123450 into ``1.234,50`` or ``1234,5``."""
        whole, rest = divmod(abs(cents), 100)
        sign = "-" if cents < 0 else ""
        if self.groups:
            return f"{sign}{whole:,}".replace(",", ".") + f",{rest:02d}"
        return f"{sign}{whole},{rest:02d}".removesuffix("0")


GROUPING = Vendor("V017", True, ("Sale", "Return"), ("North", "South", "EAST", "west"))
SHORT = Vendor("V042", False, ("S", "R"), ("Nord", "Süd", "Ost", "West"))
FILES = (
    (GROUPING, "V017-{day}-1.csv"),
    (GROUPING, "V017-{day}-2.csv"),
    (SHORT, "V042-{day}-1.csv"),
    (SHORT, "V042-{day}-2.csv.gz"),
)


@dataclass(frozen=True)
class Document:
    """A line of a vendor's document. Money in pence."""

    vendor: Vendor
    number: str
    moment: Moment
    product: Product
    quantity: int
    price: int
    rebate: int
    region: str

    @property
    def total(self) -> int:
        """What the line comes to."""
        return self.quantity * self.price - self.rebate

    @property
    def is_return(self) -> bool:
        """Whether goods are taken back."""
        return self.quantity < 0

    def cells(self) -> dict[str, str]:
        """Return the line as text per column, as its vendor writes it."""
        return {
            "Vendor": self.vendor.code,
            "Doc No": self.number,
            "Doc Type": self.vendor.types[self.is_return],
            "Doc Date": f"{self.moment.local:%d/%m/%Y %H:%M}",
            "Article No": self.product.code,
            "Article": self.product.name,
            "Group": self.product.category,
            "Qty": str(self.quantity),
            "Price": self.vendor.number(self.price),
            "Amount": self.vendor.number(self.total),
            "Region": self.vendor.regions[REGIONS.index(self.region)],
        }

    @property
    def sale(self) -> Sale:
        """What the line adds to the sales."""
        return Sale(
            channel="vendor",
            day=self.moment.day,
            quantity=self.quantity,
            total=self.total,
            calculated=self.quantity * self.price,
            is_return=self.is_return,
            customer=None,
            region=self.region,
            category=self.product.category,
        )

    def row(self, key: str | None = None) -> Row:
        """Return the line as a sound row."""
        return Row(as_csv(self.cells().values()), sale=self.sale, key=key)


def as_csv(cells: Iterable[str]) -> str:
    """Join cells by semicolons, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="").writerow(cells)
    return text.getvalue()


class VendorDay(WovenDay):
    """What all vendors deliver on one day: a pure function of (seed, day, scale)."""

    DATASET = "vendor_sales"
    FILES = tuple(name for _, name in FILES)
    TRADE = VENDOR
    PLANTS = PLANTS
    HEADER = as_csv(COLUMNS)

    def ordinary(self, number: int) -> Row:
        """Return ordinary line ``number`` of the day."""
        return self.ordinary_document(number).row(self.key(number))

    def ordinary_document(self, number: int) -> Document:
        """Return ordinary line ``number``; the documents of each vendor are numbered from 0."""
        file = self.weave.file_of(number)
        first = self.weave.bounds(file - file % 2)[0]
        return self.document(number, file, number - first)

    def document(
        self, number: int, file: int, counter: int, plant: Plant | None = None
    ) -> Document:
        """Return line ``number`` of the day: the ordinary ones first, then the planted ones."""
        draw = stream(self.seed, "vendor", self.day, number).random
        position, pieces = draw(), draw()
        day = self.day + timedelta(days=plant.days if plant else 0)
        second = VENDOR.second_at(day, position)
        product, quantity = popular(draw()), 1 + int(pieces * pieces * 24)
        price, region = product.price_on(day), pick(REGIONS, draw())
        kind = draw()
        returns = kind < 0.06
        if plant:
            second = second if plant.second is None else plant.second
            quantity = quantity if plant.quantity is None else plant.quantity
            price = price if plant.price is None else plant.price
            region = plant.region or region
            returns = plant.returns
        rebate = quantity * price // 20 if kind > 0.95 and not plant else 0
        return Document(
            vendor=FILES[file][0],
            number=f"{(self.day - EPOCH).days:05d}{counter:07d}",
            moment=Moment.on(day, second - second % 60),
            product=product,
            quantity=-quantity if returns else quantity,
            price=price,
            rebate=rebate,
            region=region,
        )

    def planted(self, file: int, turn: int) -> Row:
        """Return planted row ``turn`` of a file: each one is a document of its own."""
        place = turn * len(FILES) + file
        plant = PLANTS[place % len(PLANTS)]
        if plant.copy:
            return self.copied(plant.copy, file, turn)
        number = self.weave.ordinary + place
        document = self.document(number, file, number, plant)
        cells = list({**document.cells(), **plant.edits}.values())
        text = as_csv((cells + cells[-1:])[: plant.cells])
        return Row(text, reason=plant.reason) if plant.reason else Row(text, sale=document.sale)

    def copied(self, copy: str, file: int, turn: int) -> Row:
        """Return a line once more: of this file, of the vendor's other one, or of yesterday."""
        if copy in COPIES[:2]:
            source = file if copy == COPIES[0] else file ^ 1
            return self.ordinary(self.weave.target(source, turn, COPIES.index(copy)))
        before = VendorDay(self.day - timedelta(days=1), self.seed, self.scale)
        number = before.weave.target(file, turn, COPIES.index(copy))
        document = before.ordinary_document(number)
        if copy == COPIES[3]:
            more = document.quantity + (-1 if document.is_return else 1)
            document = replace(document, quantity=more)
        return document.row(before.key(number))
