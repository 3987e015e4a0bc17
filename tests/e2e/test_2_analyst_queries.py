"""What analysts ask, row by row against DuckDB over the very files that were delivered.

The oracle shares nothing with the pipeline: the contracts' rules are written once more, in SQL and
over the raw text, and averages are taken by Python's decimals.
"""

import gzip
import json
import random
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import pytest

from tests.e2e.conftest import ROOT, WHOLESALE_HEADER, Lake

DAYS = (date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1))
PRODUCTS = (
    ("P001", "Laptop", "Electronics", 999),
    ("P002", "Mouse", "Electronics", 25),
    ("P003", "Keyboard", "Electronics", 75),
    ("P004", "Monitor", "Electronics", 299),
    ("P005", "Desk Chair", "Furniture", 199),
)
Files = dict[str, dict[str, bytes]]


def order(draw: random.Random, number: int, moment: str, **edits: Any) -> dict[str, Any]:
    """An order of the web shop; its total has nothing to do with its quantity."""
    code, name, category, price = draw.choice(PRODUCTS)
    return {
        "transaction_id": f"TXN{number:06d}",
        "timestamp": moment,
        "product_id": code,
        "product_name": name,
        "category": category,
        "quantity": draw.randint(1, 5),
        "unit_price": price,
        "total_amount": round(price * draw.uniform(1, 5), 2),
        "customer_id": f"CUST{draw.randint(1, 60):04d}",
        "region": draw.choice(["North", "South", "East", "West"]),
        "payment_method": draw.choice(["Credit Card", "Debit Card", "PayPal", "Cash"]),
        **edits,
    }


def orders(place: int) -> list[str]:
    """Lines of an arrival day: sound ones, and one of each fault."""
    day, draw = DAYS[place], random.Random(place)
    times = [f"{day}T{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}:00" for _ in range(150)]
    first = place * 1000
    sound = [order(draw, first + n, moment) for n, moment in enumerate(times)]
    noon = f"{day}T12:00:00"
    odd = [
        order(draw, first + 500, f"{day}T23:30:00-05:00"),  # tomorrow at home
        order(draw, first + 501, f"{day}T00:10:00+05:30"),  # yesterday
        order(draw, first + 502, "2024-01-29T23:59:59Z"),  # late, but not too late
        order(draw, first + 503, "2024-01-26T23:59:59"),  # too late
        order(draw, first + 504, noon, region=" n ", payment_method="credit_card"),
        order(draw, first + 505, noon, customer_id=None),
        order(draw, first + 506, noon, quantity=0),
        order(draw, first + 507, noon, quantity="many"),
        order(draw, first + 508, noon, unit_price=-1),
        order(draw, first + 509, noon, total_amount=0),
        order(draw, first + 510, noon, region="Atlantis"),
        order(draw, first + 511, noon, payment_method=None),
        order(draw, first + 512, noon, transaction_id="X-1"),
        order(draw, first + 513, "soon"),
    ]
    lines = [json.dumps(each) for each in [*sound, *odd]]
    return [*lines, lines[7], lines[8][:60]]


def invoices(place: int) -> str:
    """Invoice lines of an arrival day: sound ones, cancellations, duplicates and faults."""
    day, draw = DAYS[place], random.Random(100 + place)
    lines = [
        f"{600000 + 100 * place + n},{20000 + n % 9},ARTICLE {n % 9},{draw.randint(1, 40)},"
        f"{day} {draw.randint(8, 17):02d}:00:00,{draw.randint(5, 900) / 100},"
        f"{draw.choice(['17850.0', '13047.0', '12583', ''])},"
        f"{draw.choice(['United Kingdom', 'EIRE', 'France'])}"
        for n in range(40)
    ]
    cancelled = f"C60{place}001,20001,ARTICLE 1,-3,{day} 09:00:00,2.55,17850.0,EIRE"
    refused = [
        f"60{place}901,20001,ARTICLE 1,-3,{day} 09:00:00,2.55,,EIRE",
        f"60{place}902,20001,ARTICLE 1,0,{day} 09:00:00,2.55,,EIRE",
        f"60{place}903,20001,ARTICLE 1,3,{day} 09:00:00,0.0,,EIRE",
        f"B60{place}90,20001,ARTICLE 1,3,{day} 09:00:00,1.0,,EIRE",
        f"60{place}904,20001,ARTICLE 1,3,{day} 09:00:00,1.0,17A,EIRE",
        f"60{place}905,,ARTICLE 1,3,{day} 09:00:00,1.0,,EIRE",
    ]
    return WHOLESALE_HEADER + "\n".join([*lines, lines[3], cancelled, *refused]) + "\n"


