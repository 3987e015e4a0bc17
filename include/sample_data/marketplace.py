"""The marketplace's sales of one day, as its REST API lists them: by moment, then by number.

It knows products by number only and says no region. What its sales have for category and region is
what the day's product feed and customers give them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial

from include.sample_data.catalogue import money, popular
from include.sample_data.customers import NEW, REFUSED, REGISTERED, CustomersDay, named, newcomer
from include.sample_data.delivery import UNKNOWN, DeliveredFile, Row, Sale, Weave
from include.sample_data.draws import pick, stream, weighted
from include.sample_data.feed import FeedDay
from include.sample_data.london import HOUR, Moment, clocks_go_back
from include.sample_data.trade import MARKETPLACE
from include.sample_data.web import as_line

DATASET = "marketplace_sales"
EPOCH = date(2000, 1, 1)
STRANGERS = 2200  # numbers of customers who have never registered
PAYMENTS = (
    ("Wallet", 40),
    ("Credit Card", 26),
    ("PayPal", 20),
    ("Debit Card", 10),
    ("gift_card", 3),
    ("PAYPAL", 1),
)
BUYERS = (("registered", 45), ("stranger", 20), ("nobody", 28), ("new", 7))
PLANTED_PIECES = 2


@dataclass(frozen=True)
class Plant:
    """A planted record.

    Attributes:
        reason: Why it must end in quarantine; None when it must be kept.
        edits: JSON text per field that replaces the sound value.
        sku: Whose feed says no category (``unknown``), another one (``cleared``), or nothing
            (``foreign``).
        buyer: One of ``BUYERS``, or ``refused``: a customer whose row is in quarantine.
        returns: Whether goods are taken back.
        copy: Instead of a new sale, one of the two kinds of copy in ``COPIES``.
    """

    reason: str | None = None
    edits: Mapping[str, str] = field(default_factory=dict)
    sku: str | None = None
    buyer: str | None = None
    returns: bool = False
    copy: str | None = None


COPIES = ("listed again", "amended")
PLANTS = (
    *(Plant(copy=kind) for kind in COPIES),
    Plant("required:sale_id", {"sale_id": "null"}),
    Plant("required:sku", {"sku": '" "'}),
    Plant("required:quantity", {"quantity": "null"}),
    Plant("required:unit_price", {"unit_price": "null"}),
    Plant("required:total_amount", {"total_amount": "null"}),
    Plant("required:payment_method", {"payment_method": "null"}),
    Plant("required:is_return", {"is_return": "null"}),
    Plant("bad_pattern:sale_id", {"sale_id": '"1187"', "quantity": "0"}),
    Plant("bad_pattern:buyer_id", {"buyer_id": '"guest 77"'}),
    Plant("invalid:quantity", {"quantity": "2.5"}),
    Plant("invalid:unit_price", {"unit_price": '"on request"'}),
    Plant("invalid:total_amount", {"total_amount": "1e400"}),
    Plant("invalid:is_return", {"is_return": '"perhaps"'}),
    Plant("out_of_range:quantity", {"quantity": "1001"}),
    Plant("out_of_range:quantity", {"quantity": "-1001"}, returns=True),
    Plant("out_of_range:unit_price", {"unit_price": "0.00"}),
    Plant("not_accepted:payment_method", {"payment_method": '"Seashells"'}),
    Plant("rule:quantity_not_zero", {"quantity": "0"}),
    Plant("rule:quantity_sign", {"quantity": "-6"}),
    Plant("rule:quantity_sign", {"quantity": "6"}, returns=True),
    Plant("rule:amount_sign", {"total_amount": "-36.00"}),
    Plant("rule:amount_sign", {"total_amount": "36.00"}, returns=True),
    Plant(returns=True),
    Plant(sku="unknown"),
    Plant(sku="cleared"),
    Plant(sku="foreign"),
    Plant(buyer="nobody"),
    Plant(buyer="stranger"),
    Plant(buyer="refused"),
    Plant(buyer="new"),
    Plant(edits={"quantity": f'"{PLANTED_PIECES}"'}),
    Plant(edits={"payment_method": '" Gift_Card"'}),
)


@dataclass(frozen=True)
class Listing:
    """A record of the API. Money in pence."""

    sale_id: str
    moment: str
    sku: str
    quantity: int
    price: int
    discount: int
    buyer: str | None
    payment: str

    @property
    def total(self) -> int:
        """What the buyer paid, or was paid back."""
        return self.quantity * self.price - self.discount

    def line(self, edits: Mapping[str, str]) -> str:
        """Write the record as a line of JSON; ``edits`` are JSON text per field."""
        fields: dict[str, str | None] = {
            "sale_id": json.dumps(self.sale_id),
            "sold_at": json.dumps(self.moment),
            "sku": json.dumps(self.sku),
            "quantity": str(self.quantity),
            "unit_price": money(self.price),
            "total_amount": money(self.total),
            "buyer_id": json.dumps(self.buyer),
            "payment_method": json.dumps(self.payment),
            "is_return": json.dumps(self.quantity < 0),
        }
        return as_line({**fields, **edits})


class MarketplaceDay:
    """What the marketplace sells on one day: a pure function of (seed, day, scale)."""

    def __init__(self, day: date, seed: int, scale: float) -> None:
        """Plan the day; nothing is made until the rows are read."""
        self.day, self.seed = day, seed
        self.feed, self.customers = FeedDay(day), CustomersDay(day, seed)
        self.categories = self.feed.categories
        planted = len(PLANTS) * max(1, round(scale))
        self.weave = Weave.sized(MARKETPLACE.rows_on(day, seed, scale), planted, files=1)

    def file(self) -> DeliveredFile:
        """Return the day's records as JSON Lines, in the order of the API."""
        return DeliveredFile(DATASET, self.day, f"{self.day}.jsonl", self.rows, extracted=True)

    def rows(self) -> Iterator[Row]:
        """Yield the day's records; the first and the last lie at the edges of the day."""
        makers = self.weave.rows(
            0,
            lambda number: partial(self.ordinary, number),
            lambda _, turn: partial(self.planted, turn),
        )
        total = self.weave.ordinary + self.weave.planted
        for place, made_at in enumerate(makers):
            yield made_at(self.moment(place, total))

    def ordinary(self, number: int, moment: str) -> Row:
        """Return ordinary record ``number`` of the day."""
        key = f"{self.day}/{number}" if self.weave.may_be_copied(number) else None
        return self.row(self.listing(number, moment), key=key)

    def planted(self, turn: int, moment: str) -> Row:
        """Return planted record ``turn`` of the day."""
        plant = PLANTS[turn % len(PLANTS)]
        if plant.copy:
            number = self.weave.target(0, turn, COPIES.index(plant.copy))
            listing = self.listing(number, moment)
            if plant.copy == COPIES[1]:
                more = listing.quantity + (1 if listing.quantity > 0 else -1)
                listing = replace(listing, quantity=more)
            return self.row(listing, key=f"{self.day}/{number}")
        listing = self.listing(self.weave.ordinary + turn, moment, plant)
        if plant.reason:
            return Row(listing.line(plant.edits), reason=plant.reason)
        return self.row(listing, plant.edits)

    def row(
        self, listing: Listing, edits: Mapping[str, str] | None = None, key: str | None = None
    ) -> Row:
        """Return a sound record with what it adds to the sales."""
        region = self.customers.region(int(listing.buyer[4:])) if listing.buyer else None
        sale = Sale(
            channel="marketplace",
            day=self.day,
            quantity=listing.quantity,
            total=listing.total,
            calculated=listing.quantity * listing.price,
            is_return=listing.quantity < 0,
            customer=listing.buyer,
            region=region or UNKNOWN,
            category=self.categories.get(listing.sku, UNKNOWN),
        )
        return Row(listing.line(edits or {}), sale=sale, key=key)

    def moment(self, place: int, total: int) -> str:
        """Write the moment of the record at a place of the list: each is later than the last."""
        draw = stream(self.seed, "marketplace moment", self.day, place).random
        hour, part = MARKETPLACE.time_at(self.day, (place + draw()) / total)
        if place in (0, total - 1):
            hour, part = (0, 0.0) if place == 0 else (23, 1 - 1e-9)
        fold = 0.0
        if hour == 1 and clocks_go_back(self.day):  # an hour of two hours
            fold, part = divmod(part * 2, 1)
        micros = int(part * HOUR * 1_000_000)
        moment = Moment.on(self.day, hour * HOUR + micros // 1_000_000, int(fold))
        zulu = draw() < 0.6
        instant = (moment.utc if zulu else moment.at_home()) + timedelta(
            microseconds=micros % 1_000_000
        )
        text = instant.isoformat(timespec="microseconds")
        return text.replace("+00:00", "Z") if zulu else text

    def listing(self, number: int, moment: str, plant: Plant | None = None) -> Listing:
        """Return sale ``number`` of the day: the ordinary ones first, then the planted ones."""
        draw = stream(self.seed, "marketplace", self.day, number).random
        product, pieces = popular(draw()), 1 + int(draw() * draw() * draw() * 4)
        buyer, payment = weighted(BUYERS, draw()), weighted(PAYMENTS, draw())
        returned, discounted, drawn = draw() < 0.05, draw() < 0.06, draw()
        sku = product.code
        if plant:
            pieces, returned, discounted = PLANTED_PIECES, plant.returns, False
            buyer = plant.buyer or buyer
            sku = {
                "unknown": self.feed.unknown.code,
                "cleared": self.feed.cleared[0].code,
                "foreign": "X-4711",
            }.get(plant.sku or "", sku)
        price = product.price_on(self.day)
        return Listing(
            sale_id=f"MP-{(self.day - EPOCH).days:05d}-{number:07d}",
            moment=moment,
            sku=sku,
            quantity=-pieces if returned else pieces,
            price=price,
            discount=price // 10 if discounted and not returned else 0,
            buyer=self.buyer(buyer, drawn),
            payment=payment,
        )

    def buyer(self, kind: str, draw: float) -> str | None:
        """Return the id of a buyer of one of the kinds, None for one who is no customer."""
        if kind == "nobody":
            return None
        if kind == "new":
            return named(newcomer(self.day, int(draw * NEW)))
        if kind == "refused":
            return named(pick(list(REFUSED), draw))
        if kind == "stranger":
            return named(REGISTERED + 1 + int(draw * STRANGERS))
        return named(1 + int(draw * REGISTERED))
