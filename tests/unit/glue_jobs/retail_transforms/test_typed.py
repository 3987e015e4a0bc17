from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from include.lake.contracts import Column
from retail_transforms.typed import reading, typed

ISO = "yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]"
MONEY = Column("x", "x", "decimal", precision=18, scale=2)
GERMAN = Column(
    "x", "x", "decimal", precision=18, scale=2, decimal_separator=",", grouping_separator="."
)
FRENCH = Column("x", "x", "decimal", precision=18, scale=2, decimal_separator=",")
SWISS = Column("x", "x", "decimal", precision=18, scale=2, grouping_separator="'")
WHOLE = Column("x", "x", "integer")
DOZENS = Column("x", "x", "integer", decimal_separator=",", grouping_separator=".")
LONDON = Column("x", "x", "timestamp", formats=(ISO,), time_zone="Europe/London")
KOLKATA = Column("x", "x", "timestamp", formats=("dd/MM/yyyy HH:mm",), time_zone="Asia/Kolkata")
DAY = Column("x", "x", "date", formats=("yyyy-MM-dd", "dd.MM.yyyy"))
FLAG = Column("x", "x", "boolean")
REGION = Column("x", "x", "string", aliases={"n": "North", "north": "North"})


CASES: list[tuple[Column, str | None, Any]] = [
    # money: exact or refused, never rounded
    *[
        (MONEY, text, Decimal(value))
        for text, value in {
            "19.10": "19.10",
            "19.1": "19.10",
            "+7": "7.00",
            ".5": "0.50",
            "5.": "5.00",
            "-0.01": "-0.01",
            "1.100000000000000000000000": "1.10",
            "9999999999999999.99": "9999999999999999.99",
            "123456789012345.67": "123456789012345.67",
            "1.5e3": "1500.00",
            "1910e-2": "19.10",
            "12E+2": "1200.00",
        }.items()
    ],
    *[
        (MONEY, text, None)
        for text in (
            "19.105", "0.001", "19.1000000000000000000001", "10000000000000000.00", "1e400",
            "1e-400", "1" * 39, "0." + "0" * 40 + "1", "1.234,56", "1,234.56", "£5", "NaN",
            "Infinity", "-", ".", "1e", "0x10", "1 000", "\uff11\uff12", "true",
        )
    ],
    # separators as the contract says: a point that groups never becomes one before decimals
    *[
        (GERMAN, text, Decimal(value))
        for text, value in {
            "1.234,56": "1234.56", "1234,56": "1234.56", "-0,5": "-0.50", "+7": "7.00",
            "12.345.678": "12345678.00", "1.234": "1234.00", "2,50": "2.50",
            "9.999.999.999.999.999,99": "9999999999999999.99", "0,1000": "0.10",
        }.items()
    ],
    *[
        (GERMAN, text, None)
        for text in (
            "12.50", "1.23,45", "1,234.56", "1.2345,00", ".234", "1..234", "1.234.", "12,", ",5",
            "2,505", "1.5e3", "1,5e3", "1 234,56", "1'234,56", "10.000.000.000.000.000,00", "--1",
        )
    ],
    (FRENCH, "1234,56", Decimal("1234.56")),
    (FRENCH, "1.234,56", None),
    (FRENCH, "1234.56", None),
    (SWISS, "1'234.56", Decimal("1234.56")),
    (SWISS, "1,234.56", None),
    *[
        (DOZENS, text, value)
        for text, value in {"1.200": 1200, "-1.200": -1200, "24": 24, "3,0": 3, "1.20": None,
            "2,5": None, "9.223.372.036.854.775.807": 2**63 - 1}.items()
    ],
    # whole numbers
    *[
        (WHOLE, text, value)
        for text, value in {
            "2": 2, "2.0": 2, "2.000": 2, "-3": -3, "1e2": 100, "007": 7,
            "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63),
        }.items()
    ],
    *[
        (WHOLE, text, None)
        for text in ("2.5", "two", "9223372036854775808", "-9223372036854775809", "1e19", "1e400")
    ],
    # instants: naive on the zone's clock, offsets honoured, clock changes
    *[
        (LONDON, text, value)
        for text, value in {
            "2026-01-10T10:00:00": "2026-01-10 10:00:00",
            "2026-07-10 10:00:00": "2026-07-10 09:00:00",
            "2026-07-10T10:00:00.123456": "2026-07-10 09:00:00.123456",
            "2026-07-10T10:00:00Z": "2026-07-10 10:00:00",
            "2026-07-10T10:00:00+05:30": "2026-07-10 04:30:00",
            "2026-07-10T10:00:00.500000-08:00": "2026-07-10 18:00:00.5",
            "2026-03-29T01:30:00": "2026-03-29 01:30:00",  # skipped: moved on by the hour
            "2026-10-25T01:30:00": "2026-10-25 00:30:00",  # twice: the first
            "0001-01-01T00:00:00": "0001-01-01 00:01:15",  # before clocks had zones
            "0000-01-01T00:00:00": "0000-01-01 00:01:15",
            "2026-07-10T24:00:00": None,
            "2026-07-10T10:00:60": None,
            "2026-7-1T1:00:00": None,
            "2026-13-10T10:00:00": None,
            "2026-02-30T10:00:00": None,
            "2026-07-10": None,
            "1752141600": None,
            "yesterday": None,
            "2026-07-10T10:00:00 Mars/Base": None,
        }.items()
    ],
    (KOLKATA, "10/07/2026 10:00", "2026-07-10 04:30:00"),
    (KOLKATA, "07/13/2026 10:00", None),
    (DAY, "2026-02-28", date(2026, 2, 28)),
    (DAY, "28.02.2026", date(2026, 2, 28)),
    (DAY, "2026-02-30", None),
    (FLAG, "true", True),
    (FLAG, "F", False),
    (FLAG, "0", False),
    (FLAG, "maybe", None),
    (REGION, "NORTH", "North"),
    (REGION, "n", "North"),
    (REGION, "Mars", "Mars"),
]  # fmt: skip


def test_every_value_fits_exactly_or_is_null(spark: SparkSession) -> None:
    columns = list({id(column): column for column, *_ in CASES}.values())
    found: dict[tuple[int, str | None], Any] = {}
    for column in columns:
        texts = [(text,) for each, text, _ in CASES if each is column]
        frame = spark.createDataFrame(texts, "text string")
        value = typed(column, reading(column, F.col("text")))
        if column.type == "timestamp":  # as text in UTC: Python would show this machine's clock
            value = value.cast("string")
        for row in frame.select("text", value.alias("value")).collect():
            found[id(column), row.text] = row.value
    wrong = [
        (column.type, text, found[id(column), text], expected)
        for column, text, expected in CASES
        if found[id(column), text] != expected
    ]
    assert not wrong
    assert len(found) == len(CASES)
