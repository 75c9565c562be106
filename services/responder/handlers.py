"""What the worker does with a batch of records, inside the transaction that moved the offsets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog

from services.responder import store
from services.responder.asking import requests
from services.responder.composing import compose
from services.responder.drafting import Draft, Evidence, House, Lead, Message, asked
from services.responder.embedding import Embedder
from services.responder.events import reply_event
from services.responder.incoming import opts_out
from services.responder.language import message_language
from services.responder.learning import Learnt
from services.responder.retrieval import Asked, embed_first, find_passages
from services.responder.style import store as styles
from shared import outbox
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_time
from shared.contracts.rejection import of_record
from shared.contracts.topics import LEAD_MESSAGES, REPLY_EVENTS
from shared.contracts.validation import read
from shared.postgres import Connection
from shared.records import Outgoing, Record

log = structlog.get_logger()

MOST_BEFORE = 5
"""Earlier messages of a lead, unanswered, that a draft answers too."""
NOT_FOUND = ("nothing_close", "no_knowledge")
"""Reasons that may be wrong while much of the knowledge has no vector yet."""

_SCHEMAS = {LEAD_MESSAGES: "lead.messages", REPLY_EVENTS: "reply.events"}


@dataclass(frozen=True, slots=True)
class Drafting:
    """What drafts are made with."""

    embedder: Embedder
    house: House
    evidence: Evidence
    demo: bool
    learnt: Callable[[], Learnt] = Learnt
    """What the house's decisions have taught so far."""
    rephrase: bool = False
    """Whether a language model is asked to reword drafts, behind them."""


def on_records(connection: Connection, records: Sequence[Record], drafting: Drafting) -> None:
    """Draft an answer to each new message, follow what became of approved replies, quarantine the rest.

    Drafts come first: within a batch a delivery never precedes its draft's message. Erased leads come last:
    nothing that they wrote follows.
    """
    values: dict[str, list[dict[str, Any]]] = {LEAD_MESSAGES: [], REPLY_EVENTS: []}
    refused, erased = [], []
    for record in records:
        try:
            if record.topic == LEAD_MESSAGES and record.value is None:
                erased.append(_erased(record))
                continue
            values[record.topic].append(_parse(record))
        except InvalidEvent as error:
            log.warning(
                "record_rejected", topic=record.topic, partition=record.partition, offset=record.offset
            )
            refused.append(of_record(record, "invalid_event", error.message))
    outbox.add(connection, refused)
    on_messages(connection, values[LEAD_MESSAGES], drafting)
    on_deliveries(connection, values[REPLY_EVENTS])
    if erased:
        store.forget_leads(connection, erased)
        log.info("leads_forgotten", count=len(erased))


def on_messages(connection: Connection, values: Sequence[dict[str, Any]], drafting: Drafting) -> None:
    """Keep the messages not seen before and a draft for each; announce which wait, and which no longer do."""
    values = list({(v["message"]["source"], v["message"]["id"]): v for v in reversed(values)}.values())[::-1]
    new = store.add_messages(connection, values) if values else set()
    values = [v for v in values if (v["message"]["source"], v["message"]["id"]) in new]
    if not values:
        return
    messages = [_message(value) for value in values]
    leads = [store.lead_of(UUID(value["lead_id"]), value["lead"]) for value in values]
    languages = [
        message_language(asked(message), value["language"], lead.attributes)
        for message, lead, value in zip(messages, leads, values, strict=True)
    ]
    before = _unanswered(connection, messages, leads)
    own = [requests(message.text) for message in messages]
    asked_of = [
        [[Asked(text, language) for text in texts] for texts in ([asked(message)], earlier, parts)]
        for message, language, earlier, parts in zip(messages, languages, before, own, strict=True)
    ]
    # Each once: what waits unanswered is asked again for every message that goes on from it.
    questions = list(dict.fromkeys(one for groups in asked_of for group in groups for one in group))
    learning = embed_first(connection, drafting.embedder, questions)
    passages = find_passages(connection, drafting.embedder, questions, drafting.learnt())
    found = dict(zip(questions, passages, strict=True))
    style = styles.in_force(connection)
    drafts = []
    for message, lead, language, earlier, groups in zip(
        messages, leads, languages, before, asked_of, strict=True
    ):
        (whole,), waiting, requested = ([found[one] for one in group] for group in groups)
        draft = compose(
            message,
            lead,
            whole,
            house=drafting.house,
            language=language,
            evidence=drafting.evidence,
            style=style,
            earlier=earlier,
            before=waiting,
            requests=requested,
        )
        if learning and draft.reason in NOT_FOUND:
            draft = replace(draft, reason="being_learnt")
        drafts.append((uuid4(), message, lead, draft))
    store.add_drafts(connection, drafts, rephrase=drafting.rephrase)
    for draft_id, _, lead, draft in drafts:
        log.info("message_answered", lead_id=str(lead.lead_id), draft_id=str(draft_id), status=draft.status)
    stale = store.supersede(connection, {lead.lead_id for lead in leads})
    traces = [value.get("traceparent") for value in values]
    outbox.add(connection, _announcements(drafts, traces, stale, demo=drafting.demo))


