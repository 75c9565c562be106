"""What the worker does with a batch of records, inside the transaction that moved the offsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog

from services.responder import store
from services.responder.drafting import Evidence, House, Message, asked, compose
from services.responder.embedding import Embedder
from services.responder.events import reply_event
from services.responder.language import message_language
from services.responder.retrieval import Asked, embed_waiting, find_passages
from shared import outbox
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_time
from shared.contracts.rejection import of_record
from shared.contracts.topics import LEAD_MESSAGES, REPLY_EVENTS
from shared.contracts.validation import read
from shared.postgres import Connection
from shared.records import Record

log = structlog.get_logger()

_SCHEMAS = {LEAD_MESSAGES: "lead.messages", REPLY_EVENTS: "reply.events"}


@dataclass(frozen=True, slots=True)
class Drafting:
    """What drafts are made with."""

    embedder: Embedder
    house: House
    evidence: Evidence
    demo: bool


def on_records(connection: Connection, records: Sequence[Record], drafting: Drafting) -> None:
    """Draft an answer to each new message, follow what became of approved replies, quarantine the rest.

    Drafts come first: within a batch a delivery never precedes its draft's message.
    """
    values: dict[str, list[dict[str, Any]]] = {LEAD_MESSAGES: [], REPLY_EVENTS: []}
    refused = []
    for record in records:
        try:
            values[record.topic].append(_parse(record))
        except InvalidEvent as error:
            log.warning(
                "record_rejected", topic=record.topic, partition=record.partition, offset=record.offset
            )
            refused.append(of_record(record, "invalid_event", error.message))
    outbox.add(connection, refused)
    on_messages(connection, values[LEAD_MESSAGES], drafting)
    on_deliveries(connection, values[REPLY_EVENTS])


def on_messages(connection: Connection, values: Sequence[dict[str, Any]], drafting: Drafting) -> None:
    """Keep the messages not seen before and a draft for each; announce the drafts that wait."""
    values = list({(v["message"]["source"], v["message"]["id"]): v for v in reversed(values)}.values())[::-1]
    new = store.add_messages(connection, values) if values else set()
    values = [v for v in values if (v["message"]["source"], v["message"]["id"]) in new]
    if not values:
        return
    # A passage posted before the message must be found, even if the thread that embeds has not come to it.
    while embed_waiting(connection, drafting.embedder):
        pass
    messages = [_message(value) for value in values]
    leads = [store.lead_of(UUID(value["lead_id"]), value["lead"]) for value in values]
    questions = [
        Asked(asked(message), message_language(asked(message), value["language"], lead.attributes))
        for message, lead, value in zip(messages, leads, values, strict=True)
    ]
    found = find_passages(connection, drafting.embedder, questions)
    drafts = [
        (
            uuid4(),
            message,
            lead,
            compose(
                message,
                lead,
                passages,
                house=drafting.house,
                language=question.language,
                evidence=drafting.evidence,
            ),
        )
        for message, lead, question, passages in zip(messages, leads, questions, found, strict=True)
    ]
    store.add_drafts(connection, drafts)
    now = datetime.now(UTC)
    announced = []
    for (draft_id, message, lead, draft), value in zip(drafts, values, strict=True):
        log.info("message_answered", lead_id=str(lead.lead_id), draft_id=str(draft_id), status=draft.status)
        if draft.status == "waiting":
            row = {
                "draft_id": draft_id,
                "version": 1,
                "lead_id": lead.lead_id,
                "message_source": message.source,
                "message_id": message.id,
                "traceparent": value.get("traceparent"),
            }
            announced.append(reply_event("drafted", row, at=now, demo=drafting.demo))
    outbox.add(connection, announced)


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


def _message(value: dict[str, Any]) -> Message:
    message = value["message"]
    return Message(
        message["source"],
        message["id"],
        message.get("subject"),
        message["text"],
        parse_time(message["occurred_at"]),
    )
