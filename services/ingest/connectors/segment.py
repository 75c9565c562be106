"""Segment: identify, track, page, screen and group, as its webhooks destination posts them.

https://segment.com/docs/connections/spec/
"""

from collections.abc import Iterator
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
    required,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import check_header, hmac_hex
from services.ingest.connectors.webhook_call import Event, WebhookCall

SOURCE = "segment"
PROFILE = ("email", "phone", "name", "firstName", "lastName", "company")
# The names that Segment's specification gives to what happens to an e-mail.
EMAIL_EVENTS = {
    "Email Opened": "crm.email.opened",
    "Email Link Clicked": "crm.email.clicked",
    "Email Bounced": "crm.email.bounced",
    "Unsubscribed": "crm.email.unsubscribed",
}
MAX_ACTIVITY_CHARS = 128


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused. SHA-1 is the vendor's choice; as an HMAC it still holds."""
    check_header(call, "x-signature", hmac_hex(secret, call.body, "sha1"))


def translate(payload: Any, call: WebhookCall) -> Translated:
    """One event per call of the body, which is one call or a list of them."""
    batch = field(payload, "batch")
    calls = batch if isinstance(batch, list) else as_list(payload)
    return translate_each(calls, _events, call)


def _events(call: Any) -> Iterator[Event]:
    told = as_object(call)
    times = (text(told.get(name)) for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt"))
    user = identity(told.get("userId"))
    base: dict[str, Any] = {
        "source": SOURCE,
        "event_id": required(identity(told.get("messageId")), "messageId"),
        "time": required(next((time for time in times if time), None), "timestamp"),
        "subject": user,
    }
    traits = as_object(told.get("traits")) or as_object(field(told, "context", "traits"))
    match told.get("type"):
        case "identify":
            lead = _lead(told, user, traits) | {"attributes": attributes(traits, leave_out=PROFILE)}
            yield event("crm.lead.updated", **base, lead=lead)
        case "track":
            yield _track(base, _lead(told, user, traits), told)
        case "page" | "screen":
            url = text(field(told, "properties", "url")) or text(field(told, "context", "page", "url"))
            yield event(
                "crm.page.viewed",
                **base,
                lead=_lead(told, user, traits),
                url=url,
                title=text(told.get("name")),
            )
        case "group":
            # The traits are the company's, not the person's.
            company = {
                f"company.{name}": value for name, value in attributes(traits, leave_out=("name",)).items()
            }
            lead = _lead(told, user, {"company": traits.get("name")}) | {"attributes": company}
            yield event("crm.lead.updated", **base, lead=lead)
        case kind:
            raise NotUnderstood(f"type {short(kind)} is not handled")


def _track(base: dict[str, Any], lead: dict[str, Any], told: Any) -> Event:
    name = required(text(told.get("event")), "event")
    properties = as_object(told.get("properties"))
    if name in EMAIL_EVENTS:
        return event(
            EMAIL_EVENTS[name],
            **base,
            lead=lead,
            campaign=text(properties.get("campaign_name"))
            or text(field(told, "context", "campaign", "name")),
            url=text(properties.get("link_url")),
        )
    return event(
        "crm.activity.logged",
        **base,
        lead=lead,
        activity=name[:MAX_ACTIVITY_CHARS],
        properties=attributes(properties),
    )


def _lead(told: Any, user: str | None, traits: Any) -> dict[str, Any]:
    """The user's id and the browser's: the first call that has both joins the visits before it."""
    anonymous = identity(told.get("anonymousId"))
    names = [text(traits.get("firstName")), text(traits.get("lastName"))]
    company = traits.get("company")
    ids = {"segment_user": user, "segment_anonymous": anonymous}
    return {
        "email": text(traits.get("email")),
        "phone": text(traits.get("phone")),
        "name": text(traits.get("name")) or " ".join(name for name in names if name) or None,
        "company": text(company) or text(field(company, "name")),
        "external_ids": {name: value for name, value in ids.items() if value},
    }
