"""Intercom: its own payload, and conversations written from its documentation."""

import hashlib
import hmac
from typing import Any

import pytest

from services.ingest.connectors import intercom
from services.ingest.connectors.webhook_call import SignatureRefused
from tests.unit.ingest.webhooks import (
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    stored,
    translated,
    webhook_call,
)

CONVERSATION: dict[str, Any] = {
    "type": "notification_event",
    "app_id": "abc123",
    "id": "notif_7d1f",
    "topic": "conversation.user.replied",
    "created_at": 1772442151,
    "delivery_attempts": 1,
    "data": {
        "type": "notification_event_data",
        "item": {
            "type": "conversation",
            "id": "215468",
            "source": {
                "type": "conversation",
                "body": "<p>Bonjour</p>",
                "author": {"type": "lead", "id": "c-1", "name": "Claire", "email": "claire@example.fr"},
            },
            "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "c-1"}]},
            "conversation_parts": {
                "conversation_parts": [
                    {
                        "part_type": "comment",
                        "body": "<p>Quel est le d&eacute;lai&nbsp;?</p><p>Merci</p>",
                        "author": {"type": "lead", "id": "c-1", "email": "claire@example.fr"},
                    }
                ]
            },
        },
    },
}


def contact(topic: str, **item: Any) -> dict[str, Any]:
    return {**CONVERSATION, "topic": topic, "data": {"item": {"type": "contact", "id": "c-1", **item}}}


def test_a_signed_call_is_accepted_and_a_changed_body_is_not() -> None:
    header = "sha1=" + hmac.new(b"s", b"{}", hashlib.sha1).hexdigest()
    intercom.verify(webhook_call(b"{}", x_hub_signature=header), "s")
    for given, body in ((header, b"{ }"), ("sha1=é", b"{}"), ("", b"{}")):
        with pytest.raises(SignatureRefused):
            intercom.verify(webhook_call(body, x_hub_signature=given), "s")


def test_intercoms_own_payload_becomes_a_created_lead() -> None:
    (event,) = translated("intercom", stored("intercom", "lead.created.json"))
    assert (event["type"], event["subject"]) == ("crm.lead.created", "5f297f71bce3e055f3afdf6e")
    assert event["data"]["lead"] == {
        "email": "johnnybravo@rei.com",
        "name": "Johnny Bravo",
        "company": "REI",
        "external_ids": {"intercom_user": "2345234523452345"},
        "attributes": {"job_title": "sales"},
    }


def test_a_reply_becomes_the_leads_newest_words() -> None:
    (event,) = translated("intercom", CONVERSATION)
    assert (event["type"], event["subject"]) == ("crm.message.received", "c-1")
    assert event["data"]["text"] == "Quel est le délai ?\n\nMerci"
    assert event["data"]["thread_id"] == "215468"


def test_another_attempt_has_the_same_id() -> None:
    (first,), (again,) = (translated("intercom", {**CONVERSATION, "delivery_attempts": n}) for n in (1, 4))
    assert first["id"] == again["id"]


def test_deletion_is_no_erasure_and_a_bare_id_asks_for_the_rest() -> None:
    (deleted,) = translated("intercom", contact("contact.deleted"))
    assert (deleted["type"], deleted["data"]["deleted_at_source"]) == ("crm.lead.updated", True)
    (bare,) = translated("intercom", contact("contact.user.updated"))
    assert bare["data"]["hydrate"] == {"system": "intercom", "object": "contact", "id": "c-1"}
    (gone,) = translated("intercom", contact("contact.unsubscribed", email="a@example.fr"))
    assert gone["type"] == "crm.email.unsubscribed"


def test_the_test_call_says_nothing_and_other_topics_are_kept() -> None:
    assert intercom.translate({"type": "notification_event", "topic": "ping"}, webhook_call()) == []
    assert "company.created" in refusals("intercom", {**CONVERSATION, "topic": "company.created"})[0]


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    known = contact("contact.user.updated", email="a@example.fr", companies={"companies": [{"name": "REI"}]})
    check_translate_is_total("intercom", [CONVERSATION, known])
    check_verify_only_refuses("intercom", "secret", "x-hub-signature")
