"""Calendly webhooks: meetings booked and cancelled.

https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    as_list,
    as_object,
    attributes,
    event,
    field,
    identity,
    is_scalar,
    required,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import hmac_hex, same
from services.ingest.connectors.webhook_call import Event, SignatureRefused, WebhookCall
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_time

SOURCE = "calendly"
TOLERANCE_S = 300


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused."""
    header = call.headers.get("calendly-webhook-signature", "")
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    timestamp = parts.get("t", "")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise SignatureRefused("Calendly-Webhook-Signature is missing or has no t=<seconds>")
    if abs(call.received_at.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise SignatureRefused("the call is more than five minutes old")
    if not same(parts.get("v1", ""), hmac_hex(secret, f"{timestamp}.".encode() + call.body, "sha256")):
        raise SignatureRefused("Calendly-Webhook-Signature does not match")


def translate(payload: Any, call: WebhookCall) -> Translated:
    """One event about the invitee; the lead is the invitee's address."""
    return translate_each([payload], _events, call)


def _events(payload: Any) -> Iterator[Event]:
    kind = text(field(payload, "event")) or ""
    invitee = as_object(field(payload, "payload"))
    uri = required(identity(invitee.get("uri")), "payload.uri")
    # There is no id of the delivery; an invitee books once and cancels once.
    base: dict[str, Any] = {
        "source": SOURCE,
        "event_id": f"{kind}:{uri}",
        "time": required(text(field(payload, "created_at")), "created_at"),
        "lead": _lead(invitee),
    }
    match kind:
        case "invitee.created":
            yield event(
                "crm.meeting.booked", **base, duration_s=_duration_s(invitee), answers=_answers(invitee)
            )
        case "invitee.canceled":
            outcome = "rescheduled" if invitee.get("rescheduled") is True else _reason(invitee)
            yield event("crm.meeting.cancelled", **base, outcome=outcome)
        case "invitee_no_show.created":
            # It can be marked, unmarked and marked again.
            mark = identity(field(invitee, "no_show", "uri")) or ""
            base["event_id"] = f"{kind}:{uri}:{mark}"
            yield event("crm.activity.logged", **base, activity="meeting_no_show")
        case _:
            raise NotUnderstood(f"event {short(field(payload, 'event'))} is not handled")


def _lead(invitee: Any) -> dict[str, Any]:
    tracking = as_object(invitee.get("tracking"))
    names = [text(invitee.get("first_name")), text(invitee.get("last_name"))]
    salesforce = identity(tracking.get("salesforce_uuid"))
    return {
        "email": text(invitee.get("email")),
        "phone": text(invitee.get("text_reminder_number")),
        "name": text(invitee.get("name")) or " ".join(name for name in names if name) or None,
        "external_ids": {"salesforce": salesforce} if salesforce else None,
        "attributes": attributes(tracking, leave_out=("salesforce_uuid",)),
    }


def _duration_s(invitee: Any) -> float | None:
    meeting = field(invitee, "scheduled_event")
    start, end = text(field(meeting, "start_time")), text(field(meeting, "end_time"))
    try:
        lasted = parse_time(end) - parse_time(start) if start and end else None
    except InvalidEvent:
        return None
    return lasted.total_seconds() if lasted is not None and lasted >= timedelta(0) else None


def _answers(invitee: Any) -> dict[str, Any]:
    pairs = (as_object(pair) for pair in as_list(invitee.get("questions_and_answers")))
    return {
        question: pair["answer"]
        for pair in pairs
        if (question := text(pair.get("question"))) and is_scalar(pair.get("answer"))
    }


def _reason(invitee: Any) -> str | None:
    canceled_by = text(field(invitee, "cancellation", "canceler_type"))
    return f"cancelled by {canceled_by}" if canceled_by else None
