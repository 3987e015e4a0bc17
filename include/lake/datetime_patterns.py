"""Dates and times as a contract's patterns write them (those of java.time, which Spark has too).

A pattern is taken at its word: a text has the digits that the letters stand for, and is a date of
the calendar, or it is none. Letters that nobody can read without guessing are refused.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

#: What a timestamp and a date look like where the contract does not say.
ISO_TIMESTAMP = "yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]"
ISO_DATE = "yyyy-MM-dd"

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SHORT_MONTHS = tuple(name[:3] for name in _MONTHS)
_TWO = {"M": "month", "d": "day", "H": "hour", "h": "hourofhalf", "m": "minute", "s": "second"}
_OFFSETS = {"X": "[+-][0-9]{2}(?:[0-9]{2})?", "XX": "[+-][0-9]{4}", "XXX": "[+-][0-9]{2}:[0-9]{2}"}
_RUNS = re.compile(r"'((?:[^']|'')*)'|\[|\]|([A-Za-z])\2*|.", re.DOTALL)


@dataclass(frozen=True)
class DatetimePattern:
    """A pattern, ready to read texts.

    Attributes:
        shape: what its texts look like, with a group for each part.
    """

    shape: re.Pattern[str]

    def moment(self, text: str) -> datetime | None:
        """The moment, or None if the text is not written so or is no date of the calendar.

        It has an offset (as UTC) if the text has one; a pattern without a time means midnight.
        """
        found = self.shape.fullmatch(text)
        if found is None:
            return None
        parts = {name: part for name, part in found.groupdict().items() if part is not None}
        offset = parts.pop("offset", None)
        try:
            moment = _moment(parts)
            if offset is not None:
                moment = moment.replace(tzinfo=_zone(offset)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return moment


@lru_cache(maxsize=256)
def datetime_pattern(pattern: str) -> DatetimePattern:
    """Makes a pattern ready.

    Raises:
        ValueError: it has letters that are not read here, a part twice, lacks year, month or day,
            or its brackets do not close; says which.
    """
    shape = ""
    for run in _RUNS.finditer(pattern):
        text = run[0]
        if text.startswith("'"):
            shape += re.escape(run[1].replace("''", "'") or "'")
        elif text in "[]":
            shape += "(?:" if text == "[" else ")?"
        elif run[2]:
            shape += _letters(text)
        else:
            shape += re.escape(text)
    try:
        ready = re.compile(shape)
    except re.error as error:
        raise ValueError(f"has a part twice, or brackets that do not close ({error})") from error
    has = {name.partition("_")[0] for name in ready.groupindex}
    missing = {"year", "month", "day"} - has
    if missing:
        raise ValueError(f"lacks {', '.join(sorted(missing))}")
    if ("half" in has) != ("hourofhalf" in has):
        raise ValueError("has h without a, or a without h; write hh:mm a, or HH:mm")
    return DatetimePattern(ready)


def _letters(run: str) -> str:
    """The group of a run of one letter."""
    letter, count = run[0], len(run)
    if letter in "yu" and count in (2, 4):
        return "(?P<year_short>[0-9]{2})" if count == 2 else "(?P<year>[0-9]{4})"
    if letter == "M" and count in (3, 4):
        names, kind = (_SHORT_MONTHS, "short") if count == 3 else (_MONTHS, "name")
        return f"(?P<month_{kind}>{'|'.join(names)})"
    if letter in _TWO and count <= 2:
        return f"(?P<{_TWO[letter]}>[0-9]{{{'2' if count == 2 else '1,2'}}})"
    if letter == "S" and count <= 6:
        return f"(?P<fraction>[0-9]{{1,{count}}})"
    if run == "a":
        return "(?P<half>AM|PM)"
    if letter in "Xx" and run.upper() in _OFFSETS:
        return f"(?P<offset>{'Z|' if letter == 'X' else ''}{_OFFSETS[run.upper()]})"
    raise ValueError(
        f"has {run}, which is not read here (yyyy yy M MM MMM MMMM d dd H HH h hh m mm s ss S to "
        f"SSSSSS a X XX XXX x xx xxx, [optional], 'text')"
    )


def _moment(parts: dict[str, str]) -> datetime:
    year = int(parts["year"]) if "year" in parts else 2000 + int(parts["year_short"])
    if "month_name" in parts:
        month = _MONTHS.index(parts["month_name"]) + 1
    elif "month_short" in parts:
        month = _SHORT_MONTHS.index(parts["month_short"]) + 1
    else:
        month = int(parts["month"])
    hour = int(parts.get("hour", 0))
    if "hourofhalf" in parts:
        hour = _of_half(int(parts["hourofhalf"]), parts["half"])
    return datetime(  # noqa: DTZ001 - on whose clock it is, the text or the contract says
        year,
        month,
        int(parts["day"]),
        hour,
        int(parts.get("minute", 0)),
        int(parts.get("second", 0)),
        int(parts.get("fraction", "0").ljust(6, "0")),
    )


def _of_half(hour: int, half: str) -> int:
    if not 1 <= hour <= 12:
        raise ValueError(f"{hour} is no hour of half a day")
    return hour % 12 + (12 if half == "PM" else 0)


def _zone(offset: str) -> timezone:
    if offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59 or away > timedelta(hours=18):
        raise ValueError(f"{offset} is no offset")
    return timezone(-away if offset[0] == "-" else away)
