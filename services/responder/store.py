"""Messages, drafts and decisions as rows; events as records of the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from services.responder.drafting import CHANNEL, Draft, Lead, Message, Passage, Sentence
from services.responder.retrieval import QUERIES
from shared.contracts.topics import REPLY_EVENTS
from shared.postgres import Connection
from shared.records import Outgoing

SCHEMA = "responder"


def add_messages(connection: Connection, values: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Keep messages (values of lead.messages.v1) and return the (source, id) of those not seen before."""
    rows = [
        {name: value["message"].get(name) for name in _MESSAGE_FIELDS}
        | {"lead_id": value["lead_id"], "lead": value["lead"], "traceparent": value.get("traceparent")}
        for value in values
    ]
    added = connection.execute(QUERIES["add_messages"], {"rows": Jsonb(rows)}).fetchall()
    return {(row["source"], row["id"]) for row in added}


_MESSAGE_FIELDS = ("source", "id", "channel", "subject", "text", "thread_id", "occurred_at")


def add_drafts(connection: Connection, drafts: Sequence[tuple[UUID, Message, Lead, Draft]]) -> None:
    """Keep new drafts, each with its id, the message that it answers and the lead."""
    rows = [
        {
            "draft_id": str(draft_id),
            "lead_id": str(lead.lead_id),
            "message_source": message.source,
            "message_id": message.id,
            "status": draft.status,
            "language": draft.language,
            "channel": CHANNEL,
            "sender": draft.sender,
            "recipients": list(draft.recipients),
            "subject": draft.subject,
            "body": draft.body,
            "sentences": [_sentence(sentence) for sentence in draft.sentences],
            "gaps": list(draft.gaps),
            "similarity": draft.similarity,
            "reason": draft.reason,
            "nearest": [_nearest(passage) for passage in draft.nearest],
        }
        for draft_id, message, lead, draft in drafts
    ]
    connection.execute(QUERIES["add_drafts"], {"rows": Jsonb(rows)})


def lead_of(lead_id: UUID, lead: Mapping[str, Any]) -> Lead:
    """A lead as lead.messages.v1 describes it."""
    return Lead(
        lead_id, lead.get("name"), lead.get("company"), lead.get("email"), lead.get("attributes") or {}
    )


def find_drafts(
    connection: Connection,
    *,
    draft_id: UUID | None = None,
    status: str | None = None,
    lead_id: UUID | None = None,
    before: tuple[datetime, UUID] | None = None,
    count: int = 1,
) -> list[dict[str, Any]]:
    """Drafts with their message and decision, the newest first, those after the row `before`."""
    values = {"draft_id": draft_id, "status": status, "lead_id": lead_id, "count": count}
    moment, at_id = before or (None, None)
    return connection.execute(
        QUERIES["list_drafts"], values | {"before": moment, "before_id": at_id}
    ).fetchall()


def reply_event(
    event: str,
    draft: Mapping[str, Any],
    *,
    at: datetime,
    demo: bool,
    user: tuple[str, str] | None = None,
    content: Mapping[str, Any] | None = None,
    sha256: str | None = None,
) -> Outgoing:
    """A record of reply.events.v1 about a draft (a row's names: draft_id, version, lead_id, message_…)."""
    value = {
        "event": event,
        "draft_id": str(draft["draft_id"]),
        "version": draft["version"],
        "lead_id": str(draft["lead_id"]),
        "at": at.astimezone(UTC).isoformat(),
        "user": {"id": user[0], "name": user[1]} if user else None,
        "message": {"source": draft["message_source"], "id": draft["message_id"]},
        "content": content,
        "sha256": sha256,
        "demo": demo,
    }
    headers = {"traceparent": draft["traceparent"]} if draft.get("traceparent") else {}
    return Outgoing(REPLY_EVENTS, value["lead_id"], orjson.dumps(value), headers)


def _sentence(sentence: Sentence) -> dict[str, Any]:
    source = asdict(sentence)
    text = source.pop("text")
    source["passage_id"] = str(sentence.passage_id) if sentence.passage_id else None
    return {"text": text, "source": source}


def _nearest(passage: Passage) -> dict[str, Any]:
    return {
        "passage_id": str(passage.passage_id),
        "kind": passage.kind,
        "language": passage.language,
        "title": passage.title,
        "similarity": round(passage.similarity, 3),
    }
