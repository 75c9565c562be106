"""Signatures are checked as the vendors make them; payloads become events of the contract."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from services.ingest.connectors import CONNECTORS, hubspot, standard
from services.ingest.connectors.webhook_call import SignatureRefused, Untranslatable, WebhookCall
from shared.contracts.events import validate_event

DATA = Path(__file__).parents[4] / "shared" / "data" / "webhooks"
NOW = datetime.now(UTC)
SECRET = "whsec_" + base64.b64encode(b"0" * 32).decode()


def webhook_call(
    body: bytes = b"[]", url: str = "https://crm.example.fr/v1/webhooks/hubspot", **headers: str
) -> WebhookCall:
    return WebhookCall(
        "POST", url, {name.replace("_", "-"): value for name, value in headers.items()}, body, NOW
    )


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
    if not DATA.exists():
        pytest.skip("HubSpot's vectors are in ../shared/data/webhooks, which is not here")
    vector = json.loads((DATA / "hubspot" / "signature_vectors.json").read_text())
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


def test_hubspot_notifications_become_valid_events() -> None:
    creation = {**NOTIFICATION, "subscriptionType": "contact.creation"}
    stage = {**NOTIFICATION, "propertyName": "lifecyclestage", "propertyValue": "opportunity"}
    events = hubspot.translate([creation, NOTIFICATION, stage], webhook_call())
    for event in events:
        validate_event(event)
    assert [event["type"] for event in events] == [
        "crm.lead.created",
        "crm.lead.updated",
        "crm.stage.changed",
    ]
    assert {event["subject"] for event in events} == {"5"}
    assert events[1]["data"]["lead"] == {"email": "a@example.fr"}


def test_hubspot_retry_has_the_same_event_id() -> None:
    (first,), (again,) = (
        hubspot.translate([{**NOTIFICATION, "attemptNumber": attempt}], webhook_call()) for attempt in (0, 3)
    )
    assert first["id"] == again["id"]


@pytest.mark.parametrize(
    "payload",
    [{}, [1], ["x"], [{}], [{**NOTIFICATION, "occurredAt": 1e30}], [{**NOTIFICATION, "objectId": None}]],
)
def test_what_is_no_notification_is_untranslatable(payload: Any) -> None:
    with pytest.raises(Untranslatable):
        hubspot.translate(payload, webhook_call())


def test_a_subscription_not_handled_yet_is_untranslatable() -> None:
    with pytest.raises(Untranslatable, match=r"deal\.creation"):
        hubspot.translate([{**NOTIFICATION, "subscriptionType": "deal.creation"}], webhook_call())


def signed_standard(body: bytes, secret: str = SECRET, webhook_id: str = "msg_1") -> WebhookCall:
    signature = Webhook(secret).sign(webhook_id, NOW, body.decode())
    return webhook_call(
        body,
        webhook_id=webhook_id,
        webhook_timestamp=str(int(NOW.timestamp())),
        webhook_signature=signature,
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
    (event,) = standard.translate(json.loads(body), given)
    validate_event(event)
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


def test_each_connector_is_a_vendor_the_readme_names() -> None:
    assert set(CONNECTORS) == {"hubspot", "standard"}
