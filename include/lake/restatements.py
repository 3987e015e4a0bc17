"""Restatements: what a release changes of numbers that readers have seen already.

A release rebuilds business days that may be published: late rows, a corrected file. Before it is
published, its marts are compared with the published ones, value by value. A day that nobody has
seen yet is not restated, nor is a mart that is new.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.lake import values
from include.lake.contracts import Lake
from include.lake.marts import DAY, Mart
from include.lake.releases import parse_pointer

REVENUE = "revenue"
#: Kinds of rows that the query returns.
VALUE, TOTAL, FILE = "value", "total", "file"
_TEXT = "CAST(NULL AS varchar)"


@dataclass(frozen=True)
class Comparison:
    """How the marts of a lake are compared.

    Attributes:
        lake: for the names of its databases.
        marts: the gold tables.
    """

    lake: Lake
    marts: tuple[Mart, ...]

    @property
    def table(self) -> tuple[str, str]:
        """Database and name of the table that keeps restatements."""
        return self.lake.ops_database, "restatements"

    def statement(
        self,
        staged: Mapping[str, str],
        base: str,
        affected_days: Collection[date],
        release: str,
        window: tuple[date, date],
        *,
        unseen: bool = False,
    ) -> str | None:
        """The query for everything that a release changes.

        Args:
            staged: mart → ``database.table`` that holds the release's.
            base: text of the pointer that the release was built on.
            affected_days: business days that it rebuilds.
            release: its id.
            window: its first and last arrival day.
            unseen: count also the days and marts that nobody has seen yet.

        Returns:
            None if there is nothing to compare, else one SELECT with the columns kind, mart,
            sale_date, key_1 … (the rest of the mart's grain), measure, old_value, new_value,
            old_rows and new_rows, all text. A ``value`` is one that was published and differs; a
            ``total`` sums a measure up over a mart's day and counts its rows; a ``file`` names in
            key_1 a file of the window with rows on sale_date. Only partitions of the days
            concerned are scanned, and once.

        Raises:
            UnsafeValueError: an argument is not what it should be.
        """
        pointer = parse_pointer(base)
        seen = {row.sale_date for row in pointer if row.table == "sales" and row.sale_date}
        published = {
            mart.name: {row.sale_date: row.release for row in pointer if row.table == mart.name}
            for mart in self.marts
        }
        known = [mart.name for mart in self.marts if published[mart.name]]
        days = sorted(set(affected_days) if unseen else seen.intersection(affected_days))
        compared = [mart for mart in self.marts if unseen or mart.name in known]
        if not days or not compared:
            return None
        keys = max(2, *(len(mart.grain) for mart in compared)) - 1
        parts = []
        for mart in compared:
            if found := _by_release(published[mart.name], days):
                where = " OR ".join(
                    f"(release = '{each}' AND {_within(of_it)})" for each, of_it in found.items()
                )
                table = f"{self.lake.gold_database}.{mart.name}"
                parts.append(_measured(mart, table, where, keys, is_old=True))
            table = values.table(staged[mart.name])
            parts.append(_measured(mart, table, _within(days), keys, is_old=False))
        names = ", ".join(f"key_{number}" for number in range(1, keys + 1))
        union = "\nUNION ALL\n".join(parts)
        told = ["old_value IS DISTINCT FROM new_value"]
        if unseen:
            before = sorted(seen.intersection(days))
            told += [_within(before, "day") if before else "false"]
            told += [f"mart IN ({_listed(known)})" if known else "false"]
        return f"""WITH measured AS (
{union}
),
compared AS (
    SELECT
        grouping(key_1) = 1 AS is_total, mart, day, {names}, measure,
        max(old_value) AS old_value, max(new_value) AS new_value,
        {_sum("old_value")} AS old_total, {_sum("new_value")} AS new_total,
        count_if(is_old) AS old_rows, count_if(NOT is_old) AS new_rows
    FROM measured
    GROUP BY GROUPING SETS ((mart, day, {names}, measure), (mart, day, measure))
)
SELECT
    IF(is_total, '{TOTAL}', '{VALUE}') AS kind,
    mart, CAST(day AS varchar) AS {DAY}, {names}, measure,
    IF(is_total, old_total, old_value) AS old_value,
    IF(is_total, new_total, new_value) AS new_value,
    CAST(old_rows AS varchar) AS old_rows, CAST(new_rows AS varchar) AS new_rows
FROM compared
WHERE IF(is_total, measure IN ({_listed(map(_summed, compared))}), {" AND ".join(told)})
UNION ALL
SELECT DISTINCT
    '{FILE}', '', CAST({DAY} AS varchar), source_file, {", ".join([_TEXT] * (keys + 4))}
FROM {self.lake.silver_database}.sales
WHERE release = '{values.release(release)}' AND {_within(days)}
    AND ingest_date BETWEEN {_literal(window[0])} AND {_literal(window[1])}
ORDER BY {", ".join(str(number) for number in range(1, keys + 5))}"""

    def documents(
        self, rows: Iterable[Mapping[str, str | None]]
    ) -> dict[date, list[dict[str, Any]]]:
        """The rows of ``retail_ops.restatements`` by business day, from those of ``statement``.

        Each is mart, row_key (the row's grain as a JSON object), measure, old_value, new_value
        (text, null for a row that was not there or is not there any more) and files (that have
        caused it).
        """
        grains = {mart.name: mart.grain for mart in self.marts}
        found: dict[date, list[dict[str, Any]]] = {}
        files: dict[date, list[str]] = {}
        for row in rows:
            day, mart = values.iso_date(str(row[DAY])), str(row["mart"] or "")
            if row["kind"] == FILE:
                files.setdefault(day, []).append(str(row["key_1"]))
            if row["kind"] != VALUE:
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

    def totals(self, rows: Iterable[Mapping[str, str | None]]) -> list[dict[str, Any]]:
        """What becomes of each mart's business day, from the rows of ``statement``.

        Each is mart, sale_date, old_rows, new_rows (numbers), old_revenue, new_revenue (text, null
        where there are no rows or the mart has no revenue) and changed: how many of the rows that
        were published differ, are gone, or are new.
        """
        changed: dict[tuple[str, str], set[tuple[str | None, ...]]] = {}
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for row in rows:
            key = (str(row["mart"]), str(row[DAY]))
            if row["kind"] == VALUE:
                names = sorted(name for name in row if name.startswith("key_"))
                changed.setdefault(key, set()).add(tuple(row[name] for name in names))
            elif row["kind"] == TOTAL and (key not in found or row["measure"] == REVENUE):
                is_revenue = row["measure"] == REVENUE
                found[key] = {
                    "mart": key[0],
                    DAY: key[1],
                    "old_rows": int(str(row["old_rows"])),
                    "new_rows": int(str(row["new_rows"])),
                    "old_revenue": row["old_value"] if is_revenue else None,
                    "new_revenue": row["new_value"] if is_revenue else None,
                }
        return [
            # of what nobody had seen every row is new
            {
                **one,
                "changed": len(changed.get(key, ())) or (0 if one["old_rows"] else one["new_rows"]),
            }
            for key, one in sorted(found.items())
        ]


def _summed(mart: Mart) -> str:
    """The measure whose total stands for a mart's day."""
    names = [column.name for column in mart.columns if column.name not in mart.grain]
    return REVENUE if REVENUE in names else names[0]


def _by_release(releases: Mapping[Any, str], days: Iterable[date]) -> dict[str, list[date]]:
    grouped: dict[str, list[date]] = {}
    for day in days:
        if day in releases:
            grouped.setdefault(values.release(releases[day]), []).append(day)
    return grouped


def _within(days: Iterable[date], name: str = DAY) -> str:
    return f"{name} IN ({', '.join(_literal(day) for day in days)})"


def _literal(day: date) -> str:
    return f"DATE '{day.isoformat()}'"


def _quoted(name: str) -> str:
    return f"'{name}'"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, dict.fromkeys(names)))


def _sum(name: str) -> str:
    return f"CAST(sum(TRY_CAST({name} AS decimal(38,2))) AS varchar)"


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
        f"    SELECT '{mart.name}' AS mart, {DAY} AS day, {named}, measure,"
        f" {value[0]} AS old_value, {value[1]} AS new_value, {str(is_old).lower()} AS is_old\n"
        f"    FROM {source}\n"
        f"    CROSS JOIN UNNEST(\n"
        f"        ARRAY[{', '.join(map(_quoted, measures))}],\n"
        f"        ARRAY[{', '.join(map(_as_text, measures))}]\n"
        f"    ) AS measures (measure, value)\n"
        f"    WHERE {where}"
    )
