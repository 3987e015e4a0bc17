"""The days that extracts are made of."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class BusinessDay:
    """One calendar day of a zone: the half-open interval [`start`, `end`) in UTC."""

    day: date
    start: datetime
    end: datetime

    @classmethod
    def of(cls, day: date, zone: ZoneInfo) -> "BusinessDay":
        """Return the day's interval: 23, 24 or 25 hours; every instant is in exactly one day."""
        first = datetime.combine(day, time.min, zone).astimezone(UTC)
        after = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
        return cls(day, first, after)
