"""Stock counts: rows of the PostgreSQL table ``public.inventory_levels``, one CSV a day for COPY.

Every shop counts every product on every evening. The table's key leaves no room for duplicates.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

from include.sample_data.catalogue import Product, Store, products, stores
from include.sample_data.delivery import DeliveredFile, Row
from include.sample_data.draws import stream
from include.sample_data.london import HOUR, Moment

DATASET = "inventory_levels"
DDL = Path(__file__).with_name("inventory_levels.sql")
COLUMNS = ("store_id", "product_id", "stock_date", "on_hand", "on_order", "counted_at")
EVENING = 21 * HOUR
LAST_SECOND = 24 * HOUR - 1


class InventoryDay:
    """What the shops count on one day: a pure function of (seed, day)."""

    def __init__(self, day: date, seed: int) -> None:
        """Plan the day; nothing is made until the rows are read."""
        self.day, self.seed = day, seed
        century = str(day - timedelta(days=36_500))
        #: Why a row must end in quarantine, and the cells that replace its sound ones.
        self.plants: tuple[tuple[str, Mapping[str, str]], ...] = (
            ("out_of_range:on_hand", {"on_hand": "-4"}),
            ("out_of_range:on_hand", {"on_hand": "1000001"}),
            ("out_of_range:on_order", {"on_order": "-1"}),
            ("bad_pattern:store_id", {"store_id": "WEB"}),
            ("rule:counted_on_its_day", {"stock_date": century}),
        )

    def file(self) -> DeliveredFile:
        """Return the day's rows as a CSV with a header."""
        name, header = f"{self.day}.csv", ",".join(COLUMNS)
        return DeliveredFile(DATASET, self.day, name, self.rows, header=header, extracted=True)

    def rows(self) -> Iterator[Row]:
        """Yield the day's rows: shop by shop, product by product."""
        pairs = [(store, product) for store in stores() for product in products()]
        apart = len(pairs) // len(self.plants)
        first = self.day.toordinal() * 7 % apart
        for number, (store, product) in enumerate(pairs):
            cells = self.cells(number, store, product)
            turn, offset = divmod(number - first, apart)
            if offset == 0 and 0 <= turn < len(self.plants):
                reason, edits = self.plants[turn]
                yield Row(as_csv({**cells, **edits}), reason=reason)
            else:
                yield Row(as_csv(cells), entry=True)

    def cells(self, number: int, store: Store, product: Product) -> dict[str, str]:
        """Return a row as text per column; the first rows lie at the edges of the day."""
        draw = stream(self.seed, "inventory", self.day, store.code, product.code).random
        on_hand = int(draw() * draw() * 80) - 4
        on_order = 0 if on_hand > 10 else 12 * int(draw() * 4)
        second = EVENING + int(draw() * 3 * HOUR)
        edges = {0: 0, 1: LAST_SECOND}
        moment = Moment.on(self.day, edges.get(number, second))
        texts = (
            store.code,
            product.code,
            str(self.day),
            str(max(on_hand, 0)),
            str(on_order),
            moment.at_home().isoformat(sep=" "),
        )
        return dict(zip(COLUMNS, texts, strict=True))


def as_csv(cells: Mapping[str, str]) -> str:
    """Join cells to one line of CSV, quoted where needed; NULL is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells.values())
    return text.getvalue()
