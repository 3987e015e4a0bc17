"""What was sold, as charts: one query for all of them, and what each shows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from include.lake import values

#: Days that the chart by day shows at least, and products in the chart of products.
DAYS, PRODUCTS = 14, 10
POUNDS = "£"

Row = Mapping[str, Any]


def query(database: str, first: str, last: str) -> str:
    """One statement for all charts: chart, label, series and revenue, all text.

    Args:
        database: of the analysts' views.
        first: first business day of the run (ISO).
        last: last business day of the run (ISO).
    """
    start, end = values.iso_date(first), values.iso_date(last)
    earliest = min(start, end - timedelta(days=DAYS - 1))
    within = f"sale_date BETWEEN DATE '{start}' AND DATE '{end}'"
    shown = f"sale_date BETWEEN DATE '{earliest}' AND DATE '{end}'"
    product = "coalesce(max(product_name), product_id)"
    parts = [
        _part("day", "CAST(sale_date AS varchar)", "channel", f"{database}.daily_sales", shown),
        _part("category", "category", "''", f"{database}.sales_by_category", within),
        _part("region", "region", "''", f"{database}.regional_sales", within),
        f"SELECT * FROM (SELECT 'product', {product}, product_id, CAST(sum(revenue) AS varchar)"
        f" FROM {database}.sales_by_product_region WHERE {within} GROUP BY product_id"
        f" ORDER BY sum(revenue) DESC, product_id LIMIT {PRODUCTS})",
    ]
    return "\nUNION ALL\n".join(parts)


def charts(sales: Sequence[Row], first: str, last: str) -> Iterable[dict[str, Any]]:
    """The charts of a run of the days ``first`` to ``last``, from the rows of ``query``."""
    by_day = [row for row in sales if row["chart"] == "day"]
    days = sorted({str(row["label"]) for row in by_day})
    channels = sorted({str(row["series"]) for row in by_day})
    amounts = {(row["label"], row["series"]): Decimal(row["revenue"]) for row in by_day}
    yield {
        "title": "Revenue by business day and channel",
        "unit": POUNDS,
        "horizontal": False,
        "wide": True,
        "labels": days,
        "series": {
            channel: [str(amounts.get((day, channel), Decimal(0))) for day in days]
            for channel in channels
        },
        "columns": ["Day", *(f"#{channel}" for channel in channels), "#All"],
        "rows": [
            [
                day,
                *(pounds(amounts.get((day, channel), Decimal(0))) for channel in channels),
                pounds(revenue(row for row in by_day if row["label"] == day)),
            ]
            for day in days
        ],
    }
    for chart, title in (
        ("category", "Revenue by product category"),
        ("region", "Revenue by region"),
        ("product", f"The {PRODUCTS} products that brought in most"),
    ):
        rows = sorted(
            (row for row in sales if row["chart"] == chart),
            key=lambda row: (-Decimal(row["revenue"]), str(row["label"])),
        )
        yield {
            "title": f"{title}, {span(first, last)}",
            "unit": POUNDS,
            "horizontal": True,
            "wide": chart == "product",
            "labels": [str(row["label"]) for row in rows],
            "series": {"Revenue": [str(row["revenue"]) for row in rows]},
            "columns": [chart.capitalize(), "#Revenue"],
            "rows": [[str(row["label"]), pounds(Decimal(row["revenue"]))] for row in rows],
        }


def revenue(rows: Iterable[Row]) -> Decimal:
    """Sum of the rows' revenue."""
    return sum((Decimal(row["revenue"]) for row in rows), Decimal("0.00"))


def pounds(amount: Decimal) -> str:
    """An amount of sales for people."""
    return f"{'-' if amount < 0 else ''}{POUNDS}{abs(amount):,.2f}"


def span(first: str, last: str) -> str:
    """One day, or a range, for people."""
    days = [f"{date.fromisoformat(day):%-d %B %Y}" for day in dict.fromkeys((first, last))]
    return " to ".join(days)


def _part(chart: str, label: str, series: str, table: str, where: str) -> str:
    revenue = "CAST(sum(revenue) AS varchar)"
    return (
        f"SELECT '{chart}' AS chart, {label} AS label, {series} AS series, {revenue} AS revenue"
        f" FROM {table} WHERE {where} GROUP BY 1, 2, 3"
    )
