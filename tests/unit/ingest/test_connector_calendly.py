"""Calendly: its own payloads become meetings; its signature ages."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.connectors import calendly
from services.ingest.connectors.webhook_call import SignatureRefused, WebhookCall
from tests.unit.ingest.webhooks import (
    NOW,
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    stored,
    translated,
    webhook_call,
)

INVITEE: dict[str, Any] = {
    "event": "invitee.created",
    "created_at": "2026-03-02T09:02:31.000000Z",
    "payload": {
        "uri": "https://api.calendly.com/scheduled_events/E1/invitees/I1",
        "email": "claire@example.fr",
        "name": "Claire Durand",
        "rescheduled": False,
        "questions_and_answers": [{"question": "Votre besoin ?", "answer": "Un devis", "position": 0}],
        "tracking": {"utm_source": "salon", "salesforce_uuid": "00Q5g00000ABCDE"},
        "scheduled_event": {"start_time": "2026-03-09T09:00:00.000000Z", "end_time": "2026-03-09T09:30:00Z"},
    },
}


def signed(body: bytes, secret: str, age_s: int = 0) -> WebhookCall:
    at = str(int((NOW - timedelta(seconds=age_s)).timestamp()))
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return webhook_call(body, calendly_webhook_signature=f"t={at},v1={digest}")


@pytest.mark.parametrize("age_s", [0, 299, -299])
def test_a_fresh_call_is_accepted(age_s: int) -> None:
    calendly.verify(signed(b"{}", "s", age_s), "s")


@pytest.mark.parametrize(
    "call",
    [
        signed(b"{}", "other"),
        signed(b"{}", "s", 600),
        signed(b"{}", "s", -600),
        webhook_call(b"{}"),
        webhook_call(b"{}", calendly_webhook_signature="t=²,v1=é"),
        webhook_call(b"{}", calendly_webhook_signature="t=1,v1=x, t=2,v1=y"),
    ],
)
def test_a_forged_or_stale_call_is_refused(call: WebhookCall) -> None:
    with pytest.raises(SignatureRefused):
        calendly.verify(call, "s")


def test_calendlys_own_payloads_become_meetings() -> None:
    (booked,) = translated("calendly", stored("calendly", "invitee.created.json"))
    (cancelled,) = translated("calendly", stored("calendly", "invitee.canceled.json"))
    assert (booked["type"], cancelled["type"]) == ("crm.meeting.booked", "crm.meeting.cancelled")
    assert booked["data"]["lead"] == {"email": "betty@rei.com", "name": "Betty"}
    assert booked["id"] != cancelled["id"]


def test_a_booking_tells_its_length_its_answers_and_the_campaign() -> None:
    (event,) = translated("calendly", INVITEE)
    assert event["data"]["duration_s"] == 1800
    assert event["data"]["answers"] == {"Votre besoin ?": "Un devis"}
    assert event["data"]["lead"]["external_ids"] == {"salesforce": "00Q5g00000ABCDE"}
    assert event["data"]["lead"]["attributes"] == {"utm_source": "salon"}


def test_a_meeting_that_moves_is_no_plain_cancellation() -> None:
    moved = {**INVITEE, "event": "invitee.canceled", "payload": {**INVITEE["payload"], "rescheduled": True}}
    (event,) = translated("calendly", moved)
    assert event["data"]["outcome"] == "rescheduled"


def test_an_event_of_another_kind_is_kept_with_the_reason() -> None:
    assert "routing_form" in refusals("calendly", {**INVITEE, "event": "routing_form_submission.created"})[0]


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    check_translate_is_total("calendly", [INVITEE, {**INVITEE, "event": "invitee_no_show.created"}])
    check_verify_only_refuses("calendly", "secret", "calendly-webhook-signature")
