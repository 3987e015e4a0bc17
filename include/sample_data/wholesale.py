"""The wholesale department's drop: CSV in the format of the UCI "Online Retail" export.

Nothing of that data is copied; articles, customers and numbers are invented. On Saturdays the
department is closed and delivers files that hold only their header.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from include.sample_data.catalogue import Product, gifts, money
from include.sample_data.delivery import Row, Sale
from include.sample_data.draws import stream, weighted
from include.sample_data.london import Moment
from include.sample_data.trade import WHOLESALE
from include.sample_data.woven import WovenDay

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
LINES = (7, 18, 1, 12, 26, 3, 15, 9, 1, 21, 5, 14)  # lines per invoice, over and over
CANCELLATIONS = (2, 8)  # which invoices of that cycle cancel goods
CYCLE = sum(LINES)
INVOICES = 1_000_000
EPOCH = date(2000, 1, 1)
COUNTRIES = (
    ("United Kingdom", 84),
    ("Germany", 4),
    ("France", 4),
    ("EIRE", 3),
    ("Netherlands", 2),
    ("Norway", 1),
    ("Spain", 1),
    ("Australia", 1),
)


@dataclass(frozen=True)
class Plant:
    """A planted row.

    Attributes:
        reason: Why it must end in quarantine; None when it must be kept.
        edits: Cells that replace the sound ones.
        days: Business day relative to the arrival day.
        second: Second of the business day; by default somewhere in the day.
        cells: Deliver this many cells instead of all; one too many repeats the last.
        kind: ``C`` for a cancellation, ``A`` for an adjustment.
        copy: Instead of a new line, one of the three kinds of copy in ``COPIES``.
    """

    reason: str | None = None
    edits: Mapping[str, str] = field(default_factory=dict)
    days: int = 0
    second: int | None = None
    cells: int = len(COLUMNS)
    kind: str = ""
    copy: str | None = None


COPIES = ("same file", "other file", "next day")
PLANTS = (
    *(Plant(copy=kind) for kind in COPIES),
    Plant("unreadable", cells=5),
    Plant("unreadable", cells=9),
    Plant("required:invoice_no", {"InvoiceNo": ""}),
    Plant("required:stock_code", {"StockCode": ""}),
    Plant("required:quantity", {"Quantity": ""}),
    Plant("required:invoiced_at", {"InvoiceDate": ""}),
    Plant("required:unit_price", {"UnitPrice": ""}),
    Plant("required:country", {"Country": ""}),
    Plant("bad_pattern:invoice_no", {"InvoiceNo": "53999"}),
    Plant("bad_pattern:invoice_no", {"InvoiceNo": "X539991"}),
    Plant("bad_pattern:customer_ref", {"CustomerID": "1785O.0"}),
    Plant("invalid:quantity", {"Quantity": "a dozen"}),
    Plant("invalid:invoiced_at", {"InvoiceDate": "01/12/2010 8:26"}),
    Plant("invalid:unit_price", {"UnitPrice": "2,55"}),
    Plant("out_of_range:unit_price", {"UnitPrice": "0.0"}),
    Plant("out_of_range:unit_price", {"UnitPrice": "-11062.06"}, kind="A"),
    Plant("rule:quantity_not_zero", {"Quantity": "0"}),
    Plant("rule:quantity_sign", {"Quantity": "-6"}),
    Plant("rule:quantity_sign", {"Quantity": "6"}, kind="C"),
    Plant("in_future:invoiced_at", days=1, second=0),
    Plant("too_late:invoiced_at", days=-4, second=86_399),
    Plant(days=-1),
    Plant(days=-2, kind="C"),
    Plant(days=-3, second=0),  # the last moment that is not too late
    Plant(second=86_399),
    Plant(kind="C"),
    Plant(kind="A"),
    Plant(edits={"Description": ""}),
    Plant(edits={"Description": "=SUM(A1:A9)"}),
    Plant(edits={"Description": "GIFT TAGS,\nTWO LINES"}),
    Plant(edits={"CustomerID": ""}),
)


@dataclass(frozen=True)
class Line:
    """A line of an invoice. Money in pence."""

    invoice: str
    moment: Moment
    item: Product
    quantity: int
    price: int
    customer: str | None
    country: str

    def cells(self) -> dict[str, str]:
        """Return the line as text per column: prices as floats are written, ids as floats."""
        price = money(self.price)
        return {
            "InvoiceNo": self.invoice,
            "StockCode": self.item.code,
            "Description": self.item.name,
            "Quantity": str(self.quantity),
            "InvoiceDate": str(self.moment.local),
            "UnitPrice": price.removesuffix("0"),
            "CustomerID": f"{self.customer}.0" if self.customer else "",
            "Country": self.country,
        }

    @property
    def sale(self) -> Sale:
        """What the line adds to the sales."""
        return Sale(
            channel="wholesale",
            day=self.moment.day,
            quantity=self.quantity,
            total=self.quantity * self.price,
            calculated=self.quantity * self.price,
            is_return=self.invoice.startswith("C"),
            customer=self.customer,
            region=self.country,
            category="Wholesale",
        )

    def row(self, key: str | None = None) -> Row:
        """Return the line as a sound row."""
        return Row(as_csv(self.cells().values()), sale=self.sale, key=key)


def as_csv(cells: Iterable[str]) -> str:
    """Join cells to one line of CSV, quoted where needed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


