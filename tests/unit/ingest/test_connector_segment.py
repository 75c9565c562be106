"""Segment: its own payloads, one of each kind, become events of the contract."""

import hashlib
import hmac
from typing import Any

import pytest

from services.ingest.connectors import segment
from services.ingest.connectors.webhook_call import SignatureRefused
from tests.unit.ingest.webhooks import (
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    stored,
    translated,
    webhook_call,
)

TRACK: dict[str, Any] = {
    "type": "track",
    "messageId": "m-1",
    "timestamp": "2026-03-02T09:02:31.000Z",
    "anonymousId": "a-1",
    "userId": "u-1",
    "event": "Devis demandé",
    "properties": {"gamme": "pompes", "quantite": 3, "tags": ["x"]},
    "context": {"traits": {"email": "claire@example.fr"}},
}
PAGE: dict[str, Any] = {
    "type": "page",
    "messageId": "m-2",
    "timestamp": "2026-03-02T09:02:31.000Z",
    "anonymousId": "a-1",
    "name": "Tarifs",
    "properties": {"url": "https://example.fr/tarifs"},
}


def test_a_signed_call_is_accepted_and_a_changed_body_is_not() -> None:
    digest = hmac.new(b"s", b"{}", hashlib.sha1).hexdigest()
    segment.verify(webhook_call(b"{}", x_signature=digest), "s")
    for header, body in ((digest, b"{ }"), ("é", b"{}"), (f"{digest},{digest}", b"{}"), ("", b"{}")):
        with pytest.raises(SignatureRefused):
            segment.verify(webhook_call(body, x_signature=header), "s")


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("identify.json", "crm.lead.updated"),
        ("track.json", "crm.activity.logged"),
        ("group.json", "crm.lead.updated"),
        ("common.json", "crm.activity.logged"),
    ],
)
def test_segments_own_payloads_become_events(name: str, event_type: str) -> None:
    payload = stored("segment", name)
    (event,) = translated("segment", payload)
    assert (event["type"], event["id"]) == (event_type, payload["messageId"])
    assert event["subject"] == payload["userId"]


def test_what_is_known_of_a_person_and_of_a_company_are_told_apart() -> None:
    (person,) = translated("segment", stored("segment", "identify.json"))
    (company,) = translated("segment", stored("segment", "group.json"))
    assert person["data"]["lead"]["name"] == "Peter Gibbons"
    assert person["data"]["lead"]["attributes"]["address.city"] == "San Francisco"
    assert company["data"]["lead"]["company"] == "Initech"
    assert company["data"]["lead"]["attributes"]["company.employees"] == 329
    assert "name" not in company["data"]["lead"]


def test_a_visit_before_sign_in_and_the_user_share_an_identifier() -> None:
    (visit,), (known,) = translated("segment", PAGE), translated("segment", TRACK)
    assert (visit["type"], visit["data"]["url"]) == ("crm.page.viewed", "https://example.fr/tarifs")
    assert "subject" not in visit
    shared = visit["data"]["lead"]["external_ids"].items() & known["data"]["lead"]["external_ids"].items()
    assert shared == {("segment_anonymous", "a-1")}


def test_one_bad_call_of_a_batch_costs_no_other() -> None:
    found = segment.translate({"batch": [TRACK, {"type": "alias"}, PAGE]}, webhook_call())
    assert [isinstance(one, dict) for one in found] == [True, False, True]
    assert (
        "alias"
        in refusals("segment", {"messageId": "m", "timestamp": "2026-03-02T09:02:31Z", "type": "alias"})[0]
    )


def test_an_opened_email_is_more_than_an_activity() -> None:
    (event,) = translated(
        "segment", {**TRACK, "event": "Email Opened", "properties": {"campaign_name": "Mars"}}
    )
    assert (event["type"], event["data"]["campaign"]) == ("crm.email.opened", "Mars")


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    group = {**PAGE, "type": "group", "traits": {"name": "Initech", "employees": 3}}
    check_translate_is_total("segment", [TRACK, PAGE, group, [TRACK]])
    check_verify_only_refuses("segment", "secret", "x-signature")
