"""Cron expressions of Glue: cron(minutes hours day-of-month month day-of-week year), in UTC.

Grammar: AWS Glue Developer Guide, "Time-based schedules for jobs and crawlers".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from include.local_aws.front.context import AwsError

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))


@dataclass(frozen=True)
class Schedule:
    """The minutes at which something is due: one set of numbers per field, in their order."""

    fields: tuple[frozenset[int], ...]

    def due(self, moment: datetime) -> bool:
        """Whether the minute of this moment (UTC) is one of the schedule's."""
        day = (moment.weekday() + 1) % 7 + 1  # 1 is Sunday
        values = (moment.minute, moment.hour, moment.day, moment.month, day, moment.year)
        return all(value in field for value, field in zip(values, self.fields, strict=True))


class Minutes:
    """Tells of each minute (UTC) that has begun since it was made, once."""

    def __init__(self) -> None:
        self._last = self._now()

    def begun(self) -> datetime | None:
        """The minute that is now, None if it was told before."""
        minute = self._now()
        if minute == self._last:
            return None
        self._last = minute
        return minute

    @staticmethod
    def _now() -> datetime:
        return datetime.now(UTC).replace(second=0, microsecond=0)


def parse(text: str) -> Schedule:
    """Read a schedule.

    Raises:
        AwsError: InvalidInputException: it is none, or has L, W or #, which are missing here.
    """
    match = re.fullmatch(r"cron\((.*)\)", text.strip())
    words = match.group(1).split() if match else []
    if len(words) != 6:
        raise _wrong(text, "give cron(minutes hours day-of-month month day-of-week year)")
    if (words[2] == "?") == (words[4] == "?"):
        raise _wrong(text, "one of day-of-month and day-of-week has to be ?")
    names: tuple[Sequence[str], ...] = ((), (), (), MONTHS, DAYS, ())
    return Schedule(
        tuple(
            _field(text, word.upper(), *RANGES[number], names[number])
            for number, word in enumerate(words)
        )
    )


def _field(text: str, word: str, low: int, high: int, names: Sequence[str]) -> frozenset[int]:
    for number, name in enumerate(names, start=1):
        word = word.replace(name, str(number))
    found: set[int] = set()
    for part in word.split(","):
        match = re.fullmatch(r"(\*|\?|\d+)(?:-(\d+))?(?:/(\d+))?", part)
        if match is None:
            raise _wrong(text, f"{part!r} cannot be read; L, W and # are not supported here")
        first, last, step = match.groups()
        start = low if first in "*?" else int(first)
        end = int(last) if last else (high if first in "*?" or step else start)
        if not low <= start <= end <= high or step == "0":
            raise _wrong(text, f"{part!r} is not within {low} to {high}")
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _wrong(text: str, reason: str) -> AwsError:
    return AwsError("InvalidInputException", f"the schedule {text!r} is not valid: {reason}")
