"""What a run's page says, worked out by hand from what a run left; and the query for its charts."""

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from include.lake.contracts import load_lake
from include.lake.run_report import FEW, SHOWN, RunReport
from include.lake.values import UnsafeValueError

REPORT = RunReport(load_lake())


def sold(chart: str, label: str, revenue: str, series: str = "") -> dict[str, str]:
    return {"chart": chart, "label": label, "series": series, "revenue": revenue}


FACTS: dict[str, Any] = {
    "release": "r20240516_0123456789ab",
    "run_id": "manual__1",
    "days": ("2024-05-16", "2024-05-17"),
    "affected_days": ["2024-05-15", "2024-05-16", "2024-05-17"],
    "written": "2024-05-18 05:03 UTC",
    "ledger": [
        {"dataset": "orders", "source_file": "bronze/orders/a.jsonl", "rows_in": 1200}
        | {"silver": 1190, "quarantined": 7, "duplicates": 3},
        {"dataset": "vendor", "source_file": "bronze/vendor/b.csv", "rows_in": 5}
        | {"silver": 5, "quarantined": 0, "duplicates": 0},
    ],
    "quarantine": {"orders": {"required:id": 2, "invalid:price": 5}},
    "sales": [
        sold("day", "2024-05-15", "999.00", "web"),
        sold("day", "2024-05-16", "1000.10", "web"),
        sold("day", "2024-05-16", "-200.05", "store"),
        sold("day", "2024-05-17", "500.00", "web"),
        sold("category", "Garden", "100.05"),
        sold("category", "Kitchen", "1200.00"),
        sold("region", "North", "1300.05"),
        sold("product", "Lamp", "700.00", "P1"),
        sold("product", "Lamp", "600.05", "P2"),
    ],
    "checks": [
        {"mart": "daily", "check_name": "keys", "severity": "fail", "observed": "0"}
        | {"passed": True},
        {"mart": "daily", "check_name": "rows", "severity": "warn", "observed": "3 of 9"}
        | {"passed": False},
    ],
    "restatements": [
        {"mart": "daily", "row_key": '{"sale_date": "2024-05-15", "channel": "web"}'}
        | {"measure": "revenue", "old_value": None, "new_value": "999.00"}
    ],
    "costs": [
        {"kind": "crawl", "table_name": "bronze", "quantity": "24.000", "amount": "0.14666667"},
        {"kind": "glue_job", "table_name": "silver", "quantity": "40", "amount": "0.01466667"},
        *[
            {"kind": "athena", "table_name": "daily", "quantity": "1000", "amount": "0.00004768"}
            for _ in range(2)
        ],
    ],
    "estimate": {"amount": "0.0157", "basis": "last 3 releases", "input_bytes": 1_834_221},
}


def table(page: dict[str, Any], title: str) -> dict[str, Any]:
    (found,) = (each for each in page["tables"] if each["title"].startswith(title))
    return found


def test_the_figures_at_its_head() -> None:
    page = REPORT.page(FACTS)
    assert page["title"] == "Sales of 16 May 2024 to 17 May 2024"
    assert {each["label"]: (each["value"], each["alarm"]) for each in page["figures"]} == {
        "Revenue": ("£1,300.05", False),  # the two days of the run alone
        "Rows delivered": ("1,205", False),
        "Refused": ("7", True),
        "Checks passed": ("1 of 2", True),
        "Restated": ("1", True),
        "Cost": ("0.16 USD", False),
    }


