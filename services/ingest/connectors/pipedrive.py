"""Pipedrive webhooks, version 2: persons, deals and leads.

https://pipedrive.readme.io/docs/guide-for-webhooks-v2
"""

from collections.abc import Iterator
from typing import Any

from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    amount,
    as_list,
    as_object,
    attributes,
    event,
    field,
    hydrate,
    identity,
    required,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import check_basic
from services.ingest.connectors.webhook_call import Event, WebhookCall

# What a person's record says besides who it is; times and ids are no features, and counts tell the outcome.
PERSON_ATTRIBUTES = ("job_title", "label", "marketing_status")

verify = check_basic


def translate(payload: Any, call: WebhookCall) -> Translated:
    """The events of one notification. The subject is the person, of whom deals and leads speak."""
    return translate_each([payload], _events, call)


def _events(payload: Any) -> Iterator[Event]:
    meta = as_object(field(payload, "meta"))
    company = required(identity(meta.get("company_id")), "meta.company_id")
    base: dict[str, Any] = {
        "source": f"pipedrive:{company}",
        # The id of the event: attempts share it, and so do two webhooks that tell the same event.
        "event_id": required(identity(meta.get("id")), "meta.id"),
        "time": required(text(meta.get("timestamp")), "meta.timestamp"),
    }
    action = meta.get("action")
    data, previous = as_object(field(payload, "data")), as_object(field(payload, "previous"))
    match meta.get("entity"), action:
        case "person", "create" | "change" | "delete":
            yield _person(base, str(action), meta, data)
        case "deal", "create" | "change":
            yield from _deal(base, data, previous)
        case "lead", "create" | "change":
            person = _person_of(data)
            yield event(
                "crm.lead.updated",
                **base,
                subject=person,
                amount=amount(field(data, "value", "amount")),
                source_channel=text(data.get("source_name")),
            )
        case entity, _:
            raise NotUnderstood(f"{short(action)} of {short(entity)} is not handled")


def _person(base: dict[str, Any], action: str, meta: Any, data: Any) -> Event:
    person = required(identity(meta.get("entity_id")), "meta.entity_id")
    if action == "delete":
        merged_into = identity(meta.get("merged_to_id"))
        joined = {"external_ids": {base["source"]: merged_into}} if merged_into else None
        return event(
            "crm.lead.updated",
            **base,
            subject=person,
            lead=joined,
            merged_into=merged_into,
            deleted_at_source=None if merged_into else True,
        )
    known = {name: data.get(name) for name in PERSON_ATTRIBUTES}
    lead: dict[str, Any] = {
        "email": _primary(data.get("emails")),
        "phone": _primary(data.get("phones")),
        "name": text(data.get("name")),
        "company": text(data.get("org_name")),
        "attributes": attributes(known) | attributes(_custom(data)),
    }
    if identity(meta.get("merged_from_id")):
        lead["external_ids"] = {base["source"]: person}
    return event(
        "crm.lead.created" if action == "create" else "crm.lead.updated",
        **base,
        subject=person,
        lead=lead,
        owner=identity(data.get("owner_id")),
        hydrate=None if data else hydrate("pipedrive", "person", person),
    )


def _deal(base: dict[str, Any], data: Any, previous: Any) -> Iterator[Event]:
    person = _person_of(data)
    value = amount(data.get("value"))
    base = {**base, "subject": person}
    status = data.get("status")
    # `previous` holds what changed: a deal that was won long ago and is only renamed is not won again.
    turned = not previous or "status" in previous
    if status == "won" and turned:
        yield event("crm.lead.converted", **base, amount=value)
    elif status == "lost" and turned:
        yield event("crm.lead.lost", **base, amount=value, reason=text(data.get("lost_reason")))
    elif (
        (stage := identity(data.get("stage_id")))
        and status == "open"
        and (not previous or "stage_id" in previous)
    ):
        moved: dict[str, Any] = {"from": identity(previous.get("stage_id")), "to": stage}
        yield event("crm.stage.changed", **base, **moved)
        yield event("crm.lead.updated", **{**base, "event_id": f"{base['event_id']}:amount"}, amount=value)
    else:
        yield event("crm.lead.updated", **base, amount=value if status == "open" else None)


def _person_of(data: Any) -> str:
    person = identity(data.get("person_id")) or identity(field(data.get("person_id"), "value"))
    if person is None:
        raise NotUnderstood("it is linked to no person: there is no lead to tell it of")
    return person


def _primary(values: Any) -> str | None:
    """The address or number marked as primary, else the first."""
    listed = [as_object(one) for one in as_list(values)]
    ordered = sorted(listed, key=lambda one: one.get("primary") is not True)
    return next((found for one in ordered if (found := text(one.get("value")))), None)


def _custom(data: Any) -> dict[str, Any]:
    """Custom fields, each an object of a type and a value, by their key."""
    return {
        key: field(value, "value") if isinstance(value, dict) else value
        for key, value in as_object(data.get("custom_fields")).items()
    }
