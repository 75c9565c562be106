"""Dynamics 365 (Dataverse) webhooks: the execution context of a step, as JSON.

https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks
"""

import hashlib
import json
import re
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
    from_seconds,
    hydrate,
    identity,
    required,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.signing import in_query, same
from services.ingest.connectors.webhook_call import Event, SignatureRefused, WebhookCall

HEADER = "x-webhook-key"
NOBODY = "00000000-0000-0000-0000-000000000000"
# Microsoft's JSON dates: milliseconds since 1970 in UTC; the offset behind them is only shown.
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
_NOT_FEATURES = re.compile(
    r"(emailaddress\d|telephone\d|mobilephone|fullname|firstname|lastname|companyname|address\d_.*|estimatedamount"
    r"|statecode|statuscode|actual.*|createdon|modifiedon|.*date|.*id|versionnumber|overriddencreatedon)"
)
QUALIFIED, DISQUALIFIED = 1, 2
WON, LOST = 1, 2


def verify(call: WebhookCall, secret: str) -> None:
    """The key is in the header X-Webhook-Key ("HttpHeader") or in the query as `code` ("WebhookKey").

    Raises SignatureRefused.
    """
    # Both are always compared, so that the time does not tell which one was given.
    in_header, in_address = same(call.headers.get(HEADER, ""), secret), same(in_query(call, "code"), secret)
    if not in_header and not in_address:
        raise SignatureRefused("neither the header X-Webhook-Key nor ?code= of the address is the key")


def translate(payload: Any, call: WebhookCall) -> Translated:
    """The event of one step on lead, contact or opportunity."""
    return translate_each([payload], lambda one: _events(one, call), call)


def _events(payload: Any, call: WebhookCall) -> Iterator[Event]:
    context = as_object(payload)
    organisation = required(identity(context.get("OrganizationId")), "OrganizationId")
    record = required(identity(context.get("PrimaryEntityId")), "PrimaryEntityId")
    entity, message = context.get("PrimaryEntityName"), context.get("MessageName")
    base: dict[str, Any] = {
        "source": f"dynamics:{organisation}",
        "event_id": _event_id(context),
        "time": _moment(context.get("OperationCreatedOn")) or call.received_at.isoformat(),
    }
    # The target holds what changed; an image, when the step has one, all that the record then was.
    target = _values(_parameter(context.get("InputParameters"), "Target"))
    images = as_list(context.get("PostEntityImages"))
    known = {
        name: value for image in images for name, value in _values(field(image, "value")).items()
    } | target
    match entity, message:
        case "lead" | "contact", "Create" | "Update":
            yield from _person(base, str(entity), str(message), record, known, target)
        case "lead" | "contact", "Delete":
            yield event("crm.lead.updated", **base, subject=f"{entity}:{record}", deleted_at_source=True)
        case "opportunity", "Create" | "Update":
            yield _opportunity(base, known, target)
        case _:
            raise NotUnderstood(f"{short(message)} of {short(entity)} is not handled")


def _person(
    base: dict[str, Any], entity: str, message: str, record: str, known: Any, target: Any
) -> Iterator[Event]:
    base = {**base, "subject": f"{entity}:{record}"}
    state = amount(target.get("statecode")) if entity == "lead" else None
    if state == QUALIFIED:
        yield event("crm.lead.converted", **base, amount=amount(known.get("estimatedamount")))
        return
    if state == DISQUALIFIED:
        yield event("crm.lead.lost", **base, reason=identity(target.get("statuscode")))
        return
    names = [text(known.get("firstname")), text(known.get("lastname"))]
    yield event(
        "crm.lead.created" if message == "Create" else "crm.lead.updated",
        **base,
        lead={
            "email": text(known.get("emailaddress1")),
            "phone": text(known.get("mobilephone")) or text(known.get("telephone1")),
            "name": text(known.get("fullname")) or " ".join(name for name in names if name) or None,
            "company": text(known.get("companyname")),
            "attributes": attributes(
                {name: value for name, value in known.items() if not _NOT_FEATURES.fullmatch(name)}
            ),
        },
        owner=identity(known.get("ownerid")),
        amount=amount(known.get("estimatedamount")),
        # Beyond 256 kB Dataverse leaves out what happened and says so in a header.
        hydrate=None if known else hydrate("dynamics", entity, record),
    )


def _opportunity(base: dict[str, Any], known: Any, target: Any) -> Event:
    lead, contact = identity(known.get("originatingleadid")), identity(known.get("parentcontactid"))
    if lead is None and contact is None:
        raise NotUnderstood(
            "the opportunity names neither originatingleadid nor parentcontactid: add both to a post image"
        )
    base = {**base, "subject": f"lead:{lead}" if lead else f"contact:{contact}"}
    value = amount(known.get("actualvalue")) or amount(known.get("estimatedvalue"))
    state = amount(target.get("statecode"))
    if state == WON:
        return event("crm.lead.converted", **base, amount=value)
    if state == LOST:
        return event("crm.lead.lost", **base, amount=value, reason=identity(target.get("statuscode")))
    if stage := text(target.get("stepname")):
        return event("crm.stage.changed", **base, to=stage)
    return event("crm.lead.updated", **base, amount=amount(known.get("estimatedvalue")))


def _event_id(context: Any) -> str:
    """Dataverse sends the same context again: its operation names it.

    A synchronous step has no operation: what it was told is then part of the id.
    """
    parts = [context.get(name) for name in ("MessageName", "PrimaryEntityName", "PrimaryEntityId")]
    operation = identity(context.get("OperationId"))
    if operation is None or operation == NOBODY:
        told = [context.get(name) for name in ("CorrelationId", "RequestId", "OperationCreatedOn", "Depth",
                                               "InputParameters")]  # fmt: skip
        operation = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
    return ":".join(str(part) for part in (*parts, operation))


def _moment(value: Any) -> str | None:
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    return from_seconds(int(found[1]) / 1000) if found else text(value)


def _parameter(parameters: Any, key: str) -> Any:
    return next((field(one, "value") for one in as_list(parameters) if field(one, "key") == key), None)


def _values(entity: Any) -> dict[str, Any]:
    """The attributes of an entity by name; a choice or an amount gives its value, a reference its id."""
    return {
        name: _plain(field(one, "value"))
        for one in as_list(field(entity, "Attributes"))
        if (name := text(field(one, "key")))
    }


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "Value" not in value:
        return value.get("Id")
    # The number of a choice is a name: no quantity.
    choice = str(value.get("__type")).startswith("OptionSetValue")
    return identity(value["Value"]) if choice else value["Value"]
