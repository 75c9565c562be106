"""Typeform: its signature, and what a filled-in form says. Payload written from its documentation."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from services.ingest.connectors import typeform
from services.ingest.connectors.webhook_call import SignatureRefused
from tests.unit.ingest.webhooks import (
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    translated,
    webhook_call,
)

RESPONSE: dict[str, Any] = {
    "event_id": "01HZX3W6Q0000000000000000",
    "event_type": "form_response",
    "form_response": {
        "form_id": "kT8dQp2e",
        "token": "r1v3t5x7z9b2d4f6h8",
        "landed_at": "2026-03-02T09:00:11Z",
        "submitted_at": "2026-03-02T09:02:31Z",
        "hidden": {"utm_source": "salon", "company": "Aciers du Nord"},
        "definition": {
            "id": "kT8dQp2e",
            "title": "Demande de devis",
            "fields": [
                {"id": "q1", "ref": "email", "type": "email", "title": "Votre adresse ?"},
                {"id": "q2", "ref": "debit", "type": "number", "title": "Débit souhaité ?"},
                {"id": "q3", "ref": "gammes", "type": "multiple_choice", "title": "Quelles gammes ?"},
                {"id": "q4", "ref": "rappel", "type": "yes_no", "title": "Vous rappeler ?"},
            ],
        },
        "answers": [
            {"type": "email", "email": "claire@example.fr", "field": {"id": "q1", "type": "email"}},
            {"type": "number", "number": 42.5, "field": {"id": "q2", "type": "number"}},
            {"type": "choices", "choices": {"labels": ["Pompes", "Vannes"]}, "field": {"id": "q3"}},
            {"type": "boolean", "boolean": True, "field": {"id": "q4"}},
            {"type": "phone_number", "phone_number": "+33612345678", "field": {"id": "q5", "ref": "tel"}},
        ],
    },
}


def signed(body: bytes, secret: str) -> str:
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_a_signed_call_is_accepted_and_a_changed_body_is_not() -> None:
    typeform.verify(webhook_call(b"{}", typeform_signature=signed(b"{}", "s")), "s")
    for header, body in (
        (signed(b"{}", "s"), b"{ }"),
        (signed(b"{}", "other"), b"{}"),
        ("é", b"{}"),
        ("", b"{}"),
    ):
        with pytest.raises(SignatureRefused):
            typeform.verify(webhook_call(body, typeform_signature=header), "s")


def test_a_response_becomes_a_submitted_form_with_its_answers_by_title() -> None:
    (event,) = translated("typeform", RESPONSE)
    assert (event["type"], event["id"]) == ("crm.form.submitted", "kT8dQp2e:r1v3t5x7z9b2d4f6h8")
    assert event["data"]["form"] == "Demande de devis"
    assert event["data"]["lead"] == {
        "email": "claire@example.fr",
        "phone": "+33612345678",
        "company": "Aciers du Nord",
        "attributes": {"utm_source": "salon"},
    }
    assert event["data"]["fields"] == {
        "Votre adresse ?": "claire@example.fr",
        "Débit souhaité ?": 42.5,
        "Quelles gammes ?": "Pompes, Vannes",
        "Vous rappeler ?": True,
        "tel": "+33612345678",
    }


def test_the_same_response_sent_again_has_the_same_id() -> None:
    (first,), (again,) = (translated("typeform", {**RESPONSE, "event_id": n}) for n in ("a", "b"))
    assert first["id"] == again["id"]


def test_a_response_without_an_address_and_another_event_are_kept_with_the_reason() -> None:
    nobody = {**RESPONSE, "form_response": {**RESPONSE["form_response"], "answers": []}}
    assert "at least one of email" in refusals("typeform", nobody)[0]
    assert "form_response_partial" in refusals("typeform", {"event_type": "form_response_partial"})[0]


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    check_translate_is_total("typeform", [RESPONSE, json.loads(json.dumps(RESPONSE))])
    check_verify_only_refuses("typeform", "secret", "typeform-signature")
