"""What the responder tells the others: records of reply.events.v1."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts.topics import REPLY_EVENTS
from shared.records import Outgoing


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