@pytest.fixture(scope="module")
def delivered() -> dict[date, Files]:
    """Files by dataset and day; each day corrects some of the day before's orders."""
    files: dict[date, Files] = {}
    for place, day in enumerate(DAYS):
        lines, corrected = orders(place), []
        for line in orders(place - 1)[:12] if place else []:
            corrected.append(json.dumps({**json.loads(line), "total_amount": 10 + place}))
        plain, packed = "\n".join(lines[:90]), "\n".join([*lines[90:], lines[5], *corrected])
        files[day] = {
            "ecommerce_orders": {
                "a.jsonl": plain.encode(),
                "b.jsonl.gz": gzip.compress(packed.encode(), mtime=0),
            },
            "wholesale_invoices": {"invoices.csv": invoices(place).encode()},
        }
    return files


ORACLE = """
CREATE TABLE web AS
WITH cells AS (
    SELECT arrived, file, number, CASE WHEN json_valid(line) THEN line END AS o
    FROM lines WHERE dataset = 'ecommerce_orders'
), typed AS (
    SELECT arrived, file, number,
        o->>'transaction_id' AS id,
        CASE WHEN regexp_matches(o->>'timestamp', '(Z|[+-][0-9]{2}:[0-9]{2})$')
            THEN timezone('Europe/London', try_cast(o->>'timestamp' AS timestamptz))
            ELSE try_cast(o->>'timestamp' AS timestamp) END::date AS day,
        o->>'product_name' AS product_name,
        o->>'category' AS category,
        try_cast(o->>'quantity' AS bigint) AS quantity,
        try_cast(o->>'unit_price' AS decimal(18, 2)) AS unit_price,
        try_cast(o->>'total_amount' AS decimal(18, 2)) AS total_amount,
        o->>'customer_id' AS customer,
        CASE upper(left(trim(o->>'region'), 1)) WHEN 'N' THEN 'North' WHEN 'S' THEN 'South'
            WHEN 'E' THEN 'East' WHEN 'W' THEN 'West' END AS region,
        replace(lower(o->>'payment_method'), '_', ' ') AS paid
    FROM cells WHERE o IS NOT NULL
), valid AS (
    SELECT * FROM typed
    WHERE regexp_full_match(id, 'TXN[0-9]{6,12}') AND quantity BETWEEN 1 AND 1000
        AND unit_price > 0 AND total_amount > 0 AND region IS NOT NULL
        AND paid IN ('credit card', 'debit card', 'paypal', 'cash')
        AND day BETWEEN arrived - 3 AND arrived
)
SELECT day, product_name, category, total_amount, customer, region FROM valid
QUALIFY row_number() OVER (PARTITION BY id, day ORDER BY arrived DESC, file DESC, number DESC) = 1;

CREATE TABLE wholesale AS
WITH cells AS (
    SELECT DISTINCT string_split(line, ',') AS c FROM lines
    WHERE dataset = 'wholesale_invoices' AND number > 1
), typed AS (
    SELECT c[1] AS invoice, nullif(c[2], '') AS code, c[3] AS product_name,
        try_cast(c[4] AS bigint) AS quantity, try_cast(c[5] AS timestamp)::date AS day,
        try_cast(c[6] AS decimal(18, 2)) AS unit_price, nullif(c[7], '') AS customer, c[8] AS region
    FROM cells
)
SELECT day, product_name, 'Wholesale' AS category,
    (quantity * unit_price)::decimal(18, 2) AS total_amount,
    regexp_replace(customer, '[.]0$', '') AS customer, region
FROM typed
WHERE regexp_full_match(invoice, '[CA]?[0-9]{6}') AND code IS NOT NULL AND quantity <> 0
    AND (quantity < 0) = (invoice LIKE 'C%') AND unit_price > 0
    AND coalesce(regexp_full_match(customer, '[0-9]{5}([.]0)?'), true);

CREATE TABLE sold AS SELECT * FROM web UNION ALL SELECT * FROM wholesale;
"""


@pytest.fixture(scope="module")
def sold(delivered: dict[date, Files]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The table `sold`, made of the delivered text by the oracle."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE lines (arrived date, dataset text, file text, number int, line text)"
        )
        rows = [
            (day, dataset, name, number, line)
            for day, datasets in delivered.items()
            for dataset, files in datasets.items()
            for name, content in files.items()
            for number, line in enumerate(text_of(name, content).splitlines(), start=1)
        ]
        connection.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute(ORACLE)
        yield connection


@pytest.fixture(scope="module")
def published(lake: Lake, delivered: dict[date, Files]) -> Lake:
    """The lake, with the three days published by one run of the DAG."""
    for day, files in delivered.items():
        lake.deliver(day, files)
    lake.run(DAYS[0], DAYS[-1])
    return lake


