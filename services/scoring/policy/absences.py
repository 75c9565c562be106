"""Who is away, and who stands in. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class Absence:
    """`last_day` is one of them. `stand_in`: who does the work, if anyone."""

    owner: str
    first_day: date
    last_day: date
    stand_in: str | None = None


class Absences:
    """As of `today`."""

    def __init__(self, absences: Iterable[Absence], today: date) -> None:
        self._of: dict[str, list[Absence]] = {}
        self._today = today
        for absence in absences:
            self._of.setdefault(absence.owner, []).append(absence)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], today: date) -> "Absences":
        return cls(
            (Absence(row["owner"], row["first_day"], row["last_day"], row["stand_in"]) for row in rows), today
        )

    def does(self, owner: str | None) -> str | None:
        """Who does an owner's work today: the owner, or whoever stands in, and for them in turn."""
        asked: set[str | None] = set()
        while owner not in asked:
            asked.add(owner)
            stand_in = next((a.stand_in for a in self._today_of(owner) if a.stand_in), None)
            owner = stand_in or owner
        return owner

    def unattended(self, owner: str | None) -> frozenset[date]:
        """Days on which an owner is away and nobody stands in: no working time for a deadline."""
        return frozenset(
            absence.first_day + timedelta(days=offset)
            for absence in self._of.get(owner or "", ())
            if absence.stand_in is None
            for offset in range((absence.last_day - absence.first_day).days + 1)
        )

    def owners(self) -> frozenset[str]:
        """Those who have days of absence."""
        return frozenset(self._of)

    def _today_of(self, owner: str | None) -> Iterable[Absence]:
        return (a for a in self._of.get(owner or "", ()) if a.first_day <= self._today <= a.last_day)


NOBODY_AWAY = Absences((), date.min)
