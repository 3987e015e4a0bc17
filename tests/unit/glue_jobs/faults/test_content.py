"""Hostile content: clock changes, odd encodings, numbers and formulas, all in one run of the job.

Faults 18, 19, 21 and 24, and file names of 22 and 25. Results are read from the files that the job
wrote; what they should be is worked out here in other ways (zoneinfo, Decimal, DuckDB).
"""

import csv
import gzip
import io
import json
import random
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake
from tests.unit.glue_jobs.faults.books import books, build_twice, reasons
from tests.unit.glue_jobs.lake_folder import LakeFolder

LONDON = ZoneInfo("Europe/London")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # of 23 and of 25 hours
FIRST, LAST = "2026-03-30", "2026-10-26"  # arrival days: the days after the clocks changed
WEB, VENDOR = "ecommerce_orders", "vendor_sales"
VENDOR_HEADER = "Vendor;Doc No;Doc Type;Doc Date;Article No;Article;Group;Qty;Price;Amount;Region"


def order(number: int, moment: Any, **values: Any) -> str:
    """A line of the web shop; ``Decimal`` values stand in it as numbers with those very digits."""
    row = {
        "transaction_id": f"TXN{number:06}",
        "timestamp": moment,
        "product_id": "P1",
        "product_name": "Tea",
        "category": "Food",
        "quantity": 2,
        "unit_price": 1.25,
        "total_amount": 2.5,
        "customer_id": None,
        "region": "North",
        "payment_method": "Cash",
    } | values
    text = json.dumps(row, default=lambda value: f"<{value}>", ensure_ascii=False)
    return text.replace('"<', "").replace('>"', "") + "\n"


def document(number: int, **values: str) -> str:
    """A line of a vendor's file."""
    row = {
        "Vendor": "V017",
        "Doc No": f"{number:06}",
        "Doc Type": "Sale",
        "Doc Date": "30/03/2026 10:05",
        "Article No": "P001",
        "Article": "Mouse",
        "Group": "Electronics",
        "Qty": "2",
        "Price": "1,25",
        "Amount": "2,50",
        "Region": "South",
    } | values
    target = io.StringIO()
    csv.writer(target, delimiter=";", lineterminator="\n").writerow(row.values())
    return target.getvalue()


# --- 18: every half hour of the days around a clock change, written in four ways


