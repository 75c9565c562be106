"""Pipedrive v2: payloads written from its documentation; basic authentication."""

from typing import Any

import pytest

from services.ingest.connectors import pipedrive
from services.ingest.connectors.webhook_call import SecretUnusable, SignatureRefused
from tests.unit.ingest.webhooks import (
    basic,
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    translated,
    webhook_call,
)

META: dict[str, Any] = {
    "action": "change",
    "entity": "person",
    "company_id": "9876543",
    "correlation_id": "5e1a0a5e-0000-4000-8000-000000000001",
    "entity_id": "17",
    "id": "5e1a0a5e-0000-4000-8000-000000000002",
    "is_bulk_edit": False,
    "timestamp": "2026-03-02T09:02:31.000Z",
    "type": "general",
    "user_id": "123",
    "version": "2.0",
    "webhook_id": "44",
    "webhook_owner_id": "123",
    "change_source": "app",
    "attempt": 1,
    "host": "exemple.pipedrive.com",
}
PERSON: dict[str, Any] = {
    "meta": META,
    "data": {
        "id": 17,
        "name": "Claire Durand",
        "owner_id": 123,
        "org_id": 5,
        "emails": [
            {"label": "home", "primary": False, "value": "autre@example.fr"},
            {"label": "work", "primary": True, "value": "claire@example.fr"},
        ],
        "phones": [{"label": "work", "primary": True, "value": "+33612345678"}],
        "custom_fields": {"a1b2": {"type": "varchar", "value": "eau"}, "c3d4": None},
    },
    "previous": {"name": "C. Durand"},
}


def deal(previous: Any, **data: Any) -> dict[str, Any]:
    values = {
        "id": 3,
        "person_id": 17,
        "status": "open",
        "stage_id": 2,
        "value": 1200.5,
        "currency": "EUR",
        **data,
    }
    return {"meta": {**META, "entity": "deal", "entity_id": "3"}, "data": values, "previous": previous}


def test_the_user_and_password_are_asked_for() -> None:
    pipedrive.verify(webhook_call(authorization=basic("crm", "p:w é")), "crm:p:w é")
    wrong = [basic("crm", "x"), "Bearer x", "Basic é", "Basic %%%", "", "Basic " + "A" * 5]
    for header in wrong:
        with pytest.raises(SignatureRefused):
            pipedrive.verify(webhook_call(authorization=header), "crm:p:w é")
    for unusable in ("no colon", ":", "user:", ":password"):
        with pytest.raises(SecretUnusable):
            pipedrive.verify(webhook_call(authorization=basic("", "")), unusable)


def test_a_person_becomes_the_lead_with_the_primary_address() -> None:
    (event,) = translated("pipedrive", PERSON)
    assert (event["type"], event["subject"], event["source"]) == (
        "crm.lead.updated",
        "17",
        "pipedrive:9876543",
    )
    assert event["data"]["lead"] == {
        "email": "claire@example.fr",
        "phone": "+33612345678",
        "name": "Claire Durand",
        "attributes": {"a1b2": "eau"},
    }
    assert event["data"]["owner"] == "123"


def test_another_attempt_has_the_same_id() -> None:
    attempts = ({**PERSON, "meta": {**META, "attempt": attempt}} for attempt in (1, 2))
    assert len({translated("pipedrive", payload)[0]["id"] for payload in attempts}) == 1


def test_a_deal_is_told_of_its_person_when_it_turns() -> None:
    (won,) = translated("pipedrive", deal({"status": "open"}, status="won"))
    assert (won["type"], won["subject"], won["data"]["amount"]) == ("crm.lead.converted", "17", 1200.5)
    (lost,) = translated("pipedrive", deal({"status": "open"}, status="lost", lost_reason="prix"))
    assert (lost["type"], lost["data"]["reason"]) == ("crm.lead.lost", "prix")
    stage, amount = translated("pipedrive", deal({"stage_id": 1}))
    assert (stage["data"]["from"], stage["data"]["to"]) == ("1", "2")
    assert amount["data"]["amount"] == 1200.5
    assert stage["id"] != amount["id"]
    (renamed,) = translated("pipedrive", deal({"title": "x"}, status="won"))
    assert renamed["type"] == "crm.lead.updated"


def test_deletion_is_no_erasure_and_a_merge_names_who_stays() -> None:
    gone = {"meta": {**META, "action": "delete"}, "data": None, "previous": {"name": "x"}}
    (deleted,) = translated("pipedrive", gone)
    assert deleted["data"] == {"lead": {}, "deleted_at_source": True}
    (merged,) = translated("pipedrive", {**gone, "meta": {**gone["meta"], "merged_to_id": "18"}})
    assert merged["data"]["merged_into"] == "18"
    assert merged["data"]["lead"]["external_ids"] == {"pipedrive:9876543": "18"}


def test_what_is_of_no_person_is_kept_with_the_reason() -> None:
    assert "no person" in refusals("pipedrive", deal({}, person_id=None))[0]
    assert (
        "'organization'" in refusals("pipedrive", {**PERSON, "meta": {**META, "entity": "organization"}})[0]
    )


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    check_translate_is_total(
        "pipedrive", [PERSON, deal({"status": "open"}, status="won"), deal({"stage_id": 1})]
    )
    check_verify_only_refuses("pipedrive", "user:password", "authorization")
