"""The web shop's drop: JSON Lines, several files a day, with every fault its contract names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from include.sample_data.catalogue import REGIONS, Product, money, popular, spelled
from include.sample_data.delivery import Row, Sale
from include.sample_data.draws import pick, stream, weighted
from include.sample_data.london import Moment
from include.sample_data.trade import WEB
from include.sample_data.woven import WovenDay

EPOCH = date(2000, 1, 1)
CUSTOMERS = 2500
DELIVERY = (
    395  # pence charged on top of some orders: total_amount is more than quantity * unit_price
)
PAYMENTS = (
    ("Credit Card", 40),
    ("Debit Card", 26),
    ("PayPal", 24),
    ("Gift Card", 6),
    ("credit_card", 2),
    ("PAYPAL", 1),
    ("Cash", 1),
)


@dataclass(frozen=True)
class Plant:
    """A planted row.

    Attributes:
        reason: Why it must end in quarantine; None when it must be kept.
        edits: JSON text per field that replaces the sound value; None leaves the field out.
        days: Business day relative to the arrival day.
        second: Second of the business day; by default somewhere in the day.
        east: Offset of the written timestamp in minutes; by default as for ordinary orders.
        cut: Keep only this many characters of the line.
        copy: Instead of a new order, one of the four kinds of copy in ``COPIES``.
    """

    reason: str | None = None
    edits: Mapping[str, str | None] = field(default_factory=dict)
    days: int = 0
    second: int | None = None
    east: int | None = None
    cut: int | None = None
    copy: str | None = None


COPIES = ("same file", "other file", "next day", "corrected next day")
PLANTS = (
    *(Plant(copy=kind) for kind in COPIES),
    Plant("unreadable", cut=70),
    Plant("required:transaction_id", {"transaction_id": None}),
    Plant("required:ordered_at", {"timestamp": "null"}),
    Plant("required:product_id", {"product_id": "null"}),
    Plant("required:product_name", {"product_name": None}),
    Plant("required:category", {"category": "null"}),
    Plant("required:quantity", {"quantity": None, "region": '"Atlantis"'}),
    Plant("required:unit_price", {"unit_price": "null"}),
    Plant("required:total_amount", {"total_amount": "null"}),
    Plant("required:region", {"region": "null"}),
    Plant("required:payment_method", {"payment_method": None}),
    Plant("required:product_name", {"product_name": '"  "'}),
    Plant("required:region", {"region": '""'}),
    Plant("invalid:ordered_at", {"timestamp": '"31/02/2024 25:61"'}),
    Plant("invalid:quantity", {"quantity": '"two"'}),
    Plant("invalid:unit_price", {"unit_price": '"on request"'}),
    Plant("invalid:total_amount", {"total_amount": '"n/a"'}),
    Plant("out_of_range:quantity", {"quantity": "0"}),
    Plant("out_of_range:quantity", {"quantity": "1001"}),
    Plant("out_of_range:unit_price", {"unit_price": "0.00"}),
    Plant("out_of_range:total_amount", {"total_amount": "-12.50"}),
    Plant("bad_pattern:transaction_id", {"transaction_id": '"TX-1187"', "quantity": "0"}),
    Plant("not_accepted:region", {"region": '"Atlantis"'}),
    Plant("not_accepted:payment_method", {"payment_method": '"Seashells"'}),
    Plant("in_future:ordered_at", days=1, second=0),
    Plant("in_future:ordered_at", days=1, second=16_200, east=-300),  # 23:30 today in New York
    Plant("too_late:ordered_at", days=-4, second=86_399),
    Plant("too_late:ordered_at", days=-30),
    Plant(days=-1),
    Plant(days=-2),
    Plant(days=-3, second=0),  # the last moment that is not too late
    Plant(second=0),
    Plant(second=86_399),
    Plant(second=1800, east=0),  # still yesterday in UTC while London has summer time
    Plant(second=5400),  # 01:30: happens twice on the day the clocks go back
    Plant(second=84_600, east=330),  # already tomorrow in Delhi
    *(Plant(edits={"region": json.dumps(text)}) for text in ("north ", "N", "EAST", " w ")),
    Plant(edits={"customer_id": "null"}),
    Plant(edits={"customer_id": None}),
    Plant(edits={"product_name": '"Caf\\u00e9 Press \\"Junior\\" 0.3 l"'}),
)
REGION_MEANT = {'"north "': "North", '"N"': "North", '"EAST"': "East", '" w "': "West"}


@dataclass(frozen=True)
class Order:
    """An order line as it was made. Money in pence."""

    number: str
    moment: Moment
    product: Product
    quantity: int
    price: int
    total: int
    customer: str | None
    region: str
    region_text: str
    payment: str
    style: float

    def timestamp(self, east: int | None = None) -> str:
        """Write the moment as one of the shop's front ends does."""
        if east is not None:
            return self.moment.at_offset(east).isoformat()
        if self.style < 0.15:
            return self.moment.utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.style < 0.30 or self.moment.ambiguous:
            return self.moment.at_home().isoformat()
        if self.style < 0.40:
            return self.moment.at_offset(120).isoformat()
        if self.style < 0.45:
            return f"{self.moment.local}"
        if self.style < 0.50:
            return f"{self.moment.local.isoformat()}.{int(self.style * 2_000_000):06d}"
        return self.moment.local.isoformat()

    def fields(self, east: int | None = None) -> dict[str, str | None]:
        """Return the order as JSON text per field, in the shop's order."""
        return {
            "transaction_id": json.dumps(self.number),
            "timestamp": json.dumps(self.timestamp(east)),
            "product_id": json.dumps(self.product.code),
            "product_name": json.dumps(self.product.name, ensure_ascii=False),
            "category": json.dumps(self.product.category),
            "quantity": str(self.quantity),
            "unit_price": money(self.price),
            "total_amount": money(self.total),
            "customer_id": json.dumps(self.customer),
            "region": json.dumps(self.region_text),
            "payment_method": json.dumps(self.payment),
        }

    @property
    def sale(self) -> Sale:
        """What the order adds to the sales."""
        return Sale(
            channel="web",
            day=self.moment.day,
            quantity=self.quantity,
            total=self.total,
            calculated=self.quantity * self.price,
            is_return=False,
            customer=self.customer,
            region=self.region,
            category=self.product.category,
        )

    def row(self, key: str | None = None) -> Row:
        """Return the order as a sound line."""
        return Row(as_line(self.fields()), sale=self.sale, key=key)


