"""Salesforce: SOAP written from its outbound-messaging WSDL, and what XML can do to a reader."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors import salesforce
from services.ingest.connectors.webhook_call import Event, SecretUnusable, SignatureRefused, Untranslatable
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import validate_event
from tests.unit.ingest.webhooks import check_translate_is_total, webhook_call

ORGANISATION = "00D5g00000ABCDEEA1"


def record(kind: str = "Lead", **fields: str) -> str:
    values = "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in fields.items())
    return (
        f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{values}'
        '<sf:Fax xsi:nil="true"/></sObject>'
    )


LEAD = record(
    Id="00Q5g00000XYZabEAA",
    Email="claire@example.fr",
    FirstName="Claire",
    LastName="Durand &amp; Cie",
    Company="Aciers du Nord",
    Industry="Water",
    Status="Working",
    LastModifiedDate="2026-03-02T09:02:31.000Z",
)


def envelope(*records: str, organisation: str = ORGANISATION, prologue: str = "") -> bytes:
    notifications = "".join(
        f"<Notification><Id>04l5g{number:013d}</Id>{one}</Notification>" for number, one in enumerate(records)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{prologue}'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organisation}</OrganizationId><ActionId>04k5g000000abcdAAA</ActionId>"
        "<SessionId>SESSION-CANARY</SessionId><EnterpriseUrl>https://x</EnterpriseUrl>"
        f"<PartnerUrl>https://y</PartnerUrl>{notifications}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()


def read(body: bytes) -> list[Event | Untranslatable]:
    call = webhook_call(body)
    return salesforce.translate(salesforce.parse(call), call)


def events(*records: str) -> list[Event]:
    found = read(envelope(*records))
    understood = [one for one in found if not isinstance(one, Untranslatable)]
    assert understood == found
    for event in understood:
        validate_event(event)
    return understood


def test_the_organisation_is_checked_with_either_form_of_its_id() -> None:
    for secret in (ORGANISATION, ORGANISATION[:15]):
        salesforce.verify(webhook_call(envelope(LEAD)), secret)
    salesforce.verify(webhook_call(envelope(LEAD, organisation=ORGANISATION[:15])), ORGANISATION)
    for body in (
        envelope(LEAD, organisation="00D000000000000EAA"),
        envelope(LEAD, organisation="00D"),
        b"",
        b"{}",
    ):
        with pytest.raises(SignatureRefused):
            salesforce.verify(webhook_call(body), ORGANISATION)
    for unusable in ("00D", "x" * 30):
        with pytest.raises(SecretUnusable):
            salesforce.verify(webhook_call(envelope(LEAD, organisation=unusable)), unusable)


def test_a_lead_becomes_an_update_and_its_stage() -> None:
    updated, stage = events(LEAD)
    assert (updated["type"], updated["id"]) == ("crm.lead.updated", "04l5g0000000000000")
    assert (updated["source"], updated["subject"]) == (f"salesforce:{ORGANISATION}", "00Q5g00000XYZabEAA")
    assert updated["data"]["lead"] == {
        "email": "claire@example.fr",
        "name": "Claire Durand & Cie",
        "company": "Aciers du Nord",
        "attributes": {"Industry": "Water"},
    }
    assert (stage["type"], stage["data"]["to"], stage["id"]) == (
        "crm.stage.changed",
        "Working",
        "04l5g0000000000000:stage",
    )


def test_a_converted_lead_carries_the_contact_that_it_became() -> None:
    (won,) = events(record(Id="00Q1", IsConverted="true", ConvertedContactId="0031", Email="a@example.fr"))
    (contact, *_) = events(record("Contact", Id="0031", Email="a@example.fr"))
    assert won["type"] == "crm.lead.converted"
    assert won["data"]["lead"]["external_ids"] == contact["data"]["lead"]["external_ids"]


def test_an_opportunity_is_told_of_its_contact() -> None:
    closed = {"Id": "0061", "ContactId": "0031", "Amount": "1200.5", "IsClosed": "true"}
    (won,) = events(record("Opportunity", **closed, IsWon="true"))
    (lost,) = events(record("Opportunity", **closed, IsWon="false"))
    assert (won["type"], won["subject"], won["data"]["amount"]) == ("crm.lead.converted", "0031", 1200.5)
    assert lost["type"] == "crm.lead.lost"


def test_a_bare_id_asks_for_the_rest() -> None:
    (event,) = events(record(Id="00Q1"))
    assert event["data"]["hydrate"] == {"system": "salesforce", "object": "Lead", "id": "00Q1"}


def test_one_bad_notification_of_a_hundred_costs_no_other_and_can_be_read_again() -> None:
    records = [record(Id=f"00Q{number:03d}") for number in range(100)]
    records[41] = record("Opportunity", Id="0061", Name="A &lt; B", StageName="x")
    found = read(envelope(*records))
    (refused,) = [one for one in found if isinstance(one, Untranslatable)]
    assert len(found) == 100
    assert "ContactId" in refused.reason
    assert b"SESSION-CANARY" not in refused.raw
    call = webhook_call(refused.raw)
    salesforce.verify(call, ORGANISATION)
    (again,) = salesforce.parse(call)["Notification"]
    assert again["sObject"] == {"Id": "0061", "Name": "A < B", "StageName": "x", "type": "Opportunity"}


def test_the_answer_is_the_acknowledgement_salesforce_waits_for() -> None:
    told = salesforce.acknowledge(1, [])
    assert (told.status, told.content_type) == (200, "text/xml; charset=utf-8")
    assert b"<Ack>true</Ack>" in told.body


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "body",
    [
        envelope(LEAD, prologue=f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>').replace(b"Claire", b"&l9;"),
        envelope(LEAD, prologue='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>'),
        envelope(LEAD, prologue='<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
        envelope(LEAD, prologue="<!DOCTYPE x>"),
        envelope(LEAD).replace(b"Claire", b"&#0;"),
        envelope(LEAD).replace(b"Claire", b"&#xD800;"),
        envelope(LEAD).replace(b"Claire", b"\xff\xfe"),
        envelope(LEAD).replace(b"UTF-8", b"no-such-encoding"),
        envelope(LEAD).replace(b"UTF-8", b"utf-7"),
        envelope(LEAD).replace(b"notifications", b"others"),
        b"<a>" * 10_000,
        b"<a>" * 10_000 + b"</a>" * 10_000,
        b"",
        b"\x00",
        b"{}",
    ],
    ids=range(15),
)
def test_hostile_xml_is_refused_at_once_and_never_an_error(body: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InvalidEvent):
        salesforce.parse(webhook_call(body))
    with pytest.raises(SignatureRefused):
        salesforce.verify(webhook_call(body), ORGANISATION)
    assert time.process_time() - started < 2


def test_xml_is_only_read_by_the_parser_that_refuses_dtds() -> None:
    assert "defusedxml" in Path(salesforce.__file__).read_text()


NOTIFICATION: dict[str, Any] = {
    "OrganizationId": ORGANISATION,
    "Notification": [
        {"Id": "04l1", "sObject": {"type": "Lead", "Id": "00Q1", "Status": "Open", "Email": "a@example.fr"}},
        {
            "Id": "04l2",
            "sObject": {"type": "Opportunity", "ContactId": "0031", "Amount": "12", "IsClosed": "true"},
        },
    ],
}


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    check_translate_is_total("salesforce", [NOTIFICATION])


@settings(max_examples=100, deadline=None, database=None)
@given(st.integers(0, len(envelope(LEAD))), st.binary(max_size=6))
def test_bytes_changed_anywhere_are_read_or_refused(position: int, inserted: bytes) -> None:
    body = envelope(LEAD)
    try:
        read(body[:position] + inserted + body[position:])
    except InvalidEvent:
        return