def half_hours(changing: date) -> list[datetime]:
    """All instants of the day before, of and after a clock change, half an hour apart."""
    start = datetime.combine(changing - timedelta(days=1), datetime.min.time(), LONDON)
    end = datetime.combine(changing + timedelta(days=2), datetime.min.time(), LONDON)
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    return [
        first + timedelta(minutes=30 * n) for n in range((last - first) // timedelta(minutes=30))
    ]


def written(instant: datetime, way: int) -> str:
    if way == 0:
        return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
    if way == 1:
        return instant.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(" ")
    if way == 2:
        return instant.astimezone(timezone(timedelta(hours=-11))).isoformat(timespec="microseconds")
    return instant.astimezone(LONDON).replace(tzinfo=None).isoformat(" ")


@dataclass(frozen=True)
class Sold:
    instant: datetime
    way: int

    @property
    def seen(self) -> datetime:
        """What the text says: written without offset, the second 01:30 is the first one's text."""
        if self.way == 3:
            return self.instant.astimezone(LONDON).replace(fold=0).astimezone(UTC)
        return self.instant


SOLD = {
    number: Sold(instant, way)
    for number, (instant, way) in enumerate(
        (
            (instant, way)
            for day in (SPRING, AUTUMN)
            for instant in half_hours(day)
            for way in range(4)
        ),
        start=1,
    )
}
#: moments that are none, or that no business day within reach holds
NO_MOMENTS: dict[int, tuple[Any, str]] = {
    row: (moment, reason)
    for row, (moment, reason) in enumerate(
        [
            ("0001-01-01T00:00:00", "too_late:ordered_at"),
            ("0001-01-01T00:00:00+14:00", "invalid:ordered_at"),
            ("0000-00-00T00:00:00", "invalid:ordered_at"),
            ("-0001-01-01T00:00:00", "invalid:ordered_at"),
            ("9999-12-31T23:59:59Z", "in_future:ordered_at"),
            ("9999-12-31T23:59:59-12:00", "invalid:ordered_at"),
            ("10000-01-01T00:00:00", "invalid:ordered_at"),
            ("+292278994-08-17T07:12:55", "invalid:ordered_at"),
            (1774742400, "invalid:ordered_at"),
            (1774742400000, "invalid:ordered_at"),
            (1774742400000000, "invalid:ordered_at"),
            ("1774742400000", "invalid:ordered_at"),
            ("2026-02-29T10:00:00", "invalid:ordered_at"),
            ("2026-03-29T24:00:00", "invalid:ordered_at"),
            ("2026-03-29T10:00:60", "invalid:ordered_at"),
            ("29/03/2026 10:00", "invalid:ordered_at"),
            ("2026-03-29T10:00:00+25:00", "invalid:ordered_at"),
            ("2026-03-30T23:00:00Z", "in_future:ordered_at"),  # midnight in summer time
        ],
        start=1,
    )
}

# --- 19: one text in many encodings

CAFE = "Café Ångström"
DECOMPOSED = unicodedata.normalize("NFD", CAFE)
TEXTS = "".join(
    [
        order(2001, f"{FIRST}T10:00:00", product_name=CAFE),
        order(2002, f"{FIRST}T10:00:00", product_name=f" \u00a0{DECOMPOSED}\t"),
        json.dumps(json.loads(order(2003, f"{FIRST}T10:00:00", product_name=DECOMPOSED))) + "\n",
        order(2004, f"{FIRST}T10:00:00", product_name="\u212bngstr\u00f6m \U0001f375 \u0e01\u0e33"),
    ]
).encode()
TEXTS += b"\n".join(
    [
        order(2005, f"{FIRST}T10:00:00", product_name=CAFE).strip().encode("latin-1"),
        order(2006, f"{FIRST}T10:00:00").strip().encode("utf-16"),
        order(2007, f"{FIRST}T10:00:00").strip().encode() + b"\0",
        order(2008, f"{FIRST}T10:00:00").strip().replace("Tea", "T\0a").encode(),
        order(2009, f"{FIRST}T10:00:00", product_name="last").encode(),
    ]
)
TEXTS += "".join(
    order(2010 + n, f"{FIRST}T10:00:00").replace("Tea", escape)
    for n, escape in enumerate(
        [
            r"\ud83c\udf75",
            r"\ud83c",
            r"\udf75\ud83c",
            r"\\ud83c",
            r"\\\ud83c",
            r"T\u0000",
            r"\u00e9",
        ]
    )
).encode()
VENDOR_TEXTS = (
    f"\ufeff{VENDOR_HEADER}\n".encode()
    + document(1, Article=CAFE).encode()
    + document(2, Article=DECOMPOSED, Region=unicodedata.normalize("NFD", "SÜD")).encode()
    + document(3, Article=CAFE).encode("latin-1")
    + document(4, Article="Mo\0use").encode()
    + document(5, Article="two\r\nlines").encode()
)

# --- 21: numbers as people write them, against DuckDB

NUMBERS = (
    *("1.234,56", "1,25", "0,5", "+7", "12", "1.000", "12.345.678,9", "0,1000", "2,50"),
    *(
        "12.50",
        "1,234.56",
        "1e2",
        "NaN",
        "Infinity",
        "-",
        "",
        "1e400",
        "9" * 39,
        "1,005",
        "0",
        "-1",
    ),
    *("0x10", "1 000,00", "£5", "\uff11\uff12", "1..234", ",5", "5,", "10.000.000.000.000.000,00"),
)
JSON_NUMBERS: dict[int, tuple[str, str | None]] = {
    row: (text, reason)
    for row, (text, reason) in enumerate(
        [
            ("19.10", None),
            ("1.1e1", None),
            ("9999999999999999.99", None),
            ("0.1", None),
            ("1e400", "invalid:total_amount"),
            ("-1e400", "invalid:total_amount"),
            ("NaN", "invalid:total_amount"),
            ("Infinity", "invalid:total_amount"),
            ("-Infinity", "invalid:total_amount"),
            ("1" * 39, "invalid:total_amount"),
            ("0.005", "invalid:total_amount"),
            ('"1.234,56"', "invalid:total_amount"),
            ("-1", "out_of_range:total_amount"),
            ("0", "out_of_range:total_amount"),
            ("-0.00", "out_of_range:total_amount"),
            ("null", "required:total_amount"),
            ("[1]", "invalid:total_amount"),
            ("true", "invalid:total_amount"),
            ("01", "unreadable"),
            ("1.", "unreadable"),
            ("0x10", "unreadable"),
        ],
        start=1,
    )
}


def drawn_documents(count: int) -> str:
    draw = random.Random(21)
    lines = [VENDOR_HEADER + "\n"]
    for number in range(count):
        kind = draw.choice(["Sale", "Return"])
        lines.append(
            document(
                100000 + number,
                **{
                    "Doc Type": kind,
                    "Qty": ("-" if kind == "Return" else "") + str(draw.randint(0, 30)),
                    "Price": draw.choice([*NUMBERS, *["1.234,56"] * 20]),
                    "Amount": ("-" if kind == "Return" else "") + draw.choice(NUMBERS),
                },
            )
        )
    return "".join(lines)


#: Which rows pass and what they are worth, said once more in another engine.
NUMBERS_ORACLE = r"""
WITH delivered AS (
    SELECT *,
        '[+-]?([0-9]+|[0-9]{1,3}([.][0-9]{3})+)(,[0-9]+)?' AS number_,
        replace(replace(Price, '.', ''), ',', '.') AS price_,
        replace(replace(Amount, '.', ''), ',', '.') AS amount_,
        CAST(Qty AS BIGINT) AS quantity_
    FROM read_csv('{file}', all_varchar = true, header = true, delim = ';')
), typed AS (
    SELECT "Doc Type" AS kind, quantity_,
        CASE WHEN regexp_full_match(Price, number_)
            THEN TRY_CAST(price_ AS DECIMAL(38, 6)) END AS p,
        CASE WHEN regexp_full_match(Amount, number_)
            THEN TRY_CAST(amount_ AS DECIMAL(38, 6)) END AS a
    FROM delivered
)
SELECT count(*), sum(quantity_), sum(p), sum(a), sum(quantity_ * p), count_if(quantity_ * p <> a)
FROM typed
WHERE p > 0 AND p < 1e16::DECIMAL(38, 6) AND p = round(p, 2)
    AND abs(a) < 1e16::DECIMAL(38, 6) AND a = round(a, 2)
    AND quantity_ <> 0 AND (kind = 'Return') = (a < 0)
"""

# --- 24: what a spreadsheet would run

FORMULAS = (
    *("=1+1", "+SUM(A1:A9)", "-2+3", "@SUM(1)", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0"),
    *("'; DROP TABLE retail_silver.sales; --", "${jndi:ldap://x}", "{{ ti.xcom_pull() }}", "%s%n"),
    *("<script>alert(1)</script>", "../../etc/passwd", "NULL", "\\N", "a\\nb", 'quo"te'),
)

# --- 22, 25: names that mean something to a shell, a path or SQL

NAMES = (
    *("a'); DROP TABLE sales;--.jsonl", "a..b.jsonl", "$(id).jsonl", "-rf.jsonl"),
    *(
        "=cmd|calc.jsonl",
        "%2e%2e%2fx.jsonl.gz",
        "a+b c.jsonl",
        "#x?y=1&z.jsonl.gz",
        "{{ ds }}.jsonl",
    ),
    *("tab\tnew\nline.jsonl", "u\u0308.jsonl", "back\\slash.jsonl", "~.jsonl"),
)


@dataclass(frozen=True)
class Run:
    folder: LakeFolder
    manifest: dict[str, Any]

    def sales(self, name: str, columns: str) -> list[tuple[Any, ...]]:
        """Columns of the sales of a file, in the order of its rows."""
        return self.folder.query(
            f"SELECT {columns} FROM sales WHERE source_file LIKE '%/{name}' ORDER BY source_row"
        )


@pytest.fixture(scope="module")
def run(spark: SparkSession, lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = LakeFolder(tmp_path_factory.mktemp("content") / "lake")
    for arrival, changing in ((FIRST, SPRING), (LAST, AUTUMN)):
        around = {changing - timedelta(days=1), changing, changing + timedelta(days=1)}
        rows = [
            order(number, written(sold.instant, sold.way))
            for number, sold in SOLD.items()
            if sold.seen.astimezone(LONDON).date() in around
        ]
        folder.put(WEB, arrival, f"clock-{arrival}.jsonl", "".join(rows))
    moments = [order(1000 + row, moment) for row, (moment, _) in NO_MOMENTS.items()]
    folder.put(WEB, FIRST, "moments.jsonl", "".join(moments))
    folder.put(WEB, FIRST, "texts.jsonl", TEXTS)
    folder.put(VENDOR, FIRST, "texts.csv", VENDOR_TEXTS)
    numbers = [
        order(3000 + row, f"{FIRST}T10:00:00", total_amount=0).replace('": 0,', f'": {text},')
        for row, (text, _) in JSON_NUMBERS.items()
    ]
    folder.put(WEB, FIRST, "numbers.jsonl", "".join(numbers))
    folder.put(VENDOR, FIRST, "numbers.csv", drawn_documents(1200))
    formulas = [document(200000 + n, Article=text) for n, text in enumerate(FORMULAS)]
    folder.put(VENDOR, FIRST, "formulas.csv", VENDOR_HEADER + "\n" + "".join(formulas))
    for number, name in enumerate(NAMES):
        folder.put(WEB, FIRST, name, order(4000 + number, f"{FIRST}T10:00:00"))
    small = replace(lake, contracts=(lake.contract(WEB), lake.contract(VENDOR)))
    return Run(folder, build_twice(spark, small, folder, FIRST, LAST))


def test_each_instant_falls_in_one_business_day_of_the_zone(run: Run) -> None:
    expected = {
        f"TXN{number:06}": (
            sold.seen.astimezone(LONDON).date(),
            sold.seen.strftime("%Y-%m-%d %H:%M"),
        )
        for number, sold in SOLD.items()
    }
    found = run.sales(
        "clock-%",
        "transaction_id, sale_date, strftime(sold_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M')",
    )
    assert {key: (day, at) for key, day, at in found} == expected
    assert len(found) == len(expected)


def test_days_of_23_and_25_hours_have_46_and_50_half_hours(run: Run) -> None:
    found = run.folder.query(
        "SELECT sale_date, count(DISTINCT sold_at), count(*) FROM sales"
        " WHERE source_file LIKE '%/clock-%' GROUP BY 1 ORDER BY 1"
    )
    assert [(day, instants) for day, instants, _ in found] == [
        (date(2026, 3, 28), 48), (SPRING, 46), (date(2026, 3, 30), 48),
        (date(2026, 10, 24), 48), (AUTUMN, 50), (date(2026, 10, 26), 48),
    ]  # fmt: skip
    assert sum(rows for *_, rows in found) == len(SOLD)


def test_moments_that_are_none_are_refused_by_row(run: Run) -> None:
    assert reasons(run.folder, "moments.jsonl") == {
        row: reason for row, (_, reason) in NO_MOMENTS.items()
    }


def test_text_is_trimmed_and_composed_however_it_was_written(run: Run) -> None:
    assert run.sales("texts.jsonl", "source_row, product_name") == [
        (1, CAFE), (2, CAFE), (3, CAFE), (4, "Ångström \U0001f375 \u0e01\u0e33"), (9, "last"),
        (10, "\U0001f375"), (13, r"\ud83c"), (16, "é"),
    ]  # fmt: skip
    assert run.sales("texts.csv", "source_row, product_name, region") == [
        (2, CAFE, "South"), (3, CAFE, "South"), (6, "two\r\nlines", "South"),
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_refused_by_row(run: Run) -> None:
    assert reasons(run.folder, "texts.jsonl") == dict.fromkeys(
        (5, 6, 7, 8, 11, 12, 14, 15), "unreadable"
    )
    assert reasons(run.folder, "texts.csv") == dict.fromkeys((4, 5), "unreadable")


def test_numbers_in_json_are_exact_or_refused(run: Run) -> None:
    refused = {row: reason for row, (_, reason) in JSON_NUMBERS.items() if reason}
    assert reasons(run.folder, "numbers.jsonl") == refused
    assert run.sales("numbers.jsonl", "total_amount, calculated_total, amount_matches") == [
        (Decimal(text).quantize(Decimal("0.01")), Decimal("2.50"), False)
        for text, reason in JSON_NUMBERS.values()
        if reason is None
    ]


def test_numbers_as_people_write_them_are_what_duckdb_reads(run: Run) -> None:
    file = run.folder.root / f"bronze/{VENDOR}/ingest_date={FIRST}/numbers.csv"
    expected = duckdb.sql(NUMBERS_ORACLE.replace("{file}", str(file))).fetchone()
    assert expected is not None
    assert expected[0] > 100
    found = run.folder.query(
        "SELECT count(*), sum(quantity), sum(unit_price), sum(total_amount), sum(calculated_total),"
        " count_if(NOT amount_matches) FROM sales WHERE source_file LIKE '%/numbers.csv'"
    )
    assert found == [expected]


def test_formulas_and_code_stay_what_they_were(run: Run) -> None:
    assert [name for (name,) in run.sales("formulas.csv", "product_name")] == list(FORMULAS)


def test_names_are_never_paths_patterns_or_code(run: Run) -> None:
    found = run.folder.query(
        "SELECT transaction_id, source_file FROM sales WHERE transaction_id LIKE 'TXN004%'"
    )
    folder = f"bronze/{WEB}/ingest_date={FIRST}"
    assert dict(found) == {f"TXN{4000 + n:06}": f"{folder}/{name}" for n, name in enumerate(NAMES)}


def content(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_every_row_is_in_the_books(run: Run) -> None:
    found = books(run.manifest)
    lines = {
        path.name: content(path).count(b"\n") - (path.suffix == ".csv")
        for path in Path(run.folder.root).glob("bronze/*/*/*")
    }
    lines["texts.csv"] -= 1  # one record has two lines
    assert {name: book[0] for name, book in found.items()} == lines
    assert all(book[3] == 0 for book in found.values())