def as_line(fields: Mapping[str, str | None]) -> str:
    """Join JSON text per field to one line."""
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items() if text) + "}"


class WebDay(WovenDay):
    """What the web shop delivers on one day: a pure function of (seed, day, scale)."""

    DATASET = "ecommerce_orders"
    FILES = ("orders-{day}-1.jsonl", "orders-{day}-2.jsonl.gz", "orders-{day}-3.jsonl")
    TRADE = WEB
    PLANTS = PLANTS

    def ordinary(self, number: int) -> Row:
        """Return ordinary order ``number`` of the day."""
        return self.order(number).row(self.key(number))

    def order(self, number: int, days: int = 0, second: int | None = None) -> Order:
        """Return order ``number`` of the day: the ordinary ones first, then the planted ones."""
        draw = stream(self.seed, "web", self.day, number).random
        total = self.weave.ordinary
        position = (number + draw()) / total if number < total else draw()
        day = self.day + timedelta(days=days)
        product, quantity = popular(draw()), 1 + int(draw() * draw() * draw() * 6)
        price = product.price_on(day)
        region = pick(REGIONS, draw())
        return Order(
            number=f"TXN{(self.day - EPOCH).days:05d}{number:07d}",
            moment=Moment.on(
                day,
                WEB.second_at(day, position) if second is None else second,
                fold=int(draw() * 2),
            ),
            product=product,
            quantity=quantity,
            price=price,
            total=quantity * price + (DELIVERY if draw() < 0.02 else 0),
            customer=f"CUST{1 + int(draw() * CUSTOMERS):04d}" if draw() < 0.97 else None,
            region=region,
            region_text=region if draw() < 0.95 else spelled(region, draw()),
            payment=weighted(PAYMENTS, draw()),
            style=draw(),
        )

    def planted(self, file: int, turn: int) -> Row:
        """Return planted row ``turn`` of a file."""
        place = turn * len(self.FILES) + file
        plant = PLANTS[place % len(PLANTS)]
        if plant.copy:
            return self.copied(plant.copy, file, turn)
        order = self.order(self.weave.ordinary + place, plant.days, plant.second)
        line = as_line({**order.fields(plant.east), **plant.edits})
        if plant.reason:
            return Row(line[: plant.cut], reason=plant.reason)
        if "customer_id" in plant.edits:
            order = replace(order, customer=None)
        meant = REGION_MEANT.get(plant.edits.get("region") or "", order.region)
        return Row(line, sale=replace(order, region=meant).sale)

    def copied(self, copy: str, file: int, turn: int) -> Row:
        """Return an order once more: of this file, of the next one, or of the day before."""
        if copy in COPIES[:2]:
            source = file if copy == COPIES[0] else (file + 1) % len(self.FILES)
            return self.ordinary(self.weave.target(source, turn, COPIES.index(copy)))
        before = WebDay(self.day - timedelta(days=1), self.seed, self.scale)
        number = before.weave.target(file, turn, COPIES.index(copy))
        order = before.order(number)
        if copy == COPIES[3]:
            more = order.quantity + 1
            order = replace(order, quantity=more, total=more * order.price)
        return order.row(before.key(number))
