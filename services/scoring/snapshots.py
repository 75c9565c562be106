"""When a lead is looked at, and what is then known of it. Pure.

A snapshot is kept at the end of each day on which something became known, and another just before the next
thing becomes known, which is what a rep would have seen after a silence. Both depend on the events alone,
not on how they were batched: a worker that was killed and restarted keeps the same ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from services.scoring.features import Features, features
from services.scoring.priority import Stamp
from services.scoring.state import Event, LeadState, absorb, fold, is_outcome, moment

Kind = Literal["end_of_day", "before_event", "refresh"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known of a lead at `as_of`, and the last event folded into it."""

    kind: Kind
    as_of: datetime
    last_source: str
    last_id: str
    features: Features


def take(state: LeadState, as_of: datetime, kind: Kind) -> Snapshot:
    return Snapshot(kind, as_of, state.last_stamp[1], state.last_stamp[2], features(state, as_of))


def fold_all(
    state: LeadState,
    events: Iterable[Event],
    absorbed: Mapping[Stamp, Sequence[LeadState]] | None = None,
) -> list[Snapshot]:
    """Fold `events`, in the order they became known, into `state`; return the snapshots of the open lead.

    `absorbed`: the states of visitors, by the stamp of the event that told who they are. What they did is
    part of the lead from that event on: no earlier snapshot knew of it. The last snapshot, when the lead is
    open at the end, is the one to score.
    """
    taken: list[Snapshot] = []
    pending = False
    for event in events:
        started = bool(state.known) and state.status == "open"
        # A deal is looked at as it closed, not as that was told: an outcome that comes in at once and one of
        # an imported history leave the same snapshot.
        now = min(event.known_at, event.occurred_at) if is_outcome(event) else event.known_at
        next_day = now.astimezone(UTC).date() > moment(state.known).date()
        if started and pending and (next_day or is_outcome(event)):
            taken.append(take(state, moment(state.known), "end_of_day"))
            pending = False
        if started and next_day:
            taken.append(take(state, now, "before_event"))
        for visitor in absorbed.get(event.stamp, ()) if absorbed else ():
            absorb(state, visitor)
        fold(state, event)
        pending = state.status == "open" and not is_outcome(event)
    if pending:
        taken.append(take(state, moment(state.known), "end_of_day"))
    return taken
