"""What the scoring worker does with a batch of records, inside the transaction that moves its offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from services.scoring import effects, grouping_store, store
from services.scoring.drafts import ReplyEvent, follow, read_reply
from services.scoring.effects import Work
from services.scoring.intake import Intake, read
from services.scoring.priority import LATEST, Stamp
from services.scoring.recognising import Recognised, recognise
from services.scoring.registry import Published, Registry
from services.scoring.snapshots import Snapshot, fold_all, take
from services.scoring.state import LeadState, moment
from shared import outbox
from shared.contracts import rejection
from shared.contracts.errors import InvalidEvent
from shared.contracts.steps import EventStep, ScoreStep, event_steps, score_steps
from shared.postgres import Connection
from shared.records import Outgoing, Record

log = structlog.get_logger()

INVALID = "invalid_event"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch came to: how many records are no events, and what became of each event."""

    invalid: int
    steps: list[EventStep]


def on_events(
    connection: Connection, records: Sequence[Record], registry: Registry, *, demo: bool = False
) -> Taken:
    """Store, fold, look, score and announce the events of `records` that had no effect yet."""
    intakes: list[Intake] = []
    refused: list[Outgoing] = []
    for record in records:
        try:
            intakes.append(read(record))
        except InvalidEvent as error:
            refused.append(_refused(record, error))
    invalid = len(refused)
    new, conflicting = store.take_new(connection, intakes)
    for intake in conflicting:
        _log_rejected(intake.record, effects.ID_REUSED)
        refused.append(effects.conflict(intake))
    outbox.add(connection, refused)
    taken: dict[int, tuple[UUID, int | None, str | None]] = {}
    if new:
        found = recognise(connection, new, grouping_store.priorities(connection))
        leads, works = found.leads, found.works
        _take_in(connection, new, found)
        published = registry.published(connection)
        scores = _announce(connection, list(works.values()), published, demo=demo)
        messages = [
            effects.message(intake, works[lead_id], scores.get(lead_id, {}).get("grade"))
            for intake, lead_id in zip(new, leads, strict=True)
        ]
        outbox.add(connection, [one for one in messages if one is not None])
        for intake, lead_id in zip(new, leads, strict=True):
            version = scores.get(lead_id, {}).get("score_version")
            unscored = None if version else effects.unscored(works[lead_id], published)
            taken[id(intake)] = (lead_id, version, unscored)
        log.info("events_folded", new=len(new), records=len(records), leads=len(works), refused=len(refused))
    told = {id(intake) for intake in conflicting}
    steps = [_step(intake, taken.get(id(intake)), conflict=id(intake) in told) for intake in intakes]
    outbox.add(connection, event_steps(steps, datetime.now(UTC)))
    return Taken(invalid, steps)


def _step(intake: Intake, taken: tuple[UUID, int | None, str | None] | None, *, conflict: bool) -> EventStep:
    lead_id, version, unscored = taken or (None, None, None)
    outcome = "new" if taken else "conflict" if conflict else "repeated"
    event = intake.event
    return EventStep(event.source, event.id, intake.received_at, outcome, lead_id, version, unscored)


def on_replies(connection: Connection, records: Sequence[Record]) -> None:
    """Show on each lead how its latest draft stands."""
    replies: list[ReplyEvent] = []
    for record in records:
        try:
            replies.append(read_reply(record))
        except InvalidEvent as error:
            outbox.add(connection, [_refused(record, error)])
    if not replies:
        return
    # A merged lead's draft is shown by the survivor's row, and noted in its own for an undo.
    survivors = grouping_store.survivors(connection, {reply.lead_id for reply in replies})
    replies += [replace(r, lead_id=survivors[r.lead_id]) for r in replies if r.lead_id in survivors]
    before = store.lock_drafts(connection, {reply.lead_id for reply in replies})
    after = dict(before)
    for reply in replies:
        if reply.lead_id in after:
            after[reply.lead_id] = follow(after[reply.lead_id], reply)
    store.show_drafts(
        connection,
        {lead_id: shown for lead_id, shown in after.items() if shown and shown != before[lead_id]},
    )


def refresh(
    connection: Connection, registry: Registry, *, as_of: datetime, before: datetime, limit: int, demo: bool
) -> int:
    """Score again open leads that another model scored or that were last looked at before `before`.

    Returns how many were scored, at most `limit`; they are locked in the caller's transaction.
    """
    published = registry.published(connection)
    if published is None:
        return 0
    rows = store.take_stale_leads(
        connection,
        before=before,
        model_version=published.model.version,
        threshold_version=published.policy.version,
        leaning_before=as_of - published.policy.decider.patience,
        limit=limit,
    )
    priorities = grouping_store.priorities(connection) if rows else LATEST
    works = [effects.work_of(row, priorities) for row in rows]
    for work in works:
        # Never before what is already known: a history may end after this clock's now.
        work.latest = take(work.state, max(as_of, moment(work.state.known)), "refresh")
    _store_snapshots(connection, [(work, work.latest) for work in works if work.latest])
    _announce(connection, works, published, demo=demo)
    return len(works)


