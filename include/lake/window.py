"""Which business days a run is for.

A window is a range of arrival days in the lake's time zone. The scheduled run of a day, the
trigger form, REST with a null logical date and a backfill all come through ``resolve``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from include.lake.values import iso_date

MAX_DAYS = 366


class WindowError(ValueError):
    """A run asked for days it cannot have; the message says which and the fix."""


@dataclass(frozen=True, order=True)
class Window:
    """The days from ``from_date`` to ``to_date``, both included."""

    from_date: date
    to_date: date

    def __post_init__(self) -> None:
        """Refuses an empty or overlong range."""
        days = (self.to_date - self.from_date).days + 1
        if days < 1:
            raise WindowError(
                f"from_date {self.from_date} lies after to_date {self.to_date}; swap them"
            )
        if days > MAX_DAYS:
            raise WindowError(f"{days} days are too many for one run; ask for at most {MAX_DAYS}")

    def __iter__(self) -> Iterator[date]:
        """The days in order."""
        for offset in range((self.to_date - self.from_date).days + 1):
            yield self.from_date + timedelta(days=offset)

    def __contains__(self, day: object) -> bool:
        """Whether a day lies in the window."""
        return isinstance(day, date) and self.from_date <= day <= self.to_date


def resolve(
    from_date: str | None,
    to_date: str | None,
    data_interval_start: datetime | None,
    run_after: datetime,
    zone: str,
) -> Window:
    """The window of a run.

    Args:
        from_date: the run's parameter, ``YYYY-MM-DD``; alone it means one day.
        to_date: the run's parameter, only together with ``from_date``.
        data_interval_start: start of the data interval; None for a run without logical date.
        run_after: when the run may start; stands for "now".
        zone: IANA name of the lake's time zone.

    Returns:
        the parameters' range; else the day of ``data_interval_start`` in the zone; else the day
        before ``run_after`` in the zone.

    Raises:
        WindowError: a date is malformed, the range is empty, too long or in the future.
    """
    today = _day(run_after, zone)
    if from_date is not None:
        window = Window(_parse("from_date", from_date), _parse("to_date", to_date or from_date))
    elif to_date is not None:
        raise WindowError("to_date is given without from_date; give from_date too")
    else:
        day = _day(data_interval_start, zone) if data_interval_start else today - timedelta(days=1)
        window = Window(day, day)
    if window.to_date > today:
        raise WindowError(
            f"{window.to_date} has not come yet in {zone} (the run starts on {today}); "
            f"ask for days up to {today}"
        )
    return window


def _day(moment: datetime, zone: str) -> date:
    if moment.tzinfo is None:
        raise WindowError(f"{moment} has no time zone; pass an aware datetime")
    return moment.astimezone(ZoneInfo(zone)).date()


def _parse(name: str, text: str) -> date:
    try:
        return iso_date(text)
    except ValueError as error:
        raise WindowError(f"{name}: {error}") from error
