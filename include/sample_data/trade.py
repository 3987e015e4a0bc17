"""How much is sold when: weekday, season and hour-of-day shape of each channel."""

from dataclasses import dataclass
from datetime import date

from include.sample_data.draws import stream
from include.sample_data.london import HOUR, clocks_go_forward

SEASON = (80, 78, 90, 94, 100, 102, 98, 92, 100, 108, 138, 150)  # per cent of a mean month


@dataclass(frozen=True)
class Trade:
    """Shape of a channel: rows on a mean day, per cent per weekday, weight per hour."""

    name: str
    rows: int
    week: tuple[int, ...]
    hours: tuple[int, ...]

    def rows_on(self, day: date, seed: int, scale: float) -> int:
        """Return how many ordinary rows the day has; 0 on a weekday without trade."""
        noise = 92 + int(stream(seed, self.name, "volume", day).random() * 17)
        share = self.week[day.weekday()] * SEASON[day.month - 1] * noise
        return int(self.rows * scale * share / 1_000_000)

    def second_at(self, day: date, position: float) -> int:
        """Return the second of the day by which ``position`` (0 ≤ p < 1) of the sales are made."""
        hour, part = self.time_at(day, position)
        return hour * HOUR + int(part * HOUR)

    def time_at(self, day: date, position: float) -> tuple[int, float]:
        """Return the same as the hour on the clock and the part of it that has passed."""
        weights = list(self.hours)
        if clocks_go_forward(day):
            weights[1] = 0  # this hour does not exist
        left = position * sum(weights)
        for hour, weight in enumerate(weights):
            if left < weight:
                return hour, left / weight
            left -= weight
        raise ValueError(f"position {position} is outside 0 ≤ position < 1")


WEB = Trade(
    "web",
    rows=1200,
    week=(96, 92, 94, 98, 104, 106, 118),
    hours=(6, 3, 2, 1, 1, 2, 5, 11, 17, 22, 25, 27, 30, 28, 25, 25, 27, 32, 40, 48, 52, 46, 30, 15),
)
WHOLESALE = Trade(
    "wholesale",
    rows=900,
    week=(108, 112, 110, 114, 96, 0, 62),  # closed on Saturdays
    hours=(0, 0, 0, 0, 0, 0, 1, 4, 20, 38, 50, 54, 60, 52, 48, 44, 26, 9, 3, 1, 0, 0, 0, 0),
)
VENDOR = Trade(
    "vendor",
    rows=450,
    week=(98, 96, 98, 102, 112, 124, 70),
    hours=(0, 0, 0, 0, 0, 0, 0, 0, 6, 24, 36, 44, 50, 48, 42, 42, 46, 52, 40, 18, 4, 0, 0, 0),
)
MARKETPLACE = Trade(
    "marketplace",
    rows=240,
    week=(92, 90, 92, 96, 104, 112, 114),
    hours=(8, 5, 3, 2, 2, 3, 6, 12, 18, 22, 24, 26, 28, 27, 26, 26, 28, 34, 42, 50, 54, 48, 32, 18),
)
STORE = Trade(
    "store",
    rows=1100,
    week=(84, 82, 88, 98, 116, 148, 86),
    hours=(0, 0, 0, 0, 0, 0, 0, 2, 10, 26, 40, 50, 58, 54, 46, 44, 46, 50, 40, 24, 8, 0, 0, 0),
)