def _take_in(connection: Connection, new: Sequence[Intake], found: Recognised) -> None:
    """Fold the events into their leads; store both, what was seen, and which visitors became known.

    Of an erased lead nothing is stored but that it is.
    """
    works = found.works
    by_lead: dict[UUID, list[Intake]] = {}
    for intake, lead_id in zip(new, found.leads, strict=True):
        by_lead.setdefault(lead_id, []).append(intake)
    visits: dict[Stamp, list[LeadState]] = {}
    for visitor, position in found.merged.items():
        visits.setdefault(new[position].event.stamp, []).append(works[visitor].state)
    snapshots: list[tuple[Work, Snapshot]] = []
    # Those that become part of another first, in the order in which they do: what they did comes with them.
    for lead_id, intakes in sorted(by_lead.items(), key=lambda item: found.merged.get(item[0], len(new))):
        work = works[lead_id]
        taken = fold_all(work.state, (intake.event for intake in intakes), visits)
        if work.state.status != "erased":
            snapshots += [(work, snapshot) for snapshot in taken]
        if taken and work.status == "open":
            work.latest = taken[-1]
    for lead_id, intakes in by_lead.items():
        works[lead_id].source = works[lead_id].source or intakes[0].event.source
    store.store_leads(
        connection,
        [effects.lead_row(work) for work in works.values() if work.status_before != "erased"],
    )
    if found.merged:
        grouping_store.clear_merged(connection, found.merged)
        grouping_store.inherit_drafts(connection, found.merged)
    for merge in found.merges:
        grouping_store.settle_pairs(connection, merge, datetime.now(UTC))
    _forget_erased(connection, [work.lead_id for work in works.values() if work.erased_now])
    store.store_events(
        connection,
        [
            (intake, identity)
            for intake, identity, lead in zip(new, found.identities, found.leads, strict=True)
            if works[lead].state.status != "erased"
        ],
    )
    _store_snapshots(connection, snapshots)


def _forget_erased(connection: Connection, erased: Sequence[UUID]) -> None:
    """Take from the rows what they still showed; topics forget the leads that became part of them too."""
    if not erased:
        return
    merged = grouping_store.merged_from(connection, erased)
    store.clear_erased(connection, [*erased, *merged])
    grouping_store.forget(connection, [*erased, *merged])
    outbox.add(connection, [effects.forgotten(lead_id) for lead_id, version in merged.items() if version])
    outbox.add(connection, [effects.unwritten(lead_id) for lead_id in (*erased, *merged)])


def _store_snapshots(connection: Connection, snapshots: Sequence[tuple[Work, Snapshot]]) -> None:
    ids = store.store_snapshots(
        connection, [effects.snapshot_row(work.lead_id, snapshot) for work, snapshot in snapshots]
    )
    for (work, snapshot), snapshot_id in zip(snapshots, ids, strict=True):
        if snapshot is work.latest:
            work.snapshot_id = snapshot_id


def _announce(
    connection: Connection, works: Sequence[Work], published: Published | None, *, demo: bool
) -> dict[UUID, Mapping[str, Any]]:
    """Score the works that have a snapshot to score, store and publish; tell of closed leads too.

    Lead → its new score.
    """
    closed = [work for work in works if work.closed_now]
    store.bump_versions(connection, [work.lead_id for work in closed])
    rows = effects.score_rows(works, published) if published else []
    store.store_scores(connection, rows)
    by_id = {work.lead_id: work for work in works}
    changes = [effects.grade_changed(by_id[row["lead_id"]], row, demo=demo) for row in rows]
    outbox.add(
        connection,
        [change for change in changes if change is not None]
        + [effects.closed(work, demo=demo) for work in closed]
        + [effects.scored(by_id[row["lead_id"]], row, demo=demo) for row in rows]
        + score_steps(
            [
                ScoreStep(row["lead_id"], row["score_version"])
                for row in rows
                if by_id[row["lead_id"]].never_scored
            ],
            datetime.now(UTC),
        ),
    )
    return {row["lead_id"]: row for row in rows}


def _refused(record: Record, error: InvalidEvent) -> Outgoing:
    _log_rejected(record, INVALID)
    return rejection.of_record(record, INVALID, error.message)


def _log_rejected(record: Record, reason: str) -> None:
    log.warning(
        "record_rejected",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
    )
