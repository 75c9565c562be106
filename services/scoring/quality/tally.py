"""What some events add to the figures. Pure: events in, counts out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from services.scoring.quality import rules

Key = tuple[str, str]
"""(source, field); the field "" is the source itself."""
WHOLE = ""
DESCRIBING = "describing"
"""Of a source, the kind of day count that the shares of its fields are taken of."""


@dataclass(slots=True)
class Times:
    """When a field was received first and last, when the latest event with it happened, and the source's last
    event that was no declared history."""

    first_at: datetime
    received_at: datetime
    last_at: datetime
    live_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """The latest value of one record (an identity) in one field."""

    value_hash: int
    occurred_at: datetime
    problem: str | None


@dataclass(slots=True)
class Tally:
    times: dict[Key, Times] = field(default_factory=dict)
    events: Counter[Key] = field(default_factory=Counter)
    days: Counter[tuple[Key, date, str]] = field(default_factory=Counter)
    values: dict[tuple[int, Key], Value] = field(default_factory=dict)
    levels: dict[tuple[Key, str], tuple[datetime, int]] = field(default_factory=dict)
    hours: dict[Key, list[int]] = field(default_factory=dict)  # since 1970, in which a source spoke


def tally(events: Iterable[Mapping[str, Any]]) -> Tally:
    """Count rows of the `event` table, in the order of their numbers."""
    counted = Tally()
    for event in events:
        source = (event["source"], WHOLE)
        live = event["known_at"] == event["received_at"]
        _meet(counted, source, event, live=live)
        counted.events[source] += 1
        if live:
            counted.hours.setdefault(source, []).append(int(event["received_at"].timestamp() // 3600))
        described = rules.described(event["type"], event["data"])
        if described is None:
            continue
        _count(counted, source, event, DESCRIBING)
        _take_value(counted, event, source, Value(0, event["occurred_at"], None))
        for name, value in described.items():
            key = (event["source"], name)
            scalar = rules.looked_at(value)
            _meet(counted, key, event, live=False)
            counted.events[key] += 1
            _count(counted, key, event, rules.kind_of(value))
            _take_value(
                counted,
                event,
                key,
                Value(rules.compared(name, scalar), event["occurred_at"], rules.problem(name, scalar)),
            )
            if (level := rules.level(name, scalar)) is not None:
                first_at, seen = counted.levels.get((key, level), (event["received_at"], 0))
                counted.levels[key, level] = min(first_at, event["received_at"]), seen + 1
    return counted


def _meet(counted: Tally, key: Key, event: Mapping[str, Any], *, live: bool) -> None:
    received_at, occurred_at = event["received_at"], event["occurred_at"]
    times = counted.times.get(key)
    if times is None:
        times = counted.times[key] = Times(received_at, received_at, occurred_at)
    else:
        times.first_at = min(times.first_at, received_at)
        times.received_at = max(times.received_at, received_at)
        times.last_at = max(times.last_at, occurred_at)
    if live:
        times.live_at = max(times.live_at or received_at, received_at)


def _count(counted: Tally, key: Key, event: Mapping[str, Any], kind: str) -> None:
    counted.days[key, event["received_at"].date(), kind] += 1


def _take_value(counted: Tally, event: Mapping[str, Any], key: Key, value: Value) -> None:
    at = (event["identity_id"], key)
    known = counted.values.get(at)
    if known is None or value.occurred_at >= known.occurred_at:
        counted.values[at] = value


def gaps(last: datetime | None, hours: Sequence[int]) -> Counter[int]:
    """How many hours passed between two hours with a live event, how often; `last` is the one before."""
    known = [int(last.timestamp() // 3600)] if last else []
    spoken = sorted({hour for hour in hours if not known or hour > known[0]})
    return Counter(later - earlier for earlier, later in pairwise(known + spoken))
