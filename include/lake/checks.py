"""The quality checks of a mart, as one statement over its staged table.

A mart is never half-checked: the statement returns one row per check whatever the data, and a
check that cannot tell (its expression is null although there are rows) has failed.
"""

from dataclasses import dataclass

from include.lake import values
from include.lake.marts import Mart

SALES = "retail_silver.sales"


@dataclass(frozen=True)
class _Check:
    """``observed`` and ``passed`` are expressions over the one row of ``gold`` and ``silver``."""

    name: str
    severity: str
    observed: str
    passed: str


def check_names(mart: Mart) -> tuple[str, ...]:
    """The names of all checks of a mart, in the order in which they are defined."""
    return tuple(check.name for check in _checks(mart))


def check_sql(mart: Mart, staged_table: str, release: str) -> str:
    """One SELECT: a row per check with check_name, severity, observed (varchar), passed (boolean).

    Checked are: rows exist if silver has any; the grain is unique; required columns have no null;
    what the header says reconciles with silver does so exactly; the header's own checks. The
    staged table and the release's silver rows are each scanned once.

    Args:
        mart: the mart.
        staged_table: ``database.table`` that ``Mart.ctas`` built (or a Template of it).
        release: its release (or a Template of it).

    Raises:
        UnsafeValueError: an argument is not what it should be.
    """
    checks = _checks(mart)
    gold = ",\n        ".join(_gold(mart))
    silver = ",\n        ".join(_silver(mart))
    names = ",\n    ".join(f"('{check.name}', '{check.severity}')" for check in checks)
    observed = "\n        ".join(f"WHEN '{check.name}' THEN {check.observed}" for check in checks)
    passed = "\n        ".join(f"WHEN '{check.name}' THEN {check.passed}" for check in checks)
    return f"""WITH gold AS (
    SELECT
        {gold}
    FROM {values.table(staged_table)}
),
silver AS (
    SELECT
        {silver}
    FROM {SALES}
    WHERE release = '{values.release(release)}'
)
SELECT
    checks.check_name,
    checks.severity,
    CASE checks.check_name
        {observed}
    END AS observed,
    CASE checks.check_name
        {passed}
    END AS passed
FROM (VALUES
    {names}
) AS checks (check_name, severity)
CROSS JOIN gold
CROSS JOIN silver
ORDER BY checks.check_name"""


def _gold(mart: Mart) -> list[str]:
    """Aggregates over the staged table, in one pass."""
    grain = ", ".join(mart.grain)
    wanted = ["count(*) AS row_count", f"count(DISTINCT ROW({grain})) AS distinct_count"]
    for column in mart.columns:
        if column.required:
            wanted.append(f"count(*) - count({column.name}) AS nulls_{column.name}")
        if column.reconciles_with:
            wanted.append(f"{_exact(f'sum({column.name})')} AS sum_{column.name}")
    return wanted + [f"({check.sql}) AS check_{check.name}" for check in mart.checks]


def _silver(mart: Mart) -> list[str]:
    """The same numbers, straight from the release's sales."""
    return [
        "count(*) AS row_count",
        *(
            f"{_exact(column.reconciles_with)} AS sum_{column.name}"
            for column in mart.columns
            if column.reconciles_with
        ),
    ]


def _exact(aggregate: str) -> str:
    """Comparable to the cent; an empty table has zero of everything."""
    return f"CAST(coalesce({aggregate}, 0) AS decimal(38,2))"


def _checks(mart: Mart) -> list[_Check]:
    checks = [
        _Check(
            "rows_exist",
            "fail",
            "CAST(gold.row_count AS varchar)",
            "gold.row_count > 0 OR silver.row_count = 0",
        ),
        _Check(
            "grain_unique",
            "fail",
            "CAST(gold.row_count - gold.distinct_count AS varchar)",
            "gold.row_count = gold.distinct_count",
        ),
    ]
    for column in mart.columns:
        if column.required:
            nulls = f"gold.nulls_{column.name}"
            name = f"not_null_{column.name}"
            checks.append(_Check(name, "fail", f"CAST({nulls} AS varchar)", f"{nulls} = 0"))
        if column.reconciles_with:
            ours, theirs = f"gold.sum_{column.name}", f"silver.sum_{column.name}"
            checks.append(
                _Check(
                    f"reconciles_{column.name}",
                    "fail",
                    f"concat(CAST({ours} AS varchar), ' of ', CAST({theirs} AS varchar))",
                    f"{ours} = {theirs}",
                )
            )
    for check in mart.checks:
        result = f"gold.check_{check.name}"
        checks.append(
            _Check(
                check.name,
                check.severity,
                f"CAST({result} AS varchar)",
                f"coalesce({result}, gold.row_count = 0)",
            )
        )
    return checks
