"""HubSpot webhooks, signature version 3.

https://developers.hubspot.com/docs/api/webhooks/validating-requests
"""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any

from services.ingest.connectors.webhook_call import SignatureRefused, Untranslatable, WebhookCall

TOLERANCE_MS = 300_000
# HubSpot signs the URI with these escapes of its query decoded.
DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$",
    "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ESCAPE = re.compile("|".join(DECODED), re.IGNORECASE)

PROFILE = {"email", "phone", "company"}


def signed_uri(url: str) -> str:
    path, mark, query = url.partition("?")
    return path + mark + _ESCAPE.sub(lambda match: DECODED[match[0].upper()], query)


def signature(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    message = method.encode() + signed_uri(url).encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused."""
    timestamp = call.headers.get("x-hubspot-request-timestamp", "")
    given = call.headers.get("x-hubspot-signature-v3", "")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:
        raise SignatureRefused("X-HubSpot-Request-Timestamp is missing or no number of milliseconds")
    if abs(call.received_at.timestamp() * 1000 - int(timestamp)) > TOLERANCE_MS:
        raise SignatureRefused("the call is more than five minutes old")
    expected = signature(secret, call.method, call.url, call.body, timestamp)
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise SignatureRefused("X-HubSpot-Signature-v3 does not match")


def translate(payload: Any, call: WebhookCall) -> list[dict[str, Any]]:
    """One event per notification of the array. Raises Untranslatable."""
    notifications = payload if isinstance(payload, list) else [payload]
    return [_event(notification) for notification in notifications]


def _event(notification: Any) -> dict[str, Any]:
    try:
        kind = notification["subscriptionType"]
        portal, contact, happened = (notification[n] for n in ("portalId", "objectId", "occurredAt"))
        if not isinstance(contact, int | str):
            raise TypeError("objectId")
        # eventId is not unique, and a retry differs in attemptNumber only.
        parts = (notification.get(n, "") for n in ("subscriptionId", "eventId", "propertyName"))
        event_id = ":".join(str(part) for part in (kind, contact, happened, *parts))
        base = {
            "specversion": "1.0",
            "id": event_id,
            "source": f"hubspot:{portal}",
            "subject": str(contact),
            "time": datetime.fromtimestamp(happened / 1000, tz=UTC).isoformat(),
        }
        if kind == "contact.creation":
            return {**base, "type": "crm.lead.created", "data": {"lead": {}}}
        if kind == "contact.propertyChange":
            return base | _property(notification["propertyName"], notification.get("propertyValue"))
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise Untranslatable(f"not a HubSpot notification: {type(error).__name__} {error}") from error
    raise Untranslatable(f"subscription type {str(kind)[:80]!r} is not handled yet")


def _property(name: str, value: Any) -> dict[str, Any]:
    if name == "lifecyclestage":
        return {"type": "crm.stage.changed", "data": {"lead": {}, "to": value}}
    lead = {name: value} if name in PROFILE else {"attributes": {name: value}}
    return {"type": "crm.lead.updated", "data": {"lead": lead}}
