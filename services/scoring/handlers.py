"""What the scoring worker does with a batch of records, inside the transaction that moves its offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import structlog

from services.scoring import store
from services.scoring.identity import resolve
from services.scoring.intake import Intake, read
from services.scoring.model import score
from services.scoring.points import Point, fold_all, point
from services.scoring.reasons import explain
from services.scoring.registry import Published, Registry, grade_of
from services.scoring.state import PROFILE, LeadState, from_json, moment, to_json
from shared import outbox
from shared.contracts import rejection
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_json
from shared.contracts.topics import LEAD_MESSAGES, LEAD_SCORED
from shared.contracts.validation import check
from shared.postgres import Connection
from shared.records import Outgoing, Record

log = structlog.get_logger()

DRAFT_STATUS = {
    "drafted": "waiting",
    "approved": "approved",
    "rejected": "rejected",
    "sent": "sent",
    "failed": "failed",
}


@dataclass(slots=True)
class Work:
    """One lead of a batch: its state, and what its row held before."""

    lead_id: UUID
    state: LeadState
    score_version: int = 0
    status_before: str | None = None
    latest: Point | None = None
    snapshot_id: int | None = None


def on_events(
    connection: Connection, records: Sequence[Record], registry: Registry, *, demo: bool = False
) -> None:
    """Store, fold, look, score and announce the events of `records` that had no effect yet."""
    intakes, refused = _read_all(records)
    new, conflicting = store.take_new(connection, intakes)
    refused += [_conflict(intake) for intake in conflicting]
    outbox.add(connection, refused)
    if not new:
        return
    identity_ids, leads = _identify(connection, new)
    store.store_events(connection, ((intake, identity_ids[i]) for i, intake in enumerate(new)))
    works = _load(connection, set(leads))
    points: list[tuple[Work, Point]] = []
    by_lead: dict[UUID, list[Intake]] = {}
    for intake, lead_id in zip(new, leads, strict=True):
        by_lead.setdefault(lead_id, []).append(intake)
    for lead_id, intakes_of_lead in by_lead.items():
        work = works[lead_id]
        found = fold_all(work.state, (intake.event for intake in intakes_of_lead))
        points += [(work, one) for one in found]
        if found and work.state.status == "open":
            work.latest = found[-1]
    store.store_leads(connection, [_lead_row(works[lead_id], by_lead[lead_id][0]) for lead_id in by_lead])
    snapshot_ids = store.store_snapshots(
        connection, [_snapshot_row(work.lead_id, one) for work, one in points]
    )
    for (work, one), snapshot_id in zip(points, snapshot_ids, strict=True):
        if one is work.latest:
            work.snapshot_id = snapshot_id
    grades = announce_scores(connection, list(works.values()), registry.published(connection), demo=demo)
    outbox.add(connection, _messages(new, leads, works, grades))
    log.info("events_folded", new=len(new), records=len(records), leads=len(works), refused=len(refused))


def on_replies(connection: Connection, records: Sequence[Record]) -> None:
    """Show on each lead how its latest draft stands."""
    latest: dict[str, dict[str, Any]] = {}
    for record in records:
        try:
            event = cast(dict[str, Any], parse_json(record.value or b""))
            check(event, "reply.events")
        except InvalidEvent as error:
            outbox.add(connection, [rejection.of_record(record, "reply_event_invalid", error.message)])
            continue
        latest[event["lead_id"]] = {
            "lead_id": event["lead_id"],
            "draft_id": event["draft_id"],
            "version": event["version"],
            "status": DRAFT_STATUS[event["event"]],
        }
    store.show_drafts(connection, list(latest.values()))


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
        threshold_version=published.threshold_version,
        limit=limit,
    )
    works = [_work(row) for row in rows]
    for work in works:
        # Never before what is already known: a history may end after this clock's now.
        work.latest = point(work.state, max(as_of, moment(work.state.known)), "refresh")
    ids = store.store_snapshots(
        connection, [_snapshot_row(work.lead_id, work.latest) for work in works if work.latest]
    )
    for work, snapshot_id in zip(works, ids, strict=True):
        work.snapshot_id = snapshot_id
    announce_scores(connection, works, published, demo=demo)
    return len(works)


def announce_scores(
    connection: Connection, works: Sequence[Work], published: Published | None, *, demo: bool
) -> dict[UUID, str]:
    """Score the works that have a latest point, store and publish; tell of closed leads too. Lead → grade."""
    closed = [w for w in works if w.score_version and w.status_before == "open" != w.state.status]
    store.bump_versions(connection, [work.lead_id for work in closed])
    outgoing = [_scored(work, None, work.score_version + 1, demo=demo) for work in closed]
    rows = _score_rows([w for w in works if w.latest is not None], published) if published else []
    store.store_scores(connection, rows)
    by_id = {work.lead_id: work for work in works}
    outgoing += [_scored(by_id[row["lead_id"]], row, row["score_version"], demo=demo) for row in rows]
    outbox.add(connection, outgoing)
    return {row["lead_id"]: row["grade"] for row in rows}


def _read_all(records: Sequence[Record]) -> tuple[list[Intake], list[Outgoing]]:
    intakes: list[Intake] = []
    refused: list[Outgoing] = []
    for record in records:
        try:
            intakes.append(read(record))
        except InvalidEvent as error:
            refused.append(rejection.of_record(record, "event_invalid", error.message))
    return intakes, refused


def _conflict(intake: Intake) -> Outgoing:
    return rejection.of_event(
        {"source": intake.event.source, "id": intake.event.id, "data": intake.event.data},
        "id_reused",
        "An event with this source and id was already taken with another content; the first one counts.",
    )


def _identify(connection: Connection, new: Sequence[Intake]) -> tuple[list[int], list[UUID]]:
    """The identity and the lead of each event; identifiers met for the first time are stored."""
    wanted = {identifier for intake in new for identifier in intake.identifiers}
    per_event = [intake.identifiers for intake in new]
    known = store.known_identities(connection, wanted)
    if known.keys() != wanted:
        leads_of = {identifier: lead for identifier, (_, lead) in known.items()}
        subjects = store.subject_sources(connection, sorted(set(leads_of.values())))
        store.join_identities(connection, resolve(per_event, leads_of, subjects, uuid4).joined)
        # Another worker may have stored some of them meanwhile: what is stored now decides.
        known = store.known_identities(connection, wanted)
    leads_of = {identifier: lead for identifier, (_, lead) in known.items()}
    resolution = resolve(per_event, leads_of, {}, uuid4)
    store.suspect_duplicates(connection, resolution.suspected)
    return [known[identifiers[0]][0] for identifiers in per_event], resolution.leads


def _load(connection: Connection, leads: set[UUID]) -> dict[UUID, Work]:
    rows = store.lock_leads(connection, leads)
    return {
        lead_id: _work(rows[lead_id]) if lead_id in rows else Work(lead_id, LeadState()) for lead_id in leads
    }


def _work(row: Mapping[str, Any]) -> Work:
    state = from_json(row["state"])
    return Work(row["lead_id"], state, row["score_version"], state.status)


def _lead_row(work: Work, first: Intake) -> store.Row:
    state = work.state
    erased = state.status == "erased"
    return {
        "lead_id": work.lead_id,
        "state": to_json(LeadState() if erased else state) | {"known": state.known},
        "status": state.status,
        **{name: None if erased else state.value(name) for name in PROFILE},
        "source": first.event.source,
        "created_at": moment(state.first or state.known),
        "last_activity_at": moment(state.last or state.known),
        "closed_at": moment(state.registers["outcome"][1][0]) if state.status in ("won", "lost") else None,
        "message_waiting": state.message_waiting and not erased,
    }


def _snapshot_row(lead_id: UUID, one: Point) -> store.Row:
    return {
        "lead_id": lead_id,
        "kind": one.kind,
        "as_of": one.as_of,
        "last_source": one.last_source,
        "last_id": one.last_id,
        "features": one.features,
    }


def _score_rows(works: Sequence[Work], published: Published) -> list[store.Row]:
    snapshots = [work.latest.features for work in works if work.latest]
    scored = score(published.model, snapshots)
    return [
        {
            "lead_id": work.lead_id,
            "score_version": work.score_version + 1,
            "snapshot_id": work.snapshot_id,
            "as_of": work.latest.as_of if work.latest else None,
            "model_version": published.model.version,
            "threshold_version": published.threshold_version,
            "probability": one.probability,
            "log_odds": one.log_odds,
            "base_log_odds": one.base_log_odds,
            "grade": grade_of(one.probability, published.cuts),
            "reasons": [
                {"code": r.code, "params": r.params, "contribution": r.contribution}
                for r in explain(one, snapshot, published.model.columns)
            ],
        }
        for work, one, snapshot in zip(works, scored, snapshots, strict=True)
    ]


def _external_ids(state: LeadState) -> list[dict[str, Any]]:
    # A subject that is an address would be personal data, which lead.scored.v1 does not carry.
    return [
        {"source": register.removeprefix("subject."), "subject": value}
        for register, (value, _) in sorted(state.registers.items())
        if register.startswith("subject.") and "@" not in str(value)
    ]


def _scored(work: Work, row: store.Row | None, version: int, *, demo: bool) -> Outgoing:
    if work.state.status == "erased":
        return Outgoing(LEAD_SCORED, str(work.lead_id), None)
    fields = ("probability", "grade", "log_odds", "model_version")
    value = {
        "lead_id": work.lead_id,
        "score_version": version,
        "external_ids": _external_ids(work.state),
        "as_of": row["as_of"] if row else moment(work.state.known),
        **{name: row[name] if row else None for name in fields},
        "reasons": row["reasons"] if row else [],
        "status": work.state.status,
        "demo": demo,
    }
    return Outgoing(LEAD_SCORED, str(work.lead_id), orjson.dumps(value))


def _messages(
    new: Sequence[Intake], leads: Sequence[UUID], works: Mapping[UUID, Work], grades: Mapping[UUID, str]
) -> list[Outgoing]:
    """What people wrote, for the responder. Declared history is not answered: it was, or it is too late."""
    return [
        Outgoing(LEAD_MESSAGES, str(lead_id), orjson.dumps(_message(intake, works[lead_id], grades)))
        for intake, lead_id in zip(new, leads, strict=True)
        if intake.event.type == "crm.message.received"
        and not intake.history
        and intake.event.data.get("text")
        and works[lead_id].state.status != "erased"
    ]


def _message(intake: Intake, work: Work, grades: Mapping[UUID, str]) -> dict[str, Any]:
    event, state = intake.event, work.state
    return {
        "lead_id": work.lead_id,
        "message": {
            "source": event.source,
            "id": event.id,
            "occurred_at": event.occurred_at,
            **{name: event.data.get(name) for name in ("channel", "subject", "text", "thread_id")},
        },
        "language": event.data.get("language") or state.value("language"),
        "grade": grades.get(work.lead_id),
        "stage": state.value("stage"),
        "lead": {
            **{name: state.value(name) for name in ("name", "company", "email")},
            "attributes": {
                register.removeprefix("attribute."): value
                for register, (value, _) in state.registers.items()
                if register.startswith("attribute.")
            },
        },
        "traceparent": intake.traceparent,
    }
