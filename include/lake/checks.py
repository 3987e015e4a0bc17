"""The quality checks of a mart, as one statement over its staged table.

They follow from the mart's header and from the contracts. A mart is never half-checked: the
statement returns one row per check whatever the data, and a check that cannot tell (its expression
is null although there are rows) has failed.

===================  ========  =====================================================================
``rows_exist``       fail      there are rows if silver has any
``right_days``       fail      it has the business days that silver has, and no other
``grain_unique``     fail      no two rows of one grain
``not_null_<c>``     fail      of a required column
``range_<c>``        fail      ``minimum`` and ``maximum``
``accepted_<c>``     fail      ``accepted``: a list, or the contracts' channels
``reconciles_<c>``   fail      each day's sum is that of the day's silver sales, to the cent
``<name>``           as said   the header's ``checks``, for each day
``known_<c>``        warn      ``references``: what looks like a snapshot's key is in it
``fresh``            warn      the release's last day has rows
``fresh_<channel>``  warn      and so has every channel: each contract delivers every day
``rows_as_usual``    warn      half to twice as many rows as on the published days before
===================  ========  =====================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from include.lake import values
from include.lake.contracts import Lake
from include.lake.marts import CHANNELS, DAY, Mart, MartColumn

#: Published days before the release that ``rows_as_usual`` looks back, and how many it needs.
USUAL_DAYS, ENOUGH_DAYS = 14, 7

_DAY = f"coalesce(gold.{DAY}, silver.{DAY})"


@dataclass(frozen=True)
class _Check:
    """One check.

    Attributes:
        passed: aggregate over the days, each of them a row of ``gold`` and one of ``silver`` or
            nulls, beside the one row of ``usual``.
        observed: the same, as text.
        gold: what it needs of each day's rows in the mart, by name.
        silver: what it needs of each day's sales, by name.
    """

    name: str
    observed: str
    passed: str
    gold: Mapping[str, str] = field(default_factory=dict)
    silver: Mapping[str, str] = field(default_factory=dict)
    severity: Literal["fail", "warn"] = "fail"


def check_names(lake: Lake, mart: Mart) -> dict[str, str]:
    """Severity by name of all checks of a mart, in the order in which they are defined."""
    return {check.name: check.severity for check in _checks(lake, mart, ("", ""))}


def check_sql(
    lake: Lake, mart: Mart, staged_table: str, release: str, days: tuple[str, str]
) -> str:
    """One SELECT: a row per check with check_name, severity, observed (varchar), passed (boolean).

    The staged table, the release's sales and snapshots and the mart's partitions of the days before
    (each was published once) are each scanned once; of the latter only rows are counted.

    Args:
        lake: the contracts.
        mart: the mart.
        staged_table: ``database.table`` that ``Mart.ctas`` built (or a Template of it).
        release: its release (or a Template of it).
        days: first and last business day that the release is for (or Templates of them).

    Raises:
        UnsafeValueError: an argument is not what it should be.
    """
    first, last = map(values.day, days)
    checks = _checks(lake, mart, (first, last))
    gold = {name: sql for check in checks for name, sql in check.gold.items()}
    silver = {name: sql for check in checks for name, sql in check.silver.items()}
    only = f"WHERE release = '{values.release(release)}'"
    return f"""WITH gold AS (
    SELECT
        {_listed({DAY: DAY, **gold})}
    FROM {values.table(staged_table)} AS mart{_references(lake, mart, only)}
    GROUP BY {DAY}
),
silver AS (
    SELECT
        {_listed({DAY: DAY, **silver})}
    FROM {lake.silver_database}.sales
    {only}
    GROUP BY {DAY}
),
usual AS (
    SELECT count(DISTINCT ROW({DAY}, release)) AS day_count, count(*) AS row_count
    FROM {lake.gold_database}.{mart.name}
    WHERE {DAY} BETWEEN DATE '{first}' - INTERVAL '{USUAL_DAYS}' DAY
        AND DATE '{first}' - INTERVAL '1' DAY
),
seen AS (
    SELECT
        {_listed({f"observed_{check.name}": check.observed for check in checks})},
        {_listed({f"passed_{check.name}": check.passed for check in checks})}
    FROM gold
    FULL OUTER JOIN silver ON gold.{DAY} = silver.{DAY}
    CROSS JOIN usual
)
SELECT
    checks.check_name,
    checks.severity,
    CASE checks.check_name
        {_chosen("observed", checks)}
    END AS observed,
    CASE checks.check_name
        {_chosen("passed", checks)}
    END AS passed
