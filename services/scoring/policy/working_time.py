"""Deadlines in working hours: opening hours of a week, public holidays, days of absence. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

Span = tuple[time, time]
MOST_DAYS = 1500
"""What would take longer is due after this many days: opening hours may leave next to none."""


@cache
def public_holidays(place: str) -> Mapping[date, str]:
    """Those of ``FR``, or of a part of it: ``FR-GES``. Filled as years are asked for.

    Raises NotImplementedError when the place is not known.
    """
    country, _, part = place.partition("-")
    found: Mapping[date, str] = holidays.country_holidays(country, subdiv=part or None)
    return found


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people work. `week`: for each day from Monday on, its spans of local time, in order."""

    zone: ZoneInfo
    week: Sequence[Sequence[Span]]
    holidays: Mapping[date, str]
    closed: frozenset[date] = frozenset()

    def without(self, days: frozenset[date]) -> "Calendar":
        """The same for someone who is away on `days`."""
        return Calendar(self.zone, self.week, self.holidays, self.closed | days)

    def after_hours(self, start: datetime, hours: float) -> datetime:
        """The moment at which `hours` of work have passed since `start`."""
        left = timedelta(hours=hours)
        for opens, closes in self._spans(start):
            begins = max(opens, start)
            if closes - begins >= left:
                return begins + left
            left -= closes - begins
        return start + timedelta(days=MOST_DAYS)

    def after_days(self, start: datetime, days: int) -> datetime:
        """The same time of day `days` working days later, or the next working moment after that.

        What starts outside working hours starts at the next opening.
        """
        begins = self.after_hours(start, 0)
        local = begins.astimezone(self.zone)
        for _ in range(days):
            opening = datetime.combine(local.date() + timedelta(days=1), time(0), self.zone)
            following = self.after_hours(opening.astimezone(UTC), 0).astimezone(self.zone).date()
            local = datetime.combine(following, local.timetz())
        return self.after_hours(local.astimezone(UTC), 0)

    def _spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Spans of work, in UTC, from the one that ends after `start` on."""
        first = start.astimezone(self.zone).date()
        for offset in range(MOST_DAYS):
            day = first + timedelta(days=offset)
            if day in self.closed or day in self.holidays:
                continue
            for opens, closes in self.week[day.weekday()]:
                # Differences of local times would count a night in which the clock changes wrongly.
                ends = datetime.combine(day, closes, self.zone).astimezone(UTC)
                if ends > start:
                    yield datetime.combine(day, opens, self.zone).astimezone(UTC), ends
