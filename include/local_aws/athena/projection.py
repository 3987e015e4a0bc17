"""Partition projection: partitions that follow from the table's properties, not from the catalog.

Every combination of values is a partition; pruning chooses among them before any file is listed.
"""

import datetime as dt
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.relations import Table

MAX_PARTITIONS = 100_000
LETTERS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
NOW = re.compile(r"NOW(?:\s*([+-])\s*(\d+)\s*(\w+?)S?)?", re.IGNORECASE)
SECONDS = {"WEEK": 604_800, "DAY": 86_400, "HOUR": 3_600, "MINUTE": 60, "SECOND": 1}
MONTHS = {"YEAR": 12, "MONTH": 1}


def is_projected(table: Table) -> bool:
    """Tell whether a table's partitions are projected."""
    parameters = table.glue.get("Parameters") or {}
    return bool(table.keys) and str(parameters.get("projection.enabled", "")).lower() == "true"


def projected(table: Table, now: dt.datetime) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give values and location of every projected partition.

    Args:
        table: one whose partitions are projected.
        now: what NOW in a date range means (UTC).

    Raises:
        QueryError: a property is missing or wrong, the type is `injected`, or there would be more
            than MAX_PARTITIONS partitions.
    """
    parameters = table.glue.get("Parameters") or {}
    choices = [_values(table, key.name, parameters, now) for key in table.keys]
    if math.prod(map(len, choices)) > MAX_PARTITIONS:
        raise not_supported(f"more than {MAX_PARTITIONS} projected partitions of {table.qualified}")
    names = [key.name for key in table.keys]
    template = parameters.get("storage.location.template")
    if template is None:
        base = str((table.glue.get("StorageDescriptor") or {}).get("Location", "")).rstrip("/")
        template = base + "".join(f"/{name}=${{{name}}}" for name in names)
    missing = [name for name in names if f"${{{name}}}" not in template]
    if missing:
        raise _wrong(table, f"storage.location.template lacks ${{{missing[0]}}}")
    for values in itertools.product(*choices):
        location = template
        for name, value in zip(names, values, strict=True):
            location = location.replace(f"${{{name}}}", value)
        yield values, location


def _wrong(table: Table, what: str) -> QueryError:
    return QueryError("INVALID_TABLE_PROPERTY", f"Table {table.qualified}: {what}")


def _values(table: Table, name: str, parameters: dict[str, Any], now: dt.datetime) -> list[str]:
    """Give the values of one partition column."""

    def setting(suffix: str, default: str | None = None) -> str:
        value = parameters.get(f"projection.{name}.{suffix}", default)
        if value is None:
            raise _wrong(table, f"it needs the property projection.{name}.{suffix}")
        return str(value)

    kind = setting("type").lower()
    if kind == "enum":
        return setting("values").split(",")
    if kind == "injected":
        raise not_supported(f"the injected projection of {name} in {table.qualified}")
    if kind not in {"integer", "date"}:
        raise _wrong(table, f"projection.{name}.type is not enum, integer, date or injected")
    ends = [end.strip() for end in setting("range").split(",")]
    if len(ends) != 2:
        raise _wrong(table, f"projection.{name}.range must be two values with a comma")
    try:
        if kind == "integer":
            step, digits = int(setting("interval", "1")), int(setting("digits", "0"))
            return [str(n).zfill(digits) for n in range(int(ends[0]), int(ends[1]) + 1, step)]
        pattern = _pattern(setting("format"))
        implied = _implied(pattern)
        unit = setting("interval.unit", implied)
        step = int(setting("interval", "1" if implied else None))
        return _moments(ends[0], ends[1], pattern, step, unit.upper().removesuffix("S"), now)
    except (ValueError, KeyError, ZeroDivisionError) as error:
        raise _wrong(table, f"the projection of {name} is not valid: {error}") from error


def _implied(pattern: str) -> str | None:
    """Give the unit that a pattern of days or months implies; any other must be told."""
    if any(part in pattern for part in ("%H", "%M", "%S")):
        return None
    return "DAYS" if "%d" in pattern else "MONTHS" if "%m" in pattern else None


def _pattern(text: str) -> str:
    """Translate a pattern of Java's DateTimeFormatter into strftime's.

    Raises:
        ValueError: it has letters that are not here.
    """
    parts = []
    for quoted, letters, other in re.findall(r"'([^']*)'|([A-Za-z]+)|([^A-Za-z']+)", text):
        if letters:
            pieces = re.fullmatch(r"(yyyy|MM|dd|HH|mm|ss)+", letters)
            if pieces is None:
                raise ValueError(f"not supported here: the date format '{text}'")
            parts += [LETTERS[item] for item in re.findall("|".join(LETTERS), letters)]
        else:
            parts.append((quoted or other).replace("%", "%%"))
    return "".join(parts)


def _moment(text: str, pattern: str, now: dt.datetime) -> dt.datetime:
    """Read an end of a range, cut to what the pattern shows."""
    found = NOW.fullmatch(text)
    if found is None:
        return dt.datetime.strptime(text, pattern).replace(tzinfo=dt.UTC)
    moment = now
    if found[2]:
        count = int(found[2]) * (1 if found[1] == "+" else -1)
        moment = _shifted(now, count, found[3].upper())
    return dt.datetime.strptime(moment.strftime(pattern), pattern).replace(tzinfo=dt.UTC)


def _shifted(moment: dt.datetime, count: int, unit: str) -> dt.datetime:
    """Add units; in a shorter month, the last day stands for later ones."""
    if unit in SECONDS:
        return moment + dt.timedelta(seconds=count * SECONDS[unit])
    months = moment.year * 12 + moment.month - 1 + count * MONTHS[unit]
    first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    following = (first + dt.timedelta(days=31)).replace(day=1)
    return first.replace(day=min(moment.day, (following - dt.timedelta(days=1)).day))


def _moments(
    start: str, end: str, pattern: str, step: int, unit: str, now: dt.datetime
) -> list[str]:
    """Give the formatted moments from start to end, both included."""
    first, last = _moment(start, pattern, now), _moment(end, pattern, now)
    if step < 1:
        raise ValueError(f"interval {step} is less than 1")
    found: list[str] = []
    for count in itertools.count(0, step):
        moment = _shifted(first, count, unit)
        if moment > last:
            return found
        found.append(moment.strftime(pattern))
        if len(found) > MAX_PARTITIONS:
            raise not_supported(f"more than {MAX_PARTITIONS} projected partitions")
    return found
