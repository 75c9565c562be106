"""Signatures are checked as the vendors make them; payloads become events of the contract."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from services.ingest.connectors import CONNECTORS, hubspot, standard
from services.ingest.connectors.webhook_call import (
    SecretUnusable,
    SignatureRefused,
    Untranslatable,
    WebhookCall,
)
from tests.unit.ingest.webhooks import (
    NOW,
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    stored,
    translated,
    webhook_call,
)

SECRET = "whsec_" + base64.b64encode(b"0" * 32).decode()


def signed_by_hubspot(
    body: bytes, secret: str, at: datetime, url: str = "https://crm.example.fr/v1"
) -> WebhookCall:
    timestamp = str(int(at.timestamp() * 1000))
    return webhook_call(
        body,
        url,
        x_hubspot_request_timestamp=timestamp,
        x_hubspot_signature_v3=hubspot.signature(secret, "POST", url, body, timestamp),
    )


def test_hubspot_signature_is_the_vendors_own() -> None:
    vector = stored("hubspot", "signature_vectors.json")
    assert (
        hubspot.signature(
            vector["client_secret"],
            vector["http_method"],
            vector["uri"],
            vector["request_body"].encode(),
            vector["v3_timestamp"],
        )
        == vector["v3"]
    )


def test_hubspot_signs_its_query_with_some_escapes_decoded() -> None:
    assert hubspot.signed_uri("https://x.fr/a%3Ab?c=%3a%2F%20%26") == "https://x.fr/a%3Ab?c=:/%20%26"


def test_a_fresh_hubspot_call_is_accepted() -> None:
    hubspot.verify(signed_by_hubspot(b"[]", "secret", NOW), "secret")


@pytest.mark.parametrize(
    "bad",
    [
        signed_by_hubspot(b"[]", "another", NOW),
        signed_by_hubspot(b"[]", "secret", datetime(2026, 1, 1, tzinfo=UTC)),
        webhook_call(),
        webhook_call(x_hubspot_request_timestamp="²", x_hubspot_signature_v3="é"),
        webhook_call(
            x_hubspot_request_timestamp=str(int(NOW.timestamp() * 1000)), x_hubspot_signature_v3="é"
        ),
    ],
)
def test_a_forged_stale_or_unsigned_hubspot_call_is_refused(bad: WebhookCall) -> None:
    with pytest.raises(SignatureRefused):
        hubspot.verify(bad, "secret")


NOTIFICATION: dict[str, Any] = {
    "eventId": 1,
    "subscriptionId": 2,
    "portalId": 3,
    "appId": 4,
    "occurredAt": 1708986598741,
    "subscriptionType": "contact.propertyChange",
    "propertyName": "email",
    "propertyValue": "a@example.fr",
    "attemptNumber": 0,
    "objectId": 5,
}


def test_hubspots_own_payloads_become_events() -> None:
    (created,) = translated("hubspot", stored("hubspot", "contact.creation.prismatic.json"))
    (changed,) = translated("hubspot", stored("hubspot", "contact.propertyChange.sensitive.json"))
    assert (created["type"], changed["type"]) == ("crm.lead.created", "crm.lead.updated")
    assert created["data"]["hydrate"] == {"system": "hubspot", "object": "contact", "id": "65059681032"}


def test_hubspot_notifications_become_valid_events() -> None:
    creation = {**NOTIFICATION, "subscriptionType": "contact.creation"}
    stage = {**NOTIFICATION, "propertyName": "lifecyclestage", "propertyValue": "opportunity"}
    emptied = {**NOTIFICATION, "propertyName": "lifecyclestage", "propertyValue": ""}
    events = translated("hubspot", [creation, NOTIFICATION, stage, emptied])
    assert [event["type"] for event in events] == [
        "crm.lead.created",
        "crm.lead.updated",
        "crm.stage.changed",
        "crm.lead.updated",
    ]
    assert {event["subject"] for event in events} == {"5"}
    assert events[1]["data"]["lead"] == {"email": "a@example.fr"}
    assert events[3]["data"]["lead"] == {"attributes": {"lifecyclestage": None}}


def test_hubspot_retry_has_the_same_event_id() -> None:
    (first,), (again,) = (
        translated("hubspot", [{**NOTIFICATION, "attemptNumber": attempt}]) for attempt in (0, 3)
    )
    assert first["id"] == again["id"]


def test_one_bad_notification_of_a_hubspot_batch_costs_no_other() -> None:
    bad = {**NOTIFICATION, "subscriptionType": "deal.creation"}
    found = hubspot.translate([NOTIFICATION, bad, "x", {**NOTIFICATION, "eventId": 9}], webhook_call())
    assert [isinstance(one, Untranslatable) for one in found] == [False, True, True, False]
    refused = found[1]
    assert isinstance(refused, Untranslatable)
    assert json.loads(refused.raw) == bad
    assert "deal.creation" in refused.reason


def test_deletion_at_hubspot_is_no_erasure_but_privacy_deletion_is() -> None:
    kinds = ("contact.deletion", "contact.restore", "contact.privacyDeletion")
    deleted, restored, erased = translated(
        "hubspot", [{**NOTIFICATION, "subscriptionType": kind} for kind in kinds]
    )
    assert (deleted["type"], deleted["data"]) == ("crm.lead.updated", {"lead": {}, "deleted_at_source": True})
    assert restored["data"]["deleted_at_source"] is False
    assert erased["type"] == "crm.lead.erased"


def test_a_hubspot_merge_tells_each_contact_which_one_it_became() -> None:
    merge = {
        **NOTIFICATION,
        "subscriptionType": "contact.merge",
        "primaryObjectId": 5,
        "mergedObjectIds": [6, 7],
        "newObjectId": 8,
        "numberOfPropertiesMoved": 3,
    }
    events = translated("hubspot", [merge])
    assert [event["subject"] for event in events] == ["6", "7", "5", "8"]
    assert [event["data"].get("merged_into") for event in events] == ["8", "8", "8", None]
    assert events[-1]["data"]["hydrate"]["id"] == "8"
    assert {event["data"]["lead"]["external_ids"]["hubspot:3"] for event in events} == {"8"}
    assert len({event["id"] for event in events}) == 4
    kept = translated("hubspot", [{**merge, "newObjectId": 5}])
    assert [event["subject"] for event in kept] == ["6", "7", "5"]


def test_hubspots_generic_subscriptions_say_the_same_of_contacts() -> None:
    generic = {**NOTIFICATION, "subscriptionType": "object.propertyChange", "objectTypeId": "0-1"}
    assert translated("hubspot", [generic]) == translated("hubspot", [NOTIFICATION])
    assert "object.propertyChange" in refusals("hubspot", [{**generic, "objectTypeId": "0-2"}])[0]


@pytest.mark.parametrize(
    "payload",
    [{}, [1], ["x"], [{}], [{**NOTIFICATION, "occurredAt": 1e30}], [{**NOTIFICATION, "objectId": None}]],
)
def test_what_is_no_notification_is_untranslatable(payload: Any) -> None:
    assert len(refusals("hubspot", payload)) == 1


@pytest.mark.parametrize("moment", [1e15, 1e300, 10**400])
def test_a_time_beyond_any_calendar_is_refused_as_such(moment: float) -> None:
    (refusal,) = refusals("hubspot", {**NOTIFICATION, "occurredAt": moment})
    assert "occurredAt is no date" in refusal


def signed_standard(body: bytes, secret: str = SECRET, webhook_id: str = "msg_1") -> WebhookCall:
    at = datetime.now(UTC)  # the library holds it against its own clock
    return webhook_call(
        body,
        webhook_id=webhook_id,
        webhook_timestamp=str(int(at.timestamp())),
        webhook_signature=Webhook(secret).sign(webhook_id, at, body.decode()),
    )


def test_a_standard_webhook_becomes_one_event_with_its_id() -> None:
    body = json.dumps(
        {
            "type": "crm.form.submitted",
            "timestamp": NOW.isoformat(),
            "data": {"lead": {"email": "a@example.fr"}, "form": "contact"},
        }
    ).encode()
    given = signed_standard(body)
    standard.verify(given, SECRET)
    (event,) = translated("standard", json.loads(body), given)
    assert event["id"] == "msg_1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook_id": "m", "webhook_timestamp": "nan", "webhook_signature": "v1,AAAA"},
        {"webhook_id": "m", "webhook_timestamp": str(int(NOW.timestamp())), "webhook_signature": "v1,%%%"},
        {"webhook_id": "m", "webhook_timestamp": str(int(NOW.timestamp())), "webhook_signature": "nonsense"},
        {"webhook_id": "m", "webhook_timestamp": "1", "webhook_signature": "v1,AAAA"},
    ],
)
@pytest.mark.parametrize("body", [b"{}", b"\xff\xfe", b"not json"])
def test_a_malformed_or_stale_standard_webhook_is_refused_never_an_error(
    headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(SignatureRefused):
        standard.verify(webhook_call(body, **headers), SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_a", "whsec_%%%"])
def test_a_configured_secret_that_cannot_be_one_is_said_to_be_so(secret: str) -> None:
    with pytest.raises(SecretUnusable, match="whsec_"):
        standard.verify(signed_standard(b"{}"), secret)


def test_a_standard_body_without_type_is_untranslatable() -> None:
    assert "type, timestamp and data" in refusals("standard", {"type": "crm.form.submitted"})[0]


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    merge = {**NOTIFICATION, "subscriptionType": "contact.merge", "mergedObjectIds": [6], "newObjectId": 8}
    check_translate_is_total("hubspot", [[NOTIFICATION], [merge, NOTIFICATION]])
    check_verify_only_refuses("hubspot", "secret", "x-hubspot-request-timestamp", "x-hubspot-signature-v3")
    check_translate_is_total("standard", [{"type": "crm.form.submitted", "timestamp": "x", "data": {}}])
    check_verify_only_refuses("standard", SECRET, "webhook-id", "webhook-timestamp", "webhook-signature")


VENDORS = {
    *("calendly", "dynamics", "hubspot", "intercom", "mail", "odoo", "pipedrive", "salesforce"),
    *("segment", "standard", "typeform"),
}


def test_each_connector_is_a_vendor_with_a_page() -> None:
    assert set(CONNECTORS) == VENDORS
    pages = Path(__file__).parents[3] / "docs" / "connectors"
    assert {page.stem for page in pages.glob("*.md")} - {"README"} == VENDORS