class WholesaleDay(WovenDay):
    """What the wholesale department delivers on one day: a pure function of (seed, day, scale)."""

    DATASET = "wholesale_invoices"
    FILES = ("invoices-{day}-1.csv", "invoices-{day}-2.csv")
    TRADE = WHOLESALE
    PLANTS = PLANTS
    HEADER = ",".join(COLUMNS)

    def ordinary(self, number: int) -> Row:
        """Return ordinary line ``number`` of the day."""
        return self.line(number).row(self.key(number))

    def line(self, number: int) -> Line:
        """Return ordinary line ``number``: the invoices follow each other in the sizes of LINES."""
        cycle, left = divmod(number, CYCLE)
        place = 0
        while left >= LINES[place]:
            left -= LINES[place]
            place += 1
        invoice = cycle * len(LINES) + place
        kind = "C" if place in CANCELLATIONS else ""
        position = (number - left) / self.weave.ordinary
        return self.invoice_line(invoice, left, kind, self.day, position)

    def invoice_line(
        self,
        invoice: int,
        line: int,
        kind: str,
        day: date,
        position: float | None = None,
        second: int | None = None,
    ) -> Line:
        """Return line ``line`` of the day's invoice number ``invoice``."""
        draw = stream(self.seed, "wholesale", self.day, invoice).random
        start, stride = int(draw() * len(gifts())), 1 + int(draw() * (len(gifts()) - 1))
        country = weighted(COUNTRIES, draw())
        customer = f"{12400 + int(draw() * 900)}" if draw() < 0.8 else None
        drawn = draw()
        if second is None:
            second = WHOLESALE.second_at(day, drawn if position is None else position)
            second -= second % 60
        item = gifts()[(start + line * stride) % len(gifts())]
        pieces = stream(self.seed, "pieces", self.day, invoice, line).random
        quantity = 1 + int(pieces() * pieces() * 48)
        number = ((self.day - EPOCH).days * 151 + invoice) % INVOICES
        return Line(
            invoice=f"{kind}{number:06d}",
            moment=Moment.on(day, second),
            item=item,
            quantity=-quantity if kind == "C" else quantity,
            price=item.pence,
            customer=customer,
            country=country,
        )

    def planted(self, file: int, turn: int) -> Row:
        """Return planted row ``turn`` of a file: each one is an invoice of its own."""
        place = turn * len(self.FILES) + file
        plant = PLANTS[place % len(PLANTS)]
        if plant.copy:
            return self.copied(plant.copy, file, turn)
        invoice = (self.weave.ordinary // CYCLE + 1) * len(LINES) + place
        day = self.day + timedelta(days=plant.days)
        line = self.invoice_line(invoice, 0, plant.kind, day, second=plant.second)
        cells = list({**line.cells(), **plant.edits}.values())
        text = as_csv((cells + cells[-1:])[: plant.cells])
        if plant.reason:
            return Row(text, reason=plant.reason)
        customer = line.customer if plant.edits.get("CustomerID") is None else None
        return Row(text, sale=replace(line, customer=customer).sale)

    def copied(self, copy: str, file: int, turn: int) -> Row:
        """Return a line once more: of this file, of the other one, or of the trading day before."""
        if copy in COPIES[:2]:
            source = file if copy == COPIES[0] else (file + 1) % len(self.FILES)
            return self.ordinary(self.weave.target(source, turn, COPIES.index(copy)))
        back = 1
        while not WHOLESALE.week[(self.day - timedelta(days=back)).weekday()]:
            back += 1
        before = WholesaleDay(self.day - timedelta(days=back), self.seed, self.scale)
        return before.ordinary(before.weave.target(file, turn, COPIES.index(copy)))
