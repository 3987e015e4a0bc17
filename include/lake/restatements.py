"""Restatements: what a release changes of numbers that readers have seen already.

A release rebuilds business days that may be published: late rows, a corrected file. Before it is
published, its marts are compared with the published ones, value by value. A day that nobody has
seen yet is not restated, nor is a mart that is new.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from include.lake import values
from include.lake.marts import DAY, Mart
from include.lake.releases import Pointer

TABLE = "restatements"
_TEXT = "CAST(NULL AS varchar)"


def restated_days(base: Pointer, affected_days: Iterable[date]) -> tuple[date, ...]:
    """The affected business days that readers have seen."""
    seen = {row.sale_date for row in base if row.table == "sales"}
    return tuple(sorted(day for day in affected_days if day in seen))


def statement(
    marts: Sequence[Mart],
    staged: Mapping[str, str],
    base: Pointer,
    affected_days: Collection[date],
    release: str,
    window: tuple[date, date],
    databases: tuple[str, str],
) -> str | None:
    """The query for everything that a release changes.

    Args:
        marts: the gold tables.
        staged: mart → ``database.table`` that holds the release's.
        base: the published state that the release was built on.
        affected_days: business days that it rebuilds.
        release: its id.
        window: its first and last arrival day.
        databases: of silver and of gold.

    Returns:
        None if nothing of it has been published, else one SELECT with the columns mart,
        sale_date, key_1 … (the rest of the mart's grain), measure, old_value and new_value, all
        text. Rows without a mart name in key_1 a file of the window with rows on sale_date.
        Only partitions of the days concerned are scanned.

    Raises:
        UnsafeValueError: an argument is not what it should be.
    """
    days = restated_days(base, affected_days)
    published = {
        mart.name: {row.sale_date: row.release for row in base if row.table == mart.name}
        for mart in marts
    }
    compared = [mart for mart in marts if published[mart.name]]
    if not days or not compared:
        return None
    silver, gold = map(values.identifier, databases)
    keys = max(2, *(len(mart.grain) for mart in compared)) - 1
    parts = []
    for mart in compared:
        name = values.identifier(mart.name)
        if seen := _by_release(published[name], days):
            where = " OR ".join(
                f"(release = '{each}' AND {_within(of_it)})" for each, of_it in seen.items()
            )
            parts.append(_measured(mart, f"{gold}.{name}", where, keys, is_old=True))
        source = values.table(staged[name])
        parts.append(_measured(mart, source, _within(days), keys, is_old=False))
    names = ", ".join(f"key_{number}" for number in range(1, keys + 1))
    union = "\nUNION ALL\n".join(parts)
    return f"""WITH measured AS (
{union}
)
SELECT
    mart, CAST({DAY} AS varchar) AS {DAY}, {names}, measure,
    max(old_value) AS old_value, max(new_value) AS new_value
FROM measured
GROUP BY mart, {DAY}, {names}, measure
HAVING max(old_value) IS DISTINCT FROM max(new_value)
UNION ALL
SELECT DISTINCT
    '', CAST({DAY} AS varchar), source_file, {", ".join([_TEXT] * (keys + 2))}
FROM {silver}.sales
WHERE release = '{values.release(release)}' AND {_within(days)}
    AND ingest_date BETWEEN {_literal(window[0])} AND {_literal(window[1])}
ORDER BY 1, 2, {", ".join(str(number) for number in range(3, keys + 4))}"""


def documents(
    marts: Sequence[Mart], rows: Iterable[Mapping[str, str | None]]
) -> dict[date, list[dict[str, Any]]]:
    """The rows of ``retail_ops.restatements`` by business day, from those of ``statement``.

    Each is mart, row_key (the row's grain as a JSON object), measure, old_value, new_value (text,
    null for a row that was not there or is not there any more) and files (that caused it).
    """
    grains = {mart.name: mart.grain for mart in marts}
    found: dict[date, list[dict[str, Any]]] = {}
    files: dict[date, list[str]] = {}
    for row in rows:
        day, mart = values.iso_date(str(row[DAY])), str(row["mart"] or "")
        if not mart:
            files.setdefault(day, []).append(str(row["key_1"]))
            continue
        grain: dict[str, str | None] = {DAY: str(day)}
        for number, name in enumerate(grains[mart][1:], start=1):
            grain[name] = row[f"key_{number}"]
        found.setdefault(day, []).append(
            {
                "mart": mart,
                "row_key": json.dumps(grain, ensure_ascii=False),
                **{name: row[name] for name in ("measure", "old_value", "new_value")},
            }
        )
    return {
        day: [{**row, "files": sorted(files.get(day, ()))} for row in found[day]]
        for day in sorted(found)
    }


def _by_release(releases: Mapping[Any, str], days: Iterable[date]) -> dict[str, list[date]]:
    grouped: dict[str, list[date]] = {}
    for day in days:
        if day in releases:
            grouped.setdefault(values.release(releases[day]), []).append(day)
    return grouped


def _within(days: Iterable[date]) -> str:
    return f"{DAY} IN ({', '.join(_literal(day) for day in days)})"


def _literal(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


def _quoted(name: str) -> str:
    return f"'{name}'"


def _as_text(name: str) -> str:
    return f"CAST({name} AS varchar)"


def _measured(mart: Mart, source: str, where: str, keys: int, is_old: bool) -> str:
    """One row per row of a mart and column outside its grain."""
    measures = [column.name for column in mart.columns if column.name not in mart.grain]
    grain = [_as_text(name) for name in mart.grain[1:]]
    grain += [_TEXT] * (keys - len(grain))
    named = ", ".join(f"{key} AS key_{number}" for number, key in enumerate(grain, start=1))
    value = ("value", _TEXT) if is_old else (_TEXT, "value")
    return (
        f"    SELECT '{mart.name}' AS mart, {DAY}, {named}, measure,"
        f" {value[0]} AS old_value, {value[1]} AS new_value\n"
        f"    FROM {source}\n"
        f"    CROSS JOIN UNNEST(\n"
        f"        ARRAY[{', '.join(map(_quoted, measures))}],\n"
        f"        ARRAY[{', '.join(map(_as_text, measures))}]\n"
        f"    ) AS measures (measure, value)\n"
        f"    WHERE {where}"
    )
