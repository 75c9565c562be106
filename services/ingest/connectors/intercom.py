"""Intercom webhooks: contacts and conversations.

https://developers.intercom.com/docs/references/webhooks/webhook-models
"""

from collections.abc import Iterator
from typing import Any

from services.ingest.connectors.plain_text import from_html
from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    as_list,
    as_object,
    attributes,
    cut,
    event,
    field,
    hydrate,
    identity,
    required,
    required_time,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import check_header, hmac_hex
from services.ingest.connectors.webhook_call import Event, WebhookCall

CREATED = {"created"}
UPDATED = {"updated", "signed_up", "added_email"}


def verify(call: WebhookCall, secret: str) -> None:
    """Raises SignatureRefused. SHA-1 is the vendor's choice; as an HMAC it still holds."""
    check_header(call, "x-hub-signature", f"sha1={hmac_hex(secret, call.body, 'sha1')}")


def translate(payload: Any, call: WebhookCall) -> Translated:
    """The event of one notification; none for the test that Intercom sends when the address is saved."""
    if field(payload, "topic") == "ping":
        return []
    return translate_each([payload], _events, call)


def _events(payload: Any) -> Iterator[Event]:
    topic = text(field(payload, "topic")) or ""
    item = as_object(field(payload, "data", "item"))
    base: dict[str, Any] = {
        "source": f"intercom:{required(identity(field(payload, 'app_id')), 'app_id')}",
        # The same for each attempt: only delivery_attempts grows.
        "event_id": required(identity(field(payload, "id")), "id"),
        "time": required_time(field(payload, "created_at"), "created_at"),
    }
    about, _, what = topic.partition(".")
    if about in ("contact", "user"):
        yield _contact(base, topic, what.rpartition(".")[2], item)
    elif topic in ("conversation.user.created", "conversation.user.replied"):
        yield _message(base, "crm.message.received", item)
    elif topic in ("conversation.admin.replied", "conversation.admin.single.created"):
        yield _message(base, "crm.message.sent", item)
    else:
        raise _unknown(topic)


def _unknown(topic: str) -> NotUnderstood:
    return NotUnderstood(f"topic {short(topic)} is not handled")


def _contact(base: dict[str, Any], topic: str, what: str, item: Any) -> Event:
    # Tags and subscriptions come around the contact that they belong to.
    contact = as_object(item.get("contact")) or item
    subject = required(identity(contact.get("id")), "data.item.id")
    base = {**base, "subject": subject, "lead": _lead(contact)}
    if what in CREATED:
        return event("crm.lead.created", **base, owner=identity(contact.get("owner_id")))
    if what in UPDATED:
        bare = contact.keys() <= {"type", "id", "workspace_id", "external_id", "role"}
        wanted = hydrate("intercom", "contact", subject) if bare else None
        return event("crm.lead.updated", **base, owner=identity(contact.get("owner_id")), hydrate=wanted)
    if what in ("deleted", "archived"):
        return event("crm.lead.updated", **base, deleted_at_source=True)
    if what == "unarchived":
        return event("crm.lead.updated", **base, deleted_at_source=False)
    if what == "merged":
        return event("crm.lead.updated", **base, hydrate=hydrate("intercom", "contact", subject))
    if what == "unsubscribed":
        return event("crm.email.unsubscribed", **base)
    raise _unknown(topic)


def _lead(contact: Any) -> dict[str, Any]:
    own_id = identity(contact.get("external_id")) or identity(contact.get("user_id"))
    companies = as_list(field(contact, "companies", "companies")) or as_list(
        field(contact, "companies", "data")
    )
    return {
        "email": text(contact.get("email")),
        "phone": text(contact.get("phone")),
        "name": text(contact.get("name")),
        "company": next((name for one in companies if (name := text(field(one, "name")))), None),
        "external_ids": {"intercom_user": own_id} if own_id else None,
        "attributes": attributes(contact.get("custom_attributes")),
    }


def _message(base: dict[str, Any], event_type: str, conversation: Any) -> Event:
    """The newest words of the conversation: its last part that has some, else what opened it."""
    source = as_object(conversation.get("source")) or as_object(conversation.get("conversation_message"))
    parts = as_list(field(conversation, "conversation_parts", "conversation_parts"))
    bodies = [text(field(part, "body")) for part in [source, *parts]]
    body = next((written for written in reversed(bodies) if written), None)
    if body is None:
        raise NotUnderstood("the conversation has no text")
    contact = _customer(conversation, source, parts)
    return event(
        event_type,
        **base,
        subject=required(identity(contact.get("id")), "the contact's id"),
        lead=_lead(contact),
        channel="email" if source.get("type") == "email" else "chat",
        text=cut(from_html(body)),
        thread_id=identity(conversation.get("id")),
    )


def _customer(conversation: Any, source: Any, parts: list[Any]) -> Any:
    """Who is not of the house: an author of the conversation, else its contact, else its user."""
    authors = (as_object(field(one, "author")) for one in [*reversed(parts), source])
    author = next((one for one in authors if one.get("type") in ("user", "lead", "contact")), {})
    listed = as_list(field(conversation, "contacts", "contacts"))
    contact = as_object(listed[0]) if listed else {}
    return {**as_object(conversation.get("user")), **contact, **author}
