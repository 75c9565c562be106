"""What events would do: the worker's own handler in a transaction that is rolled back."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import structlog
from psycopg import Rollback

from services.scoring import grouping_store, handlers, store
from services.scoring.intake import read
from services.scoring.priority import Priorities
from services.scoring.registry import Registry
from services.scoring.state import LeadState, from_json
from shared.contracts.errors import InvalidEvent
from shared.contracts.topics import CRM_EVENTS
from shared.postgres import Pool
from shared.records import Record

LOCK_TIMEOUT = "2s"
Row = dict[str, Any]


def dry_run(pool: Pool, registry: Registry, events: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One answer an event, in order: {outcome, error, lead, changes, score}. Each sees those before it.

    `outcome` is new, repeated, conflict or invalid; the rest is for new ones. Nothing is kept but gaps in
    sequences. Raises psycopg's LockNotAvailable when a worker holds the same leads for longer than it should.
    """
    answers: list[Row] = []
    with (
        structlog.contextvars.bound_contextvars(dry_run=True),
        pool.connection() as connection,
        connection.transaction(),
    ):
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        priorities = grouping_store.priorities(connection)
        for event in events:
            try:
                record = _record(event)
                intake = read(record)
            except InvalidEvent as error:
                answers.append({"outcome": "invalid", "error": error.message})
                continue
            known = store.known_identities(connection, intake.identifiers)
            lead_ids = {lead_id for _, lead_id in known.values()}
            before = {lead_id: store.lead(connection, lead_id) for lead_id in lead_ids}
            (step,) = handlers.on_events(connection, [record], registry).steps
            answer: Row = {"outcome": step.outcome, "error": None}
            if step.lead_id is not None:
                after = store.lead(connection, step.lead_id)
                answer |= _effect(step.lead_id, before.get(step.lead_id), after, step.unscored, priorities)
            answers.append(answer)
        raise Rollback
    return answers


def _record(event: Mapping[str, Any]) -> Record:
    try:
        value = orjson.dumps({"receivedat": datetime.now(UTC).isoformat(), **event})
    except TypeError as error:
        raise InvalidEvent("not valid JSON in UTF-8: a lone surrogate, or nested too deep") from error
    return Record(CRM_EVENTS, 0, 0, "", value)


def _effect(
    lead_id: UUID, before: Row | None, after: Row | None, unscored: str | None, priorities: Priorities
) -> Row:
    was = from_json(before["state"], priorities) if before else LeadState()
    becomes = from_json(after["state"], priorities) if after else LeadState()
    return {
        "lead": {"lead_id": lead_id, "new": before is None, "status": becomes.status},
        "changes": _changes(was, becomes),
        "score": {"before": _score(before), "after": _score(after), "why_not": unscored},
    }


def _changes(was: LeadState, becomes: LeadState) -> list[Row]:
    """Which of the lead's values change, from what to what; what is counted by its number."""
    old, new = _values(was), _values(becomes)
    return [
        {"field": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _values(state: LeadState) -> Row:
    counted = {f"activity.{name}": sum(activity.days.values()) for name, activity in state.activities.items()}
    return {name: state.value(name) for name in state.registers} | counted


def _score(row: Row | None) -> Row | None:
    if row is None or row["probability"] is None:
        return None
    return {name: row[name] for name in ("score_version", "probability", "grade", "reasons")}
