"""The product feed: the whole catalogue as XML, every day anew, in two files.

The feed of a day has faults of its own: products that are refused, delivered twice or not known at
all. What the marketplace sells of them has the category that the feed gives it, or none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from include.sample_data.catalogue import Product, money, products
from include.sample_data.delivery import DeliveredFile, Row, Weave
from include.sample_data.london import HOUR, Moment

DATASET = "product_feed"
FILES = ("catalogue-{day}-1.xml", "catalogue-{day}-2.xml.gz")
ROW_TAG = "product"
FIELDS = ("product_id", "name", "category", "price", "updated")
HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n<catalogue day="{day}" currency="GBP">'
FOOTER = "</catalogue>"
CLEARANCE = "Clearance"


@dataclass(frozen=True)
class Plant:
    """A planted element: a product that is nowhere else, or one of the catalogue once more.

    Attributes:
        reason: Why it must end in quarantine; None when it must be kept.
        edits: XML per field that replaces the sound text; None leaves the field out.
        more: XML that follows the fields.
        copy: Instead of a new product, one that stands in the file of this number.
    """

    reason: str | None = None
    edits: Mapping[str, str | None] = field(default_factory=dict)
    more: str = ""
    copy: int | None = None


# Those at even places go to the first file, the others to the second. The second's name is later:
# of the copies of a product in the other file, the second plant wins and the third loses.
PLANTS = (
    Plant(copy=0),
    Plant(copy=0),
    Plant(copy=1),
    Plant("unreadable", more="<name>Which name?</name>"),
    Plant("required:product_id", {"product_id": None}),
    Plant("required:product_name", {"name": " "}),
    Plant("required:category", {"category": None}),
    Plant("required:price", {"price": ""}),
    Plant("required:updated_at", {"updated": None}),
    Plant("bad_pattern:product_id", {"product_id": "17"}),
    Plant("invalid:price", {"price": "1.234,50"}),
    Plant("invalid:updated_at", {"updated": "yesterday"}),
    Plant("out_of_range:price", {"price": "0.00"}),
    Plant(more="<colour>green</colour>"),
    Plant(edits={"name": "<![CDATA[Café & Bar <Deluxe>,]]>\n  大 &#x20AC;"}),
)


def element(fields: Mapping[str, str | None], more: str = "") -> str:
    """Write a product; the values are XML already."""
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items() if text is not None)
    return f"<{ROW_TAG}>{inner}{more}</{ROW_TAG}>"


class FeedDay:
    """The feed of one day: a pure function of the day."""

    def __init__(self, day: date) -> None:
        """Plan the day: the catalogue begins at another product every day."""
        self.day = day
        self.weave = Weave(len(products()), len(PLANTS), len(FILES))

    def files(self) -> list[DeliveredFile]:
        """Return the day's files."""
        return [
            DeliveredFile(
                DATASET,
                self.day,
                name.format(day=self.day),
                partial(self.rows, number),
                header=HEADER.format(day=self.day),
                footer=FOOTER,
            )
            for number, name in enumerate(FILES)
        ]

    @property
    def unknown(self) -> Product:
        """The product whose only element is refused."""
        number = self.day.toordinal()
        turn = number // 2 % self.weave.planted_in(1)
        return self.product(self.weave.target(number % 2, turn, 2))

    @property
    def cleared(self) -> tuple[Product, Product]:
        """The products that are delivered twice, the second time for clearance."""
        return self.product(self._copied(0, 0)), self.product(self._copied(1, 0))

    @property
    def categories(self) -> dict[str, str]:
        """What the feed says of the catalogue's products that it knows, by their numbers."""
        known = {product.code: product.category for product in products()}
        del known[self.unknown.code]
        return {**known, **{product.code: CLEARANCE for product in self.cleared}}

    def product(self, number: int) -> Product:
        """Return product ``number`` of the day's feed."""
        return products()[(number + self.day.toordinal()) % len(products())]

    def rows(self, file: int) -> Iterator[Row]:
        """Yield the elements of one file."""
        return self.weave.rows(file, self.ordinary, self.planted)

    def ordinary(self, number: int) -> Row:
        """Return element ``number`` of the catalogue."""
        product = self.product(number)
        if product == self.unknown:
            text = element({**self.fields(product), "price": "on request"})
            return Row(text, reason="invalid:price")
        return Row(element(self.fields(product)), key=self.key(product), entry=True)

    def planted(self, file: int, turn: int) -> Row:
        """Return planted element ``turn`` of a file."""
        place = turn * len(FILES) + file
        plant = PLANTS[place]
        if plant.copy is not None:
            product = self.product(self._copied(file, turn))
            fields = {**self.fields(product), "category": CLEARANCE}
            return Row(element(fields), key=self.key(product), entry=True)
        product = Product(f"P{900 + place}", f"Novelty {place}", "Novelties", 100 + place)
        text = element({**self.fields(product), **plant.edits}, plant.more)
        return Row(text, reason=plant.reason, entry=plant.reason is None)

    def fields(self, product: Product) -> dict[str, str | None]:
        """Return a product's XML per field."""
        back = (self.day.toordinal() + int(product.code[1:])) % 9  # since its price changed
        changed = Moment.on(self.day - timedelta(days=back), 4 * HOUR)
        texts = (
            product.code,
            product.name.replace("&", "&amp;").replace("<", "&lt;"),
            product.category.replace("&", "&amp;"),
            money(product.price_on(self.day)),
            changed.at_home().isoformat() if back % 2 else str(changed.local),
        )
        return dict(zip(FIELDS, texts, strict=True))

    def key(self, product: Product) -> str:
        """Name a product of the day."""
        return f"{self.day}/{product.code}"

    def _copied(self, file: int, turn: int) -> int:
        """Return which product a planted copy repeats: of its own file, or of another one."""
        copy = PLANTS[turn * len(FILES) + file].copy
        assert copy is not None
        return self.weave.target(copy, turn, file)
