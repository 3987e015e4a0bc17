"""What was planted in the sample data, held against what the lake made of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from include.lake.contracts import load_lake
from include.laptop import queries

SUMS = ("transactions", "units", "revenue")
SUMMED = "count(*) AS transactions, sum(quantity) AS units, sum(total_amount) AS revenue"
REGION = "coalesce(region, 'Unknown') AS region"
REGIONS = f"SELECT CAST(sale_date AS varchar), channel, {REGION}, {SUMMED} FROM transactions"
CATEGORY = "coalesce(category, 'Unknown') AS category"
CATEGORIES = f"SELECT CAST(sale_date AS varchar), {CATEGORY}, {SUMMED} FROM transactions"

Key = tuple[str, ...]


def faults(workgroup: str, truth: Mapping[str, Any]) -> list[str]:
    """Prints how many planted faults ended in quarantine; returns what is not as planted.

    Args:
        workgroup: The pipeline's: analysts see no quarantine.
        truth: The sample data's truth file.
    """
    lake = load_lake()
    sql = (
        "SELECT dataset, reason, count(*) AS rows_refused "
        f"FROM {lake.ops_database}.quarantine AS refused "
        f"INNER JOIN {lake.ops_database}.published AS published "
        "ON published.table_name = 'quarantine' AND published.release = refused.release "
        "AND CAST(published.ingest_date AS date) = refused.ingest_date GROUP BY 1, 2"
    )
    _, rows, _ = queries.run(sql, workgroup, lake.ops_database)
    found: dict[Key, int] = {(str(row[0]), str(row[1])): int(str(row[2])) for row in rows}
    wanted: dict[Key, int] = {
        (dataset, reason): count
        for dataset, reasons in truth["quarantine"].items()
        for reason, count in reasons.items()
    }
    lines: list[list[str | None]] = []
    for dataset in sorted({name for name, _ in found | wanted}):
        counts = [
            {reason: count for (name, reason), count in books.items() if name == dataset}
            for books in (wanted, found)
        ]
        lines.append([dataset, *(str(n) for c in counts for n in (sum(c.values()), len(c)))])
    print("\nplanted faults, and what is in quarantine")
    print(queries.as_table(["dataset", "planted", "reasons", "found", "reasons"], lines))
    return compare("quarantine", found, wanted)


def regions(workgroup: str, truth: Mapping[str, Any]) -> list[str]:
    """Compares the sales by day, channel and region; returns what is not as planted."""
    wanted: dict[Key, Any] = {
        (day, channel, region): sums
        for day, channels in truth["sales_by_region"].items()
        for channel, by_region in channels.items()
        for region, sums in by_region.items()
    }
    return _sales("regions", f"{REGIONS} GROUP BY 1, 2, 3", workgroup, wanted)


def categories(workgroup: str, truth: Mapping[str, Any]) -> list[str]:
    """Compares the sales by day and category; returns what is not as planted."""
    wanted: dict[Key, Any] = {
        (day, category): sums
        for day, by_category in truth["sales_by_category"].items()
        for category, sums in by_category.items()
    }
    return _sales("categories", f"{CATEGORIES} GROUP BY 1, 2", workgroup, wanted)


def compare(what: str, found: Mapping[Key, object], wanted: Mapping[Key, object]) -> list[str]:
    """A line for each key whose values differ."""
    return [
        f"{what} {'/'.join(key)}: {found.get(key)}, planted {wanted.get(key)}"
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    ]


def _sales(
    what: str, sql: str, workgroup: str, planted: Mapping[Key, Mapping[str, Any]]
) -> list[str]:
    _, rows, _ = queries.run(sql, workgroup, load_lake().analytics_database)
    split = -len(SUMS)
    found = {
        tuple(map(str, row[:split])): [Decimal(str(cell)) for cell in row[split:]] for row in rows
    }
    wanted = {key: [Decimal(str(sums[name])) for name in SUMS] for key, sums in planted.items()}
    wrong = compare(what, found, wanted)
    right = len(wanted) - sum(1 for line in wrong if not line.endswith("planted None"))
    print(f"{what}: {right} of {len(wanted)} sums of the transactions are as planted")
    return wrong
