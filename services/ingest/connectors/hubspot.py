"""HubSpot webhooks, signature version 3.

https://developers.hubspot.com/docs/api/webhooks/validating-requests
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Any

from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    as_list,
    as_object,
    event,
    hydrate,
    identity,
    is_scalar,
    required,
    required_time,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import same
from services.ingest.connectors.webhook_call import Event, SignatureRefused, WebhookCall

TOLERANCE_MS = 300_000
# HubSpot signs the URI with these escapes of its query decoded.
DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$",
    "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ESCAPE = re.compile("|".join(DECODED), re.IGNORECASE)

PROFILE = {"email", "phone", "company"}
CONTACT_TYPE = "0-1"
"""objectTypeId of contacts, in the subscriptions named object.* instead of contact.*"""


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
    if not same(given, signature(secret, call.method, call.url, call.body, timestamp)):
        raise SignatureRefused("X-HubSpot-Signature-v3 does not match")


def translate(payload: Any, call: WebhookCall) -> Translated:
    """The events of each notification of the array; one that is not understood costs no other."""
    return translate_each(as_list(payload), _events, call)


def _events(notification: Any) -> Iterator[Event]:
    told = as_object(notification)
    kind = text(told.get("subscriptionType")) or ""
    if kind.startswith("object.") and told.get("objectTypeId") == CONTACT_TYPE:
        kind = f"contact.{kind.removeprefix('object.')}"
    contact = required(identity(told.get("objectId")), "objectId")
    portal = required(identity(told.get("portalId")), "portalId")
    # eventId is not unique, and a retry differs in attemptNumber only.
    parts = (told.get(name, "") for name in ("occurredAt", "subscriptionId", "eventId", "propertyName"))
    base: dict[str, Any] = {
        "source": f"hubspot:{portal}",
        "event_id": ":".join(str(part) for part in (kind, contact, *parts)),
        "time": required_time(told.get("occurredAt"), "occurredAt", per_second=1000),
        "subject": contact,
    }
    match kind:
        case "contact.creation":
            yield event("crm.lead.created", **base, hydrate=hydrate("hubspot", "contact", contact))
        case "contact.propertyChange":
            yield _property(base, required(text(told.get("propertyName")), "propertyName"), told)
        case "contact.deletion" | "contact.restore":
            yield event("crm.lead.updated", **base, deleted_at_source=kind == "contact.deletion")
        case "contact.privacyDeletion":
            yield event("crm.lead.erased", **base)
        case "contact.merge":
            yield from _merged(base, contact, told)
        case _:
            raise NotUnderstood(f"subscription type {short(told.get('subscriptionType'))} is not handled")


def _property(base: dict[str, Any], name: str, told: Any) -> Event:
    value = told.get("propertyValue")
    if name == "lifecyclestage" and text(value):
        return event("crm.stage.changed", **base, to=value)
    if name in PROFILE:
        return event("crm.lead.updated", **base, lead={name: text(value)})
    # An emptied property is a null, which is not the same as one that was never told.
    value = value if is_scalar(value) and value != "" else None
    return event("crm.lead.updated", **base, lead={"attributes": {name: value}})


def _merged(base: dict[str, Any], contact: str, told: Any) -> Iterator[Event]:
    """Each contact that went says which one it became, and the one that stays asks for the rest.

    All carry the remaining id as an external id, by which the leads are recognised as one.
    """
    primary = identity(told.get("primaryObjectId")) or contact
    remaining = identity(told.get("newObjectId")) or primary
    gone = [identity(one) for one in as_list(told.get("mergedObjectIds")) if one is not None]
    lead = {"external_ids": {base["source"]: remaining}}
    for one in dict.fromkeys([*gone, primary]):
        if one != remaining:
            subject = required(one, "mergedObjectIds")
            yield event(
                "crm.lead.updated",
                **{**base, "event_id": f"{base['event_id']}:{subject}", "subject": subject},
                lead=lead,
                merged_into=remaining,
            )
    yield event(
        "crm.lead.updated",
        **{**base, "subject": remaining},
        lead=lead,
        hydrate=hydrate("hubspot", "contact", remaining),
    )
