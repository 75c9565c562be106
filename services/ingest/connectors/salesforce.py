"""Salesforce outbound messages: SOAP in, an acknowledgement out.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm
"""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.ElementTree import fromstring

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
from services.ingest.connectors.signing import same
from services.ingest.connectors.webhook_call import (
    Acknowledgement,
    Event,
    SecretUnusable,
    SignatureRefused,
    WebhookCall,
)
from shared.contracts.errors import InvalidEvent

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
MAX_NOTIFICATIONS = 100
SHORT_ID_CHARS, LONG_ID_CHARS = 15, 18

PROFILE = ("Email", "Phone", "MobilePhone", "Name", "FirstName", "LastName", "Company")
NOT_FEATURES = {
    *PROFILE, "Id", "type", "OwnerId", "Status", "StageName", "ContactId", "AccountId", "CreatedDate",
    "LastModifiedDate", "SystemModstamp", "CreatedById", "LastModifiedById", "IsConverted", "ConvertedDate",
    "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId", "IsWon", "IsClosed", "CloseDate",
    "Amount", "Probability", "IsDeleted",
}  # fmt: skip


def verify(call: WebhookCall, secret: str) -> None:
    """`secret` is the organisation's id, of 15 or 18 characters: the first 15 name it.

    Raises SignatureRefused, and SecretUnusable when the secret is no such id.
    """
    if len(secret) not in (SHORT_ID_CHARS, LONG_ID_CHARS):
        raise SecretUnusable("it is the id of the Salesforce organisation, 15 or 18 characters from 00D")
    try:
        given = text(field(parse(call), "OrganizationId")) or ""
    except InvalidEvent as error:
        raise SignatureRefused("not an outbound message: its OrganizationId cannot be read") from error
    compared = min(len(given), len(secret))
    if compared < SHORT_ID_CHARS or not same(given[:compared], secret[:compared]):
        raise SignatureRefused("OrganizationId does not match")


def parse(call: WebhookCall) -> dict[str, Any]:
    """The message as JSON: OrganizationId, ActionId and the notifications, each with Id and sObject.

    The session id is left out: it opens the organisation. Raises InvalidEvent.
    """
    try:
        root = fromstring(call.body, forbid_dtd=True)
    # DTDs and entities are ValueErrors of defusedxml; unknown encodings are LookupErrors.
    except (ParseError, ValueError, LookupError) as error:
        raise InvalidEvent(f"not XML without DTD: {type(error).__name__}") from error
    message = root.find(f"{{{SOAP}}}Body/{{{OUTBOUND}}}notifications")
    if message is None:
        raise InvalidEvent("the SOAP body holds no notifications")
    return {
        "OrganizationId": _text(message, "OrganizationId"),
        "ActionId": _text(message, "ActionId"),
        "Notification": [_notification(one) for one in message.findall(f"{{{OUTBOUND}}}Notification")],
    }


def translate(payload: Any, call: WebhookCall) -> Translated:
    """The events of each of up to 100 notifications; one that is not understood costs no other."""
    organisation = identity(field(payload, "OrganizationId"))
    notifications = as_list(field(payload, "Notification"))
    return translate_each(
        notifications,
        lambda one: _events(one, organisation, call),
        call,
        raw_of=lambda one: _envelope(organisation, one),
    )


