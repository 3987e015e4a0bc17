"""Clock time in Europe/London, the lake's business zone.

The rule is written out (summer time from 01:00 UTC on the last Sunday of March to 01:00 UTC on the
last Sunday of October, in force since 1996) instead of read from the machine's zone files, so that
the sample data does not change with them and stays an independent oracle for the pipeline's zones.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

TIME_ZONE = "Europe/London"
HOUR = 3600


def last_sunday(year: int, month: int) -> date:
    """Return the last Sunday of a month of 31 days."""
    end = date(year, month, 31)
    return end - timedelta(days=(end.weekday() + 1) % 7)


def clocks_go_forward(day: date) -> bool:
    """Say whether the day has 23 hours: no local time between 01:00 and 02:00."""
    return day == last_sunday(day.year, 3)


def clocks_go_back(day: date) -> bool:
    """Say whether the day has 25 hours: the time between 01:00 and 02:00 happens twice."""
    return day == last_sunday(day.year, 10)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as London reads it: business day, second of the day, 1 for the second 01:30."""

    day: date
    second: int
    fold: int = 0

    @classmethod
    def on(cls, day: date, second: int, fold: int = 0) -> "Moment":
        """Return the moment; a second that the day skips is taken an hour later."""
        skipped = clocks_go_forward(day) and HOUR <= second < 2 * HOUR
        return cls(day, second + HOUR if skipped else second, fold)

    @property
    def summer(self) -> bool:
        """Whether summer time is in force."""
        if clocks_go_forward(self.day):
            return self.second >= 2 * HOUR
        if clocks_go_back(self.day):
            return self.second < HOUR or (self.second < 2 * HOUR and not self.fold)
        return last_sunday(self.day.year, 3) < self.day < last_sunday(self.day.year, 10)

    @property
    def ambiguous(self) -> bool:
        """Whether the local time alone does not name the instant."""
        return clocks_go_back(self.day) and HOUR <= self.second < 2 * HOUR

    @property
    def local(self) -> datetime:
        """Naive local time."""
        return datetime.combine(self.day, time.min) + timedelta(seconds=self.second)

    @property
    def utc(self) -> datetime:
        """Time in UTC."""
        local = self.local - timedelta(hours=1 if self.summer else 0)
        return local.replace(tzinfo=UTC)

    def at_offset(self, minutes: int) -> datetime:
        """Time as a clock ``minutes`` east of UTC shows it."""
        return self.utc.astimezone(timezone(timedelta(minutes=minutes)))

    def at_home(self) -> datetime:
        """Time with London's own offset."""
        return self.at_offset(60 if self.summer else 0)
