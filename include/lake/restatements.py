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
    ) -> str | None:
        """The query for everything that a release changes.

        Args:
            staged: mart → ``database.table`` that holds the release's.
            base: text of the pointer that the release was built on.
            affected_days: business days that it rebuilds.
            release: its id.
            window: its first and last arrival day.

        Returns:
            None if nothing of it has been published, else one SELECT with the columns mart,
            sale_date, key_1 … (the rest of the mart's grain), measure, old_value and new_value,
            all text. Rows without a mart name in key_1 a file of the window with rows on
            sale_date. Only partitions of the days concerned are scanned.

        Raises:
            UnsafeValueError: an argument is not what it should be.
        """
        pointer = parse_pointer(base)
        seen = {row.sale_date for row in pointer if row.table == "sales" and row.sale_date}
        days = sorted(seen.intersection(affected_days))
        published = {
            mart.name: {row.sale_date: row.release for row in pointer if row.table == mart.name}
            for mart in self.marts
        }
        compared = [mart for mart in self.marts if published[mart.name]]
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
FROM {self.lake.silver_database}.sales
WHERE release = '{values.release(release)}' AND {_within(days)}
    AND ingest_date BETWEEN {_literal(window[0])} AND {_literal(window[1])}
ORDER BY 1, 2, {", ".join(str(number) for number in range(3, keys + 4))}"""

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
