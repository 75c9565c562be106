"""The times at which a lead's history is looked at. Pure.

A snapshot is kept at the end of each day on which something became known, and another just before the next
thing becomes known, which is what a rep would have seen after a silence. Both depend on the events alone,
not on how they were batched: a worker that was killed and restarted keeps the same ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from services.scoring.features import Snapshot, features
from services.scoring.state import Event, LeadState, fold, is_outcome, moment

PointKind = Literal["end_of_day", "before_event", "refresh"]


@dataclass(frozen=True, slots=True)
class Point:
    """A snapshot, when it was true, and the last event folded into it."""

    kind: PointKind
    as_of: datetime
    last_source: str
    last_id: str
    features: Snapshot


def point(state: LeadState, as_of: datetime, kind: PointKind) -> Point:
    return Point(kind, as_of, state.last_stamp[1], state.last_stamp[2], features(state, as_of))


def fold_all(state: LeadState, events: Iterable[Event]) -> list[Point]:
    """Fold `events`, in the order they became known, into `state`; return the points of the open lead.

    The last point, when the lead is open at the end, is the one to score.
    """
    points: list[Point] = []
    pending = False
    for event in events:
        started = bool(state.known) and state.status == "open"
        next_day = event.known_at.astimezone(UTC).date() > moment(state.known).date()
        if started and pending and (next_day or is_outcome(event)):
            points.append(point(state, moment(state.known), "end_of_day"))
            pending = False
        if started and next_day:
            points.append(point(state, event.known_at, "before_event"))
        fold(state, event)
        pending = state.status == "open" and not is_outcome(event)
    if pending:
        points.append(point(state, moment(state.known), "end_of_day"))
    return points
