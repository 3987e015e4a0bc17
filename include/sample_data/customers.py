"""The registered customers: rows of the table ``customers``, one CSV a day for COPY.

Most have registered before the calendar of the sample data begins; these come with every day's
file. To them come those who register on the day itself. Nobody is ever changed or removed, so the
table holds on every day what the files up to it said. Names and addresses are invented.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

from include.sample_data.catalogue import REGIONS, spelled
from include.sample_data.delivery import DeliveredFile, Row
from include.sample_data.draws import pick, stream, weighted
from include.sample_data.inventory import LAST_SECOND, as_csv
from include.sample_data.london import Moment

DATASET = "customers"
DDL = Path(__file__).with_name("customers.sql")
COLUMNS = ("customer_id", "name", "email", "region", "segment", "registered_at", "updated_at")
REGISTERED = 300  # before the calendar begins
NEW = 5  # a day
EPOCH = date(1996, 1, 1)
FIRST_NAMES = ("Ada", "Björn", "Chloé", "Deepa", "Łukasz", "Ngọc", "Omar", "Zoe\u0308")
LAST_NAMES = ("O'Brien", "Smith, jr.", "García", "李", "Nowak", 'van "Rijn"', "Müller")
SEGMENTS = (("Consumer", 70), ("Small Business", 18), ("Corporate", 9), ("CONSUMER", 3))
#: By customer: why the row must end in quarantine, and the cells that replace its sound ones.
REFUSED: Mapping[int, tuple[str, Mapping[str, str]]] = {
    17: ("not_accepted:region", {"region": "Atlantis"}),
    58: ("bad_pattern:email", {"email": "ask at the counter"}),
    93: ("not_accepted:segment", {"segment": "VIP"}),
    141: ("rule:updated_since_registration", {"updated_at": "1995-12-31 23:59:59+00:00"}),
    202: ("bad_pattern:customer_id", {"customer_id": "C-202"}),
}
KEPT: Mapping[int, Mapping[str, str]] = {
    30: {"region": ""},
    31: {"email": ""},
    44: {"name": "Zoë Ann Smith"},
}


def newcomer(day: date, number: int) -> int:
    """Return the number of one of the ``NEW`` customers who register on a day."""
    return 10_000 + (day - EPOCH).days * NEW + number


def named(number: int) -> str:
    """Return the id of a customer, as all channels write it."""
    return f"CUST{number:04d}"


class CustomersDay:
    """Who is registered, as of one day: a pure function of (seed, day)."""

    def __init__(self, day: date, seed: int) -> None:
        """Plan the day; nothing is made until the rows are read."""
        self.day, self.seed = day, seed

    def file(self) -> DeliveredFile:
        """Return the day's rows as a CSV with a header; NULL is an empty cell."""
        name, header = f"{self.day}.csv", ",".join(COLUMNS)
        return DeliveredFile(DATASET, self.day, name, self.rows, header=header, extracted=True)

    def rows(self) -> Iterator[Row]:
        """Yield the customers from before the calendar, then the day's own."""
        for number in range(1, REGISTERED + 1):
            if number in REFUSED:
                reason, edits = REFUSED[number]
                yield Row(as_csv({**self.cells(number), **edits}), reason=reason)
            else:
                yield Row(as_csv(self.cells(number)), entry=True)
        for place in range(NEW):
            yield Row(as_csv(self.cells(newcomer(self.day, place))), entry=True, stays=True)

    def region(self, number: int) -> str | None:
        """Return the region of a customer who is known on the day, else None."""
        new = newcomer(self.day, 0) <= number < newcomer(self.day, NEW)
        if number in REFUSED or not (new or 1 <= number <= REGISTERED):
            return None
        if KEPT.get(number, {}).get("region") == "":
            return None
        return pick(REGIONS, self._drawn(number)[0])

    def cells(self, number: int) -> dict[str, str]:
        """Return a customer as text per column; the day's first and last lie at its edges."""
        place, first, last, segment, when, written = self._drawn(number)
        region = pick(REGIONS, place)
        if number > REGISTERED:
            turn = number - newcomer(self.day, 0)
            edges = {0: 0, NEW - 1: LAST_SECOND}
            moment = Moment.on(self.day, edges.get(turn, int(when * LAST_SECOND)))
        else:
            moment = Moment.on(EPOCH + timedelta(days=int(when * 1400)), int(place * LAST_SECOND))
        registered = moment.at_home()
        updated = registered + timedelta(days=int(written * 30) if number <= REGISTERED else 0)
        texts = (
            named(number),
            f"{pick(FIRST_NAMES, first)} {pick(LAST_NAMES, last)}",
            f"customer{number}@example.com",
            region if written < 0.9 else spelled(region, last),
            weighted(SEGMENTS, segment),
            registered.isoformat(sep=" "),
            updated.isoformat(sep=" "),
        )
        return {**dict(zip(COLUMNS, texts, strict=True)), **KEPT.get(number, {})}

    def _drawn(self, number: int) -> list[float]:
        draw = stream(self.seed, "customer", number).random
        return [draw() for _ in range(6)]