FROM (VALUES
    {_rows(checks)}
) AS checks (check_name, severity)
CROSS JOIN seen
ORDER BY checks.check_name"""


def accepted_values(lake: Lake, column: MartColumn) -> tuple[str, ...]:
    """The values that a column may have; empty means any."""
    if column.accepted == CHANNELS:
        return tuple(sorted(str(contract.channel) for contract in lake.channels))
    return tuple(column.accepted)


def reference_pattern(lake: Lake, column: MartColumn) -> str:
    """What the keys of a column's reference look like; other values are of another system."""
    (contract,) = (each for each in lake.snapshots if each.snapshot == column.references)
    return contract.column(column.name).pattern or ".*"


def _checks(lake: Lake, mart: Mart, days: tuple[str, str]) -> list[_Check]:
    checks = [
        _Check(
            "rows_exist",
            _text("coalesce(sum(gold.row_count), 0)"),
            "coalesce(sum(gold.row_count), 0) > 0 OR coalesce(sum(silver.row_count), 0) = 0",
            gold={"row_count": "count(*)"},
            silver={"row_count": "count(*)"},
        ),
        _each_day("right_days", f"gold.{DAY} = silver.{DAY}", _text(f"count(gold.{DAY})")),
        _none_wrong("grain_unique", f"count(*) - count(DISTINCT ROW({', '.join(mart.grain)}))"),
    ]
    for column in mart.columns:
        checks += _of_column(lake, column)
    for check in mart.checks:
        held = f"gold.check_{check.name}"
        number, total = f"coalesce(count_if({held}), 0)", f"count(gold.{DAY})"
        seen = f"concat({_text(number)}, ' of ', {_text(total)})"
        day_held = f"gold.{DAY} IS NULL OR {held}"
        gold = {f"check_{check.name}": f"({check.sql})"}
        checks.append(_each_day(check.name, day_held, seen, gold, severity=check.severity))
    return checks + _warnings(lake, mart, days)


def _of_column(lake: Lake, column: MartColumn) -> list[_Check]:
    name, found = column.name, []
    exempt = "" if column.required else f"{name} IS NULL OR "
    if column.required:
        found.append(_none_wrong(f"not_null_{name}", f"count(*) - count({name})"))
    if within := _within(column):
        wrong = f"count_if(NOT coalesce({exempt}{within}, false))"
        bounds = {f"low_{name}": f"min({name})", f"high_{name}": f"max({name})"}
        low, high = _text(f"min(gold.low_{name})"), _text(f"max(gold.high_{name})")
        found.append(_none_wrong(f"range_{name}", wrong, f"concat({low}, ' to ', {high})", bounds))
    if accepted := accepted_values(lake, column):
        listed = ", ".join(map(values.literal, accepted))
        wrong = f"count_if(NOT coalesce({exempt}{name} IN ({listed}), false))"
        found.append(_none_wrong(f"accepted_{name}", wrong))
    if column.reconciles_with:
        ours, theirs = f"gold.sum_{name}", f"silver.sum_{name}"
        total = (
            f"concat({_text(_exact(f'sum({ours})'))}, ' of ', {_text(_exact(f'sum({theirs})'))})"
        )
        found.append(
            _each_day(
                f"reconciles_{name}",
                f"{_exact(ours)} = {_exact(theirs)}",
                total,
                {f"sum_{name}": _exact(f"sum({name})")},
                {f"sum_{name}": _exact(column.reconciles_with)},
            )
        )
    if column.references:
        pattern = values.literal(f"^(?:{reference_pattern(lake, column)})$")
        wrong = f"count_if(known_{name} IS NULL AND regexp_like({name}, {pattern}))"
        found.append(_none_wrong(f"known_{name}", wrong, severity="warn"))
    return found


