from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lake.contracts import Column
from retail_transforms import typed as module
from retail_transforms.typed import arrow_type, typed

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
            "0000-01-01T00:00:00": None,  # the calendar begins with the year 1
            "0001-01-01T00:00:00+14:00": None,
            "9999-12-31T23:59:59-08:00": None,
            "9999-12-31T23:59:59": "9999-12-31 23:59:59",
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


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


EXPECTED = [
    (column, text, moment(value) if value and column.type == "timestamp" else value)
    for column, text, value in CASES
]


@pytest.mark.parametrize("together", [True, False])
def test_every_value_fits_exactly_or_is_null(together: bool) -> None:
    """Alone, and beside all others of its column: how a value is read does not show."""
    found: list[tuple[Column, str | None, Any]] = []
    for column in {id(column): column for column, *_ in CASES}.values():
        texts = [text for each, text, _ in CASES if each is column]
        for some in [texts] if together else [[text] for text in texts]:
            values = typed(column, pa.array(some, pa.string()))
            assert values.type == arrow_type(column)
            found += zip([column] * len(some), some, values.to_pylist(), strict=True)
    assert sorted(found, key=str) == sorted(EXPECTED, key=str)


def test_plain_values_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("read one by one")

    monkeypatch.setattr(module, "_one_by_one", never)
    for column, text, value in (
        (MONEY, "19.1000", Decimal("19.10")),
        (GERMAN, "1.234,56", Decimal("1234.56")),
        (WHOLE, "2.0", 2),
        (LONDON, "2026-07-10T10:00:00", moment("2026-07-10 09:00:00")),
        (REGION, "NORTH", "North"),
        (FLAG, "Yes", True),
    ):
        assert typed(column, pa.array([text, None, text])).to_pylist() == [value, None, value]


NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.decimals(-(10**17), 10**17, places=2).map(str),
    st.from_regex(r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}(e[+-]?[0-9]{1,3})?", fullmatch=True),
)


@given(st.lists(NUMBERS, min_size=1, max_size=5), st.sampled_from([MONEY, WHOLE]))
def test_numbers_are_what_pythons_decimal_says(texts: list[str], column: Column) -> None:
    def expected(text: str) -> Decimal | int | None:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return None
        if abs(number.adjusted()) > 999 or (number == 0 and abs(number.as_tuple().exponent) > 999):
            return None
        if column is WHOLE:
            fits = number == number.to_integral_value() and -(2**63) <= number < 2**63
            return int(number) if fits else None
        fits = abs(number) < 10**16 and number * 100 == (number * 100).to_integral_value()
        return number if fits else None

    with localcontext(prec=2000, Emax=99999, Emin=-99999):
        assert typed(column, pa.array(texts)).to_pylist() == list(map(expected, texts))


FIRST, LAST = datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30")


@given(st.lists(st.datetimes(FIRST, LAST), min_size=1, max_size=5))
def test_times_are_what_pythons_zones_say(moments: list[datetime]) -> None:
    texts = [at.isoformat() for at in moments]
    found = typed(LONDON, pa.array(texts)).to_pylist()
    zone = ZoneInfo("Europe/London")
    assert found == [at.replace(tzinfo=zone).astimezone(UTC) for at in moments]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (MONEY, pa.array([Decimal("19.100")], pa.decimal128(20, 3)), Decimal("19.10")),
        (MONEY, pa.array([Decimal("19.105")], pa.decimal128(20, 3)), None),
        (MONEY, pa.array([7], pa.int32()), Decimal(7)),
        (WHOLE, pa.array([7], pa.uint8()), 7),
        (WHOLE, pa.array([Decimal("2.5")]), None),
        (LONDON, pa.array([1783674000000], pa.timestamp("ms")), "2026-07-10 08:00:00"),
        (LONDON, pa.array([10**18 + 1], pa.timestamp("ns", "UTC")), "2001-09-09 01:46:40"),
        (DAY, pa.array([date(2026, 2, 28)]), date(2026, 2, 28)),
        (FLAG, pa.array([True]), True),
        (REGION, pa.array(["N"]), "North"),
        (REGION, pa.array([5]), "5"),
    ],
)
def test_values_of_parquet_are_cast_exactly(
    column: Column, values: pa.Array, expected: Any
) -> None:
    want = moment(expected) if column is LONDON else expected
    assert typed(column, values).to_pylist() == [want]
