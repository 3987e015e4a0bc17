"""Real wholesale invoices through the DAG, against DuckDB over the very same CSV files."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.e2e.conftest import ROOT, WHOLESALE_HEADER, Lake

ONLINE_RETAIL = ROOT.parent / "shared" / "data" / "online-retail"
REAL_DAYS = [date(2010, 12, 1), date(2010, 12, 2), date(2010, 12, 3)]

# What the contract says, written once more in another engine: which rows are refused, that exact
# duplicates count once, and what a line is worth.
ORACLE = """
WITH delivered AS (
    SELECT * REPLACE (nullif(trim(Description), '') AS Description)
    FROM read_csv($file, all_varchar = true, header = true)
), judged AS (
    SELECT *,
        coalesce(regexp_full_match(InvoiceNo, '[CA]?[0-9]{6}'), false)
        AND nullif(trim(StockCode), '') IS NOT NULL
        AND try_cast(Quantity AS BIGINT) <> 0
        AND (InvoiceNo LIKE 'C%') = (try_cast(Quantity AS BIGINT) < 0)
        AND try_cast(UnitPrice AS DECIMAL(18, 2)) > 0
        AND coalesce(regexp_full_match(CustomerID, '[0-9]{5}([.]0)?'), true)
        AND nullif(trim(Country), '') IS NOT NULL AS valid
    FROM delivered
), kept AS (
    SELECT DISTINCT * EXCLUDE (Quantity, UnitPrice),
        CAST(Quantity AS BIGINT) AS quantity,
        CAST(Quantity AS BIGINT) * CAST(UnitPrice AS DECIMAL(18, 2)) AS amount
    FROM judged WHERE valid
)
SELECT
    (SELECT count(*) FROM delivered) AS rows_in,
    (SELECT count(*) FROM kept) AS silver,
    (SELECT count(*) FROM judged WHERE valid IS NOT TRUE) AS quarantined,
    coalesce(sum(amount), 0)::DECIMAL(18, 2) AS revenue,
    coalesce(sum(amount) FILTER (quantity < 0), 0)::DECIMAL(18, 2) AS returns,
    coalesce(sum(quantity), 0)::BIGINT AS units
FROM kept
"""

# Hand-made in the real format; also what proves the pipeline where the real data is not at hand.
SAMPLE = (
    WHOLESALE_HEADER
    + """\
536365,85123A,"HEART, WHITE, HANGING",6,2011-03-01 08:26:00,2.55,17850.0,United Kingdom
536365,85123A,"HEART, WHITE, HANGING",6,2011-03-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,WHITE METAL LANTERN ,6,2011-03-01 08:26:00,3.39,17850.0,United Kingdom
536366,22633,HAND WARMER,2,2011-03-01 08:28:00,1.85,,EIRE
C536379,D,Discount,-1,2011-03-01 09:41:00,27.5,14527.0,United Kingdom
536414,22139,,56,2011-03-01 11:52:00,0.0,,United Kingdom
536589,21777,,-10,2011-03-01 16:50:00,4.25,,United Kingdom
536590,21778,TWELVE,twelve,2011-03-01 16:51:00,4.25,,United Kingdom
"""
)
SAMPLE_DAY = date(2011, 3, 1)


def oracle(file: Path) -> dict[str, int | Decimal]:
    result = duckdb.execute(ORACLE, {"file": str(file)})
    names = [column[0] for column in result.description]
    row = result.fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def compare(lake: Lake, files: dict[date, Path]) -> None:
    """Delivers the files, runs their range once, and compares books and money per day."""
    for day, file in files.items():
        lake.deliver(day, {"wholesale_invoices": {file.name: file.read_bytes()}})
    report = lake.run(min(files), max(files))
    ledger = {
        entry["source_file"].rsplit("/", 1)[1]: entry
        for entry in report["ledger"]
        if entry["dataset"] == "wholesale_invoices"
    }
    for day, file in files.items():
        wanted = oracle(file)
        entry = ledger[file.name]
        assert entry["rows_in"] == wanted["rows_in"]
        assert entry["quarantined"] == wanted["quarantined"]
        assert entry["silver"] == wanted["silver"]
        assert entry["duplicates"] == (
            wanted["rows_in"] - wanted["silver"] - wanted["quarantined"]  # type: ignore[operator]
        )
        found = lake.query(
            "SELECT revenue, returns, units FROM daily_sales"
            f" WHERE sale_date = DATE '{day}' AND channel = 'wholesale'"
        )
        numbers = [Decimal(str(cell)) for cell in found[0]]
        assert numbers == [wanted["revenue"], wanted["returns"], wanted["units"]], day


def test_the_oracle_itself_on_a_hand_made_day(tmp_path: Path) -> None:
    file = tmp_path / "sample.csv"
    file.write_text(SAMPLE)
    assert oracle(file) == {
        "rows_in": 8,
        "silver": 4,
        "quarantined": 3,
        "revenue": Decimal("11.84"),  # 6 x 2.55 + 6 x 3.39 + 2 x 1.85 - 27.50
        "returns": Decimal("-27.50"),
        "units": 13,
    }


@pytest.mark.skipif(ONLINE_RETAIL.is_dir(), reason="real days are here and go the same way")
def test_a_hand_made_day_equals_the_oracle(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "sample.csv"
    file.write_text(SAMPLE)
    compare(lake, {SAMPLE_DAY: file})


@pytest.mark.skipif(not ONLINE_RETAIL.is_dir(), reason="the UCI Online Retail files are not here")
def test_three_real_days_equal_the_oracle_to_the_cent(lake: Lake) -> None:
    compare(lake, {day: ONLINE_RETAIL / f"{day}.csv" for day in REAL_DAYS})