def _unanswered(
    connection: Connection, messages: Sequence[Message], leads: Sequence[Lead]
) -> list[list[str]]:
    """For each message, what its lead wrote before in that conversation and nobody answered."""
    written = store.unanswered(connection, {lead.lead_id for lead in leads})
    for message, lead in zip(messages, leads, strict=True):
        written[lead.lead_id].append(message)
    texts = {
        lead_id: [
            (one, text)
            for one in sorted(some, key=lambda one: one.occurred_at)
            if not opts_out(text := asked(one))
        ]
        for lead_id, some in written.items()
    }
    return [
        [text for one, text in texts[lead.lead_id] if message.goes_on_from(one)][-MOST_BEFORE:]
        for message, lead in zip(messages, leads, strict=True)
    ]


def _announcements(
    drafts: Sequence[tuple[UUID, Message, Lead, Draft]],
    traces: Sequence[str | None],
    stale: Sequence[Mapping[str, Any]],
    *,
    demo: bool,
) -> list[Outgoing]:
    """The drafts that wait, and those announced before that wait no more; those first."""
    now = datetime.now(UTC)
    new = {draft_id for draft_id, *_ in drafts}
    overtaken = {row["draft_id"] for row in stale}
    told = [("stale", row) for row in stale if row["announced"] and row["draft_id"] not in new]
    for (draft_id, message, lead, draft), traceparent in zip(drafts, traces, strict=True):
        if draft.status == "waiting" and draft_id not in overtaken:
            row = {
                "draft_id": draft_id,
                "version": 1,
                "lead_id": lead.lead_id,
                "message_source": message.source,
                "message_id": message.id,
                "traceparent": traceparent,
            }
            told.append(("drafted", row))
    return [reply_event(event, row, at=now, demo=demo) for event, row in told]


def on_deliveries(connection: Connection, values: Sequence[dict[str, Any]]) -> None:
    """Mark drafts sent or failed as write-back reports. Our own events come back here too: nothing to do."""
    outcomes: dict[tuple[str, int], str] = {}
    for value in values:
        key = (value["draft_id"], value["version"])
        if value["event"] in ("sent", "failed") and outcomes.get(key) != "sent":
            outcomes[key] = value["event"]
    if outcomes:
        store.follow_deliveries(connection, outcomes)


def _parse(record: Record) -> dict[str, Any]:
    """The record's value. Raises InvalidEvent when no retry will mend it."""
    value = read(record.value, _SCHEMAS[record.topic])
    for name in ("lead_id", "draft_id"):
        try:
            UUID(value.get(name, value["lead_id"]))
        except ValueError as error:
            raise InvalidEvent(f"{name}: give a UUID", f"/{name}") from error
    if record.topic == LEAD_MESSAGES:
        parse_time(value["message"]["occurred_at"])
    return value


def _erased(record: Record) -> UUID:
    """The lead that is to be forgotten. Raises InvalidEvent."""
    try:
        return UUID(record.key)
    except ValueError as error:
        raise InvalidEvent("a record without a value has a lead's UUID as its key", "") from error


def _message(value: dict[str, Any]) -> Message:
    message = value["message"]
    return Message(
        message["source"],
        message["id"],
        message.get("subject"),
        message["text"],
        parse_time(message["occurred_at"]),
        message.get("thread_id"),
        value["grade"],
        value["stage"],
    )