def acknowledge(accepted: int, rejected: Any) -> Acknowledgement:
    """Kafka holds all, refused notifications too: Salesforce need not send them again."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body>'
        f'<notificationsResponse xmlns="{OUTBOUND}"><Ack>true</Ack></notificationsResponse>'
        "</soapenv:Body></soapenv:Envelope>"
    )
    return Acknowledgement(200, "text/xml; charset=utf-8", body.encode())


def _events(notification: Any, organisation: str | None, call: WebhookCall) -> Iterator[Event]:
    record = as_object(field(notification, "sObject"))
    times = (text(record.get(name)) for name in ("LastModifiedDate", "SystemModstamp"))
    base: dict[str, Any] = {
        "source": f"salesforce:{required(organisation, 'OrganizationId')}",
        "event_id": required(identity(field(notification, "Id")), "Notification.Id"),
        "time": next((time for time in times if time), call.received_at.isoformat()),
    }
    match record.get("type"):
        case "Lead" | "Contact" as kind:
            yield from _person(base, kind, record)
        case "Opportunity":
            yield from _opportunity(base, record)
        case kind:
            raise NotUnderstood(f"object {short(kind)} is not handled")


def _person(base: dict[str, Any], kind: str, record: Any) -> Iterator[Event]:
    subject = required(identity(record.get("Id")), "sObject.Id")
    base = {**base, "subject": subject}
    names = [text(record.get("FirstName")), text(record.get("LastName"))]
    contact = identity(record.get("ConvertedContactId"))
    lead = {
        "email": text(record.get("Email")),
        "phone": text(record.get("Phone")) or text(record.get("MobilePhone")),
        "name": text(record.get("Name")) or " ".join(name for name in names if name) or None,
        "company": text(record.get("Company")),
        # A lead becomes a contact: both carry the contact's id, by which they are recognised as one.
        "external_ids": {base["source"]: contact or subject} if contact or kind == "Contact" else None,
        "attributes": attributes(record, leave_out=NOT_FEATURES),
    }
    if record.get("IsConverted") == "true":
        yield event("crm.lead.converted", **base, lead=lead)
        return
    created = text(record.get("CreatedDate"))
    yield event(
        "crm.lead.created" if created and created == base["time"] else "crm.lead.updated",
        **base,
        lead=lead,
        owner=identity(record.get("OwnerId")),
        hydrate=hydrate("salesforce", kind, subject) if record.keys() <= {"type", "Id"} else None,
    )
    yield from _stage(base, record.get("Status"))


def _opportunity(base: dict[str, Any], record: Any) -> Iterator[Event]:
    contact = identity(record.get("ContactId"))
    if contact is None:
        raise NotUnderstood("the opportunity has no ContactId: add that field to the outbound message")
    base = {**base, "subject": contact}
    value = amount(record.get("Amount"))
    if record.get("IsClosed") == "true" and record.get("IsWon") in ("true", "false"):
        won = record["IsWon"] == "true"
        yield event("crm.lead.converted" if won else "crm.lead.lost", **base, amount=value)
        return
    yield event("crm.lead.updated", **base, amount=value)
    yield from _stage(base, record.get("StageName"))


def _stage(base: dict[str, Any], stage: Any) -> Iterator[Event]:
    if text(stage):
        yield event("crm.stage.changed", **{**base, "event_id": f"{base['event_id']}:stage"}, to=stage)


def _text(element: Element, name: str) -> str | None:
    return text(element.findtext(f"{{{OUTBOUND}}}{name}"))


def _notification(element: Element) -> dict[str, Any]:
    record = element.find(f"{{{OUTBOUND}}}sObject")
    values: dict[str, Any] = {}
    for child in record if record is not None else ():
        if child.get(NIL) != "true" and len(child) == 0:
            values[_local(child.tag)] = child.text or ""
    if record is not None:
        values["type"] = record.get(TYPE, "").rpartition(":")[2]
    return {"Id": _text(element, "Id"), "sObject": values}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _envelope(organisation: str | None, notification: Any) -> bytes:
    """A message of this one notification, to be read again as Salesforce's own would be."""
    envelope = Element(f"{{{SOAP}}}Envelope")
    message = SubElement(SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{OUTBOUND}}}notifications")
    SubElement(message, f"{{{OUTBOUND}}}OrganizationId").text = organisation
    told = SubElement(message, f"{{{OUTBOUND}}}Notification")
    SubElement(told, f"{{{OUTBOUND}}}Id").text = identity(field(notification, "Id"))
    values = as_object(field(notification, "sObject"))
    record = SubElement(told, f"{{{OUTBOUND}}}sObject", {TYPE: f"sf:{values.get('type', '')}"})
    for name, value in values.items():
        if name != "type":
            SubElement(record, f"{{{OUTBOUND}}}{name}").text = str(value)
    body: bytes = tostring(envelope, encoding="utf-8")
    return body
