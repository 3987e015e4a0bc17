"""Orders in the shape of the seed's generator, as the web shop would drop them over 30 days."""

import json
import random
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

FIRST = date(2026, 1, 1)
DAYS = 30
ROWS_PER_FILE = 7500  # about 2 MB, as in the reference measurement
PRODUCTS = (
    ("P001", "Laptop", "Electronics", 99900),
    ("P002", "Mouse", "Electronics", 2550),
    ("P003", "Keyboard", "Electronics", 7525),
    ("P004", "Monitor", "Electronics", 29995),
    ("P005", "Desk Chair", "Furniture", 19910),
)
REGIONS = ("North", "South", "East", "West")
PAYMENTS = ("Credit Card", "Debit Card", "PayPal", "Cash")


@dataclass(frozen=True)
class Drop:
    """What was generated: the inputs.json of all days, and the rows in it by kind."""

    inputs: dict[str, Any]
    rows: int
    duplicates: int
    refused: int
    bytes: int


def generate(root: Path, rows: int, seed: int = 1) -> Drop:
    """Writes ``rows`` orders below ``root/bronze``: one in 50 a repetition, one in 200 not valid.

    A third of the files hold late orders of the day before as well.
    """
    draw = random.Random(seed)
    files = max(-(-rows // ROWS_PER_FILE), DAYS)
    entries, number, duplicates, refused = [], 0, 0, 0
    for index in range(files):
        day = FIRST + timedelta(days=index * DAYS // files)
        share = rows * (index + 1) // files - rows * index // files
        lines: list[str] = []
        for _ in range(share):
            if lines and draw.random() < 0.02 and not lines[-1].startswith('{"transaction_id": ""'):
                lines.append(lines[-1])
                duplicates += 1
                continue
            number += 1
            late = index % 3 == 0 and draw.random() < 0.05
            bad = draw.random() < 0.005
            refused += bad
            lines.append(_order(draw, number, day - timedelta(days=late), bad))
        key = f"bronze/ecommerce_orders/ingest_date={day}/orders-{index:05}.jsonl"
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), encoding="utf-8")
        entries.append(
            {"ingest_date": f"{day}", "key": key, "size": path.stat().st_size, "etag": "x"}
        )
    last = FIRST + timedelta(days=DAYS - 1)
    inputs = {
        "release": "r20260101_0123456789ab",
        "window": {"from": f"{FIRST}", "to": f"{last}"},
        "time_zone": "Europe/London",
        "lake_bucket": f"file://{root}",
        "datasets": {"ecommerce_orders": entries},
        "upstream": [],
        "replaced": [],
        "erased": [],
    }
    return Drop(inputs, rows, duplicates, refused, sum(int(str(e["size"])) for e in entries))


def _order(draw: random.Random, number: int, day: date, bad: bool) -> str:
    code, name, category, price = draw.choice(PRODUCTS)
    quantity = draw.randint(1, 5)
    second = draw.randrange(86400)
    clock = time(second // 3600, second // 60 % 60, second % 60)
    order = {
        "transaction_id": "" if bad else f"TXN{number:09d}",
        "timestamp": f"{day}T{clock}",
        "product_id": code,
        "product_name": name,
        "category": category,
        "quantity": quantity,
        "unit_price": price / 100,
        "total_amount": price * quantity / 100,
        "customer_id": f"CUST{draw.randint(1, 100):04d}",
        "region": draw.choice(REGIONS),
        "payment_method": draw.choice(PAYMENTS),
    }
    return json.dumps(order) + "\n"