def _warnings(lake: Lake, mart: Mart, days: tuple[str, str]) -> list[_Check]:
    """What may be right and wants a look: the day is not there, or is not as others were."""

    def fresh(name: str, newest: str, gold: Mapping[str, str] | None = None) -> _Check:
        passed = f"coalesce({newest} >= DATE '{days[1]}', false)"
        return _Check(name, _text(newest), passed, gold or {}, severity="warn")

    found = [fresh("fresh", f"max(gold.{DAY})")]
    for column in mart.columns:
        for channel in accepted_values(lake, column) if column.accepted == CHANNELS else ():
            newest = f"max(CASE WHEN {column.name} = {values.literal(channel)} THEN {DAY} END)"
            gold = {f"last_{channel}": newest}
            found.append(fresh(f"fresh_{channel}", f"max(gold.last_{channel})", gold))
    few = f"usual.day_count < {ENOUGH_DAYS} OR gold.{DAY} IS NULL"
    rows = "gold.row_count * usual.day_count"
    like_others = f"{rows} * 2 >= usual.row_count AND {rows} <= usual.row_count * 2"
    low, high = _text("min(gold.row_count)"), _text("max(gold.row_count)")
    before = f"{_text('max(usual.row_count)')}, ' on ', {_text('max(usual.day_count)')}"
    seen = f"concat({low}, ' to ', {high}, '; before ', {before}, ' days')"
    found.append(_each_day("rows_as_usual", f"{few} OR ({like_others})", seen, severity="warn"))
    return found


def _within(column: MartColumn) -> str:
    """What says that a value is within the column's bounds; empty if it has none."""
    bounds = {">=": column.minimum, "<=": column.maximum}
    return " AND ".join(
        f"{column.name} {sign} {bound}" for sign, bound in bounds.items() if bound is not None
    )


def _each_day(
    name: str,
    held: str,
    seen: str,
    gold: Mapping[str, str] | None = None,
    silver: Mapping[str, str] | None = None,
    severity: Literal["fail", "warn"] = "fail",
) -> _Check:
    """A condition that must hold on every day; what was seen, and the first day it did not hold."""
    broken = f"NOT coalesce({held}, false)"
    first = f"min(CASE WHEN {broken} THEN {_DAY} END)"
    observed = f"concat({seen}, coalesce('; first on ' || {_text(first)}, ''))"
    return _Check(
        name, observed, f"coalesce(count_if({broken}), 0) = 0", gold or {}, silver or {}, severity
    )


def _none_wrong(
    name: str,
    wrong: str,
    seen: str | None = None,
    gold: Mapping[str, str] | None = None,
    severity: Literal["fail", "warn"] = "fail",
) -> _Check:
    """A number of rows that must be zero."""
    total = f"coalesce(sum(gold.wrong_{name}), 0)"
    measured = {f"wrong_{name}": wrong, **(gold or {})}
    return _Check(name, seen or _text(total), f"{total} = 0", measured, severity=severity)


def _references(lake: Lake, mart: Mart, only: str) -> str:
    """Joins the keys of the snapshots that the mart's columns reference."""
    return "".join(
        f"\n    LEFT JOIN (SELECT DISTINCT {name} AS known_{name} FROM "
        f"{lake.silver_database}.{column.references} {only}) AS of_{name}"
        f"\n        ON of_{name}.known_{name} = mart.{name}"
        for column in mart.columns
        if column.references
        for name in [column.name]
    )


def _exact(sql: str) -> str:
    """Comparable to the cent; an empty table has zero of everything."""
    return f"CAST(coalesce({sql}, 0) AS decimal(38,2))"


def _text(sql: str) -> str:
    return f"CAST({sql} AS varchar)"


def _listed(columns: Mapping[str, str]) -> str:
    return ",\n        ".join(
        sql if name == sql else f"{sql} AS {name}" for name, sql in columns.items()
    )


def _chosen(what: str, checks: list[_Check]) -> str:
    return "\n        ".join(f"WHEN '{each.name}' THEN seen.{what}_{each.name}" for each in checks)


def _rows(checks: list[_Check]) -> str:
    return ",\n    ".join(f"('{check.name}', '{check.severity}')" for check in checks)
