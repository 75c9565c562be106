"""What a person decides of who is who: two leads are one, one lead is two, and back again.

Merging adds up two states; splitting and undoing fold them again from the stored events, which keep the
identifier they came by. Both leads are locked in id order, so that a batch under way either is done before or
looks again at who they are.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from services.scoring import effects, grouping_store, store
from services.scoring.effects import Work, work_of
from services.scoring.grouping_store import Merge
from services.scoring.priority import Priorities
from services.scoring.state import LeadState, absorb, fold, microseconds
from shared import outbox
from shared.postgres import Connection


class CannotRegroup(Exception):
    """Why not, and what to do. `unknown`: there is no such lead."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.message, self.unknown = message, unknown


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides, when and why. `demo` marks what is announced."""

    by: str
    name: str
    at: datetime
    comment: str | None = None
    demo: bool = False


def merge(connection: Connection, lead_id: UUID, other_id: UUID, decision: Decision) -> UUID:
    """Make `other_id` part of `lead_id`, which keeps its id; the id of what is recorded.

    Raises CannotRegroup.
    """
    survivors = grouping_store.survivors(connection, (lead_id, other_id))
    lead_id, other_id = (survivors.get(one, one) for one in (lead_id, other_id))
    if lead_id == other_id:
        raise CannotRegroup("They are one lead already.")
    priorities = grouping_store.priorities(connection)
    works = _locked(connection, (lead_id, other_id), priorities)
    lead, other = works[lead_id], works[other_id]
    if other.merged_into or lead.merged_into:
        raise CannotRegroup("One of them was merged a moment ago. Look again.")
    absorb(lead.state, other.state)
    # That they are one is known from now on: nothing is looked at as if it had been known before.
    lead.state.known = max(lead.state.known, microseconds(decision.at))
    other.merged_into = lead_id
    (done,) = grouping_store.merge(
        connection,
        [Merge(lead_id, other_id, by=decision.by, name=decision.name)],
        at=decision.at,
        comment=decision.comment,
    )
    _store(connection, (lead, other), demo=decision.demo)
    grouping_store.clear_merged(connection, [other_id])
    grouping_store.inherit_drafts(connection, [other_id])
    grouping_store.settle_pairs(connection, done, decision.at)
    assert done.regrouping_id is not None  # noqa: S101 - recorded
    return done.regrouping_id


def split(
    connection: Connection, lead_id: UUID, identities: Collection[int], decision: Decision
) -> tuple[UUID, UUID]:
    """Give what came by `identities` a lead of its own; (the id of what is recorded, the new lead).

    Raises CannotRegroup.
    """
    lead_id = grouping_store.survivors(connection, (lead_id,)).get(lead_id, lead_id)
    priorities = grouping_store.priorities(connection)
    work = _locked(connection, (lead_id,), priorities)[lead_id]
    if work.merged_into:
        raise CannotRegroup("It was merged a moment ago. Look again.")
    new = Work(uuid4(), LeadState())
    moved = grouping_store.move(connection, lead_id, new.lead_id, sorted(identities))
    if set(moved) != set(identities):
        raise CannotRegroup("Some of these identifiers are not this lead's. Look again.")
    _fold_again(connection, work, priorities)
    source = _fold_again(connection, new, priorities)
    if not (work.state.known and new.state.known):
        raise CannotRegroup("Each of the two needs an identifier that events came by; choose others.")
    _store(connection, (work, new), source=source, demo=decision.demo)
    recorded = grouping_store.record_split(
        connection,
        lead_id=lead_id,
        other_id=new.lead_id,
        identities=moved,
        by=decision.by,
        name=decision.name,
        at=decision.at,
        comment=decision.comment,
    )
    return recorded, new.lead_id


def undo(connection: Connection, regrouping_id: UUID, decision: Decision) -> None:
    """Put identifiers back where they were. What came since goes where its identifier goes.

    Raises CannotRegroup.
    """
    done = grouping_store.lock_regrouping(connection, regrouping_id)
    if done is None:
        raise CannotRegroup("There is no such decision.", unknown=True)
    if done["undone_at"]:
        raise CannotRegroup("It was undone before.")
    if done["kind"] == "split":
        merge(connection, done["lead_id"], done["other_id"], decision)
    else:
        _take_apart(connection, done, decision)
    grouping_store.record_undo(connection, regrouping_id, by=decision.by, name=decision.name, at=decision.at)


def _take_apart(connection: Connection, done: grouping_store.Row, decision: Decision) -> None:
    """Undo a merge: the lead that was merged stands again under its id."""
    other_id = done["other_id"]
    # Undone is recorded first: when it became known that they are one no longer counts.
    grouping_store.record_undo(
        connection, done["regrouping_id"], by=decision.by, name=decision.name, at=decision.at
    )
    lead_id = grouping_store.survivors(connection, (other_id,)).get(other_id)
    if lead_id is None:
        raise CannotRegroup("That lead stands by itself already.")
    priorities = grouping_store.priorities(connection)
    works = _locked(connection, (lead_id, other_id), priorities)
    lead, other = works[lead_id], works[other_id]
    if lead.merged_into or not other.merged_into:
        raise CannotRegroup("It changed a moment ago. Look again.")
    other.merged_into = None
    grouping_store.move(connection, lead_id, other_id, done["identities"])
    for work in (lead, other):
        _fold_again(connection, work, priorities)
        if not work.state.known:
            raise CannotRegroup("What came by its identifiers was split off since; undo that first.")
    _store(connection, (lead, other), demo=decision.demo)
    grouping_store.give_back_draft(connection, lead_id, other_id, done["draft_before"])
    grouping_store.bring_pairs_back(connection, other_id, done["regrouping_id"])


def _locked(connection: Connection, leads: tuple[UUID, ...], priorities: Priorities) -> dict[UUID, Work]:
    rows = store.lock_leads(connection, leads)
    if any(lead not in rows or rows[lead]["status"] == "erased" for lead in leads):
        raise CannotRegroup("There is no such lead, or it was erased.", unknown=True)
    return {lead: work_of(rows[lead], priorities) for lead in leads}


def _fold_again(connection: Connection, work: Work, priorities: Priorities) -> str:
    """Fold all that is stored of the lead; the source of its first event."""
    events = grouping_store.events_of(connection, work.lead_id)
    work.state = LeadState(priorities=priorities)
    for event in events:
        fold(work.state, event)
    merged_at = grouping_store.merged_at(connection, work.lead_id)
    if events and merged_at:
        work.state.known = max(work.state.known, microseconds(merged_at))
    return events[0].source if events else ""


def _store(connection: Connection, works: tuple[Work, Work], *, source: str = "", demo: bool) -> None:
    """Store both rows, tell of those closed or merged, and have the open ones scored again."""
    for work in works:
        work.source = work.source or source
    store.store_leads(connection, [effects.lead_row(work) for work in works])
    both = [work.lead_id for work in works]
    grouping_store.mark_regrouped(connection, both)
    grouping_store.mark_stale(connection, both)
    closed = [work for work in works if work.closed_now]
    store.bump_versions(connection, [work.lead_id for work in closed])
    outbox.add(connection, [effects.closed(work, demo=demo) for work in closed])
