"""What is not usable goes to crm.rejected.v1 whole, with the reason, for a person to mend and replay."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts.topics import CRM_REJECTED, MAX_EVENT_BYTES
from shared.records import Outgoing, Record


def rejected(
    raw: bytes,
    *,
    source: str,
    connector: str,
    reason: str,
    detail: str,
    content_type: str = "application/cloudevents+json",
    event_key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Outgoing:
    """`reason` is a code, `detail` says in words what to do; the raw bytes are kept as they came."""
    if len(raw) > MAX_EVENT_BYTES:
        raw, detail = raw[:MAX_EVENT_BYTES], f"{detail} (only the first {MAX_EVENT_BYTES} bytes are kept)"
    value = {
        "source": source,
        "connector": connector,
        "received_at": datetime.now(UTC),
        "reason": reason,
        "detail": detail,
        "raw_base64": base64.b64encode(raw).decode(),
        "content_type": content_type,
        "event_key": event_key,
        "headers": dict(headers or {}),
    }
    return Outgoing(CRM_REJECTED, source, orjson.dumps(value))


def of_record(record: Record, reason: str, detail: str) -> Outgoing:
    """A record that a worker could not use."""
    return rejected(
        record.value or b"", source=record.key, connector=record.topic, reason=reason, detail=detail
    )


def of_event(event: Mapping[str, Any], reason: str, detail: str) -> Outgoing:
    """A well-formed event that cannot be taken."""
    return rejected(
        orjson.dumps(event),
        source=event["source"],
        connector="events",
        reason=reason,
        detail=detail,
        event_key=f"{event['source']}|{event['id']}",
    )
