"""The tills: rows of the PostgreSQL table ``public.store_transactions``, one CSV a day for COPY.

The table's own constraints (``store_transactions.sql``) hold for every row; what the lake's
contract refuses beyond them is planted. The primary key leaves no room for duplicates, and the
extract reads by ``sold_at``, so a row is never early or late.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from include.sample_data.catalogue import money, popular, spelled, stores
from include.sample_data.delivery import DeliveredFile, Row, Sale, Weave
from include.sample_data.draws import pick, stream, weighted
from include.sample_data.london import Moment
from include.sample_data.trade import STORE

DATASET = "store_transactions"
DDL = Path(__file__).with_name("store_transactions.sql")
COLUMNS = (
    "transaction_id",
    "store_id",
    "sold_at",
    "product_id",
    "product_name",
    "category",
    "quantity",
    "unit_price",
    "total_amount",
    "customer_id",
    "region",
    "payment_method",
    "is_return",
)
EPOCH = date(2000, 1, 1)
CUSTOMERS = 2500
ROUNDED = 5  # cash totals are rounded down to 5 pence at some tills
PAYMENTS = (("Debit Card", 46), ("Credit Card", 28), ("Cash", 20), ("Gift Card", 4), ("CASH", 2))


@dataclass(frozen=True)
class Plant:
    """A planted row.

    Attributes:
        reason: Why it must end in quarantine; None when it must be kept.
        edits: Cells that replace the sound ones.
        second: Second of the business day; by default somewhere in the day.
        returned: Whether the goods come back.
    """

    reason: str | None = None
    edits: Mapping[str, str] = field(default_factory=dict)
    second: int | None = None
    returned: bool = False


PLANTS = (
    Plant("out_of_range:quantity", {"quantity": "1001"}),
    Plant("out_of_range:unit_price", {"unit_price": "0.00"}),
    Plant("not_accepted:region", {"region": "Head Office"}),
    Plant("not_accepted:payment_method", {"payment_method": "Cheque"}),
    Plant("rule:quantity_sign", {"is_return": "true", "total_amount": "-1.00"}),
    Plant("rule:amount_sign", {"total_amount": "1.00"}, returned=True),
    Plant(second=0),
    Plant(second=86_399),
    Plant(second=5400),  # 01:30: happens twice on the day the clocks go back
    Plant(edits={"customer_id": ""}),
    Plant(returned=True),
)


class TillsDay:
    """What the tills hold of one business day: a pure function of (seed, day, scale)."""

    def __init__(self, day: date, seed: int, scale: float) -> None:
        """Plan the day; nothing is made until the rows are read."""
        self.day, self.seed = day, seed
        planted = len(PLANTS) * max(1, round(scale))
        self.weave = Weave.sized(STORE.rows_on(day, seed, scale), planted, files=1)

    def file(self) -> DeliveredFile:
        """Return the day's rows as a CSV with a header; NULL is an empty cell."""
        return DeliveredFile(
            DATASET,
            self.day,
            f"{self.day}.csv",
            self.rows,
            header=",".join(COLUMNS),
            extracted=True,
        )

    def rows(self) -> Iterator[Row]:
        """Yield the day's rows."""
        return self.weave.rows(
            0,
            self.row,
            lambda _, turn: self.row(self.weave.ordinary + turn, PLANTS[turn % len(PLANTS)]),
        )

    def row(self, number: int, plant: Plant | None = None) -> Row:
        """Return row ``number`` of the day: an ordinary one, or a planted one with its changes."""
        draw = stream(self.seed, "store", self.day, number).random
        total = self.weave.ordinary
        position = (number + draw()) / total if number < total else draw()
        second = STORE.second_at(self.day, position)
        if plant and plant.second is not None:
            second = plant.second
        moment = Moment.on(self.day, second, fold=int(draw() * 2))
        store, product = pick(stores(), draw()), popular(draw())
        price = product.price_on(self.day)
        quantity = 1 + int(draw() * draw() * draw() * 5)
        returned = (draw() < 0.04) if plant is None else plant.returned
        amount = quantity * price
        payment = weighted(PAYMENTS, draw())
        if payment == "CASH":
            amount -= amount % ROUNDED
        customer = f"CUST{1 + int(draw() * CUSTOMERS):04d}" if draw() < 0.6 else None
        sign = -1 if returned else 1
        cells = {
            "transaction_id": f"{store.code}-{(self.day - EPOCH).days:05d}-{number:07d}",
            "store_id": store.code,
            "sold_at": moment.at_home().isoformat(sep=" "),
            "product_id": product.code,
            "product_name": product.name,
            "category": product.category,
            "quantity": str(sign * quantity),
            "unit_price": money(price),
            "total_amount": money(sign * amount),
            "customer_id": customer or "",
            "region": store.region if draw() < 0.96 else spelled(store.region, draw()),
            "payment_method": payment,
            "is_return": str(returned).lower(),
        }
        text = io.StringIO()
        edits = plant.edits if plant else {}
        csv.writer(text, lineterminator="").writerow({**cells, **edits}.values())
        if plant and plant.reason:
            return Row(text.getvalue(), reason=plant.reason)
        return Row(
            text.getvalue(),
            sale=Sale(
                channel="store",
                day=self.day,
                quantity=sign * quantity,
                total=sign * amount,
                calculated=sign * quantity * price,
                is_return=returned,
                customer=None if "customer_id" in edits else customer,
                region=store.region,
                category=product.category,
            ),
        )