def test_the_books() -> None:
    page = REPORT.page(FACTS)
    assert table(page, "Where")["rows"] == [
        ["orders", "a.jsonl", "1,200", "1,190", "7", "3"],
        ["vendor", "b.csv", "5", "5", "0", "0"],
    ]
    assert table(page, "Why")["rows"] == [
        ["orders", "invalid:price", "5"],
        ["orders", "required:id", "2"],
    ]
    checks = table(page, "Checks")
    assert checks["rows"] == [["warn: not passed", "daily", "rows", "3 of 9"]]
    assert checks["more"] == [["passed", "daily", "keys", "0"]], "what passed is to be unfolded"
    assert table(page, "What changed")["rows"] == [
        ["daily", "sale_date 2024-05-15, channel web", "revenue", "none", "999.00"]
    ]
    cost = table(page, "Cost")
    assert cost["rows"] == [
        ["Crawl", "bronze", "1", "24 DPU-seconds", "0.15 USD"],
        ["Glue job", "silver", "1", "40 DPU-seconds", "0.0147 USD"],
        ["Athena statements", "daily", "2", "2.0 kB", "0.0001 USD"],
    ]
    assert "0.16 USD at list prices; 0.0157 USD was estimated" in cost["text"]
    assert "last 3 releases, 1.8 MB delivered" in cost["text"]


def test_the_charts() -> None:
    days, categories, _, products = REPORT.page(FACTS)["charts"]
    assert days["labels"] == ["2024-05-15", "2024-05-16", "2024-05-17"]
    assert days["series"] == {
        "store": ["0", "-200.05", "0"],
        "web": ["999.00", "1000.10", "500.00"],
    }
    assert days["rows"][1] == ["2024-05-16", "-£200.05", "£1,000.10", "£800.05"]
    assert categories["rows"] == [["Kitchen", "£1,200.00"], ["Garden", "£100.05"]]
    assert products["labels"] == ["Lamp", "Lamp"]


def test_a_day_on_which_nothing_happened() -> None:
    nothing = dict.fromkeys(("ledger", "sales", "checks", "restatements", "costs"), ())
    page = REPORT.page({**FACTS, **nothing, "quarantine": {}, "estimate": {}})
    assert [each["value"] for each in page["figures"]] == [
        "£0.00", "0", "0", "0 of 0", "0", "0.00 USD",
    ]  # fmt: skip
    assert all(each["labels"] == [] for each in page["charts"])
    assert not any(each["alarm"] for each in page["figures"])


def test_a_long_table_is_cut_and_says_so() -> None:
    many = FACTS["restatements"] * (SHOWN + 1)
    changed = table(REPORT.page({**FACTS, "restatements": many}), "What changed")
    assert len(changed["rows"]) == FEW
    assert len(changed["rows"] + changed["more"]) == SHOWN
    assert changed["text"].startswith("201 values changed;")
    assert changed["text"].endswith("The first 200 of 201.")


def test_one_query_gives_what_the_charts_show() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA sales_analytics")
        for name, keys, rows in (
            ("daily_sales", "channel", "('2024-05-17', 'web', 7.5), ('2024-05-04', 'web', 1)"),
            ("sales_by_category", "category", "('2024-05-17', 'Garden', 7.5)"),
            ("regional_sales", "region", "('2024-05-17', 'North', 7.5), ('2024-05-16', 'X', 9)"),
        ):
            connection.execute(
                f"CREATE TABLE sales_analytics.{name} AS SELECT CAST(d AS date) AS sale_date,"
                f" k AS {keys}, CAST(r AS decimal(18,2)) AS revenue"
                f" FROM (VALUES {rows}) t (d, k, r)"
            )
        connection.execute(
            "CREATE TABLE sales_analytics.sales_by_product_region AS"
            " SELECT DATE '2024-05-17' AS sale_date, 'P' || n AS product_id, NULL::varchar AS"
            " product_name, CAST(n AS decimal(18,2)) AS revenue FROM range(1, 13) t (n)"
        )
        found = connection.execute(REPORT.query("2024-05-17", "2024-05-17")).fetchall()
    assert sorted(row for row in found if row[0] != "product") == [
        ("category", "Garden", "", "7.50"),
        ("day", "2024-05-04", "web", "1.00"),  # 14 days are shown
        ("day", "2024-05-17", "web", "7.50"),
        ("region", "North", "", "7.50"),
    ]
    products = {row[1]: Decimal(row[3]) for row in found if row[0] == "product"}
    assert products == {f"P{n}": Decimal(n) for n in range(3, 13)}


def test_only_days_get_into_the_query() -> None:
    with pytest.raises(UnsafeValueError):
        REPORT.query("2024-05-17' OR 1=1 --", "2024-05-17")