def text_of(name: str, content: bytes) -> str:
    """A file's text."""
    return (gzip.decompress(content) if name.endswith(".gz") else content).decode()


def wanted(
    sold: duckdb.DuckDBPyConnection, sql: str, average: Mapping[int, tuple[int, int]]
) -> list[list[str | None]]:
    """The oracle's rows; `average` puts sum / count at a place, by the places of both."""
    found = []
    for row in sold.execute(sql).fetchall():
        cells: list[Any] = list(row)
        for place, (total, count) in average.items():
            mean = Decimal(row[total]) / row[count]
            cells.insert(place, mean.quantize(Decimal("0.01"), ROUND_HALF_UP))
        found.append([None if cell is None else str(cell) for cell in cells])
    assert found
    return found


#: Query of sql/analysts: what it is in the oracle's own words, and which averages it has.
SAVED = {
    "sales_by_category": (
        "SELECT category, count(*), sum(total_amount) FROM sold GROUP BY 1 ORDER BY 3 DESC",
        {3: (2, 1)},
    ),
    "daily_sales_trend": (
        "SELECT year(day), month(day), day(day), count(*), sum(total_amount) FROM sold"
        " GROUP BY day ORDER BY day LIMIT 10",
        {},
    ),
    "top_products": (
        "SELECT product_name, count(*), sum(total_amount) FROM sold GROUP BY 1 ORDER BY 3 DESC"
        " LIMIT 5",
        {},
    ),
    "sales_by_region": (
        "SELECT region, count(DISTINCT customer), count(*), sum(total_amount) FROM sold"
        " GROUP BY 1 ORDER BY 4 DESC",
        {},
    ),
    "products_of_a_month": (
        "SELECT product_name, sum(total_amount) FROM sold WHERE month(day) = 1"
        " GROUP BY 1 ORDER BY 2 DESC",
        {},
    ),
}


def test_every_saved_query_is_asked() -> None:
    saved = {file.stem for file in (ROOT / "sql" / "analysts").glob("*.sql")}
    assert saved == {*SAVED}


def test_the_oracle_itself(sold: duckdb.DuckDBPyConnection) -> None:
    """Counted by hand."""
    per_day = "SELECT day, count(*) FROM {} GROUP BY day ORDER BY day"
    first, *days = (date(2024, 1, 29), *DAYS)
    # of a day 150 orders and two odd ones; one of the day after; of the first, the late ones too
    assert sold.execute(per_day.format("web")).fetchall() == [
        (first, 3 + 1),
        (days[0], 152 + 1),
        (days[1], 152 + 1),
        (days[2], 152),
    ]
    assert sold.execute(per_day.format("wholesale")).fetchall() == [(day, 41) for day in days]


@pytest.mark.parametrize("name", sorted(SAVED))
def test_a_saved_query_equals_the_oracle(
    published: Lake, sold: duckdb.DuckDBPyConnection, name: str
) -> None:
    """As it is saved; the lake of these tests has other days too, which are left out."""
    ours = f"sale_date BETWEEN DATE '2024-01-29' AND DATE '{DAYS[-1]}'"
    these = f"WITH transactions AS (SELECT * FROM sales_analytics.transactions WHERE {ours})"
    saved = (ROOT / "sql" / "analysts" / f"{name}.sql").read_text()
    assert published.query(f"{these}\n{saved}") == wanted(sold, *SAVED[name])


def test_the_daily_summary_equals_the_oracle(
    published: Lake, sold: duckdb.DuckDBPyConnection
) -> None:
    found = published.query(
        "SELECT year, month, day, category, transaction_count, total_sales, avg_sale"
        f" FROM daily_sales_summary WHERE sale_date BETWEEN DATE '2024-01-29' AND DATE '{DAYS[-1]}'"
        " ORDER BY year, month, day, category"
    )
    oracle = (
        "SELECT year(day), month(day), day(day), category, count(*), sum(total_amount) FROM sold"
        " GROUP BY day, category ORDER BY day, category"
    )
    assert found == wanted(sold, oracle, {6: (5, 4)})


def test_the_monthly_summary_equals_the_oracle(
    published: Lake, sold: duckdb.DuckDBPyConnection
) -> None:
    found = published.query(
        "SELECT category, region, year, month, transactions, total_revenue, avg_transaction"
        " FROM monthly_summary WHERE year = 2024 AND month IN (1, 2)"
        " ORDER BY year, month, category, region"
    )
    oracle = (
        "SELECT category, region, year(day), month(day), count(*), sum(total_amount) FROM sold"
        " GROUP BY 1, 2, 3, 4 ORDER BY 3, 4, 1, 2"
    )
    assert found == wanted(sold, oracle, {6: (5, 4)})
