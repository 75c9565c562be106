"""Odoo: payloads as its server action composes them; the secret in the address."""

import json
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.connectors import odoo
from services.ingest.connectors.webhook_call import SignatureRefused, WebhookCall
from tests.unit.ingest.webhooks import (
    NOW,
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    translated,
    webhook_call,
)

LEAD: dict[str, Any] = {
    "_action": "Send to Éclaireur(#412)",
    "_id": 29,
    "_model": "crm.lead",
    "id": 29,
    "contact_name": "Claire Durand",
    "partner_name": "Aciers du Nord",
    "email_from": "claire@example.fr",
    "phone": False,
    "expected_revenue": 1200.0,
    "probability": 100.0,
    "stage_id": 4,
    "user_id": 2,
    "city": "Lille",
    "country_id": 75,
    "write_date": "2026-03-02 09:02:31.123456",
}


def at(query: str) -> WebhookCall:
    return webhook_call(url=f"https://crm.example.fr/v1/webhooks/odoo{query}")


def test_the_secret_is_in_the_address() -> None:
    odoo.verify(at("?secret=s%C3%A9"), "sé")
    for query in (
        "",
        "?secret=",
        "?secret=x",
        "?secret=x&secret=s%C3%A9",
        "?Secret=s%C3%A9",
        "?" + "a&" * 99,
    ):
        with pytest.raises(SignatureRefused):
            odoo.verify(at(query), "sé")
    with pytest.raises(SignatureRefused):
        odoo.verify(at("?secret="), "")


def test_the_fields_that_were_sent_describe_the_lead_without_telling_the_outcome() -> None:
    (event,) = translated("odoo", LEAD)
    assert (event["type"], event["subject"]) == ("crm.lead.updated", "crm.lead:29")
    assert event["time"] == "2026-03-02T09:02:31.123456+00:00"
    assert event["data"]["lead"] == {
        "email": "claire@example.fr",
        "name": "Claire Durand",
        "company": "Aciers du Nord",
        "attributes": {"city": "Lille", "country_id": "75"},
    }
    assert (event["data"]["amount"], event["data"]["owner"]) == (1200.0, "2")


def test_a_hundred_percent_is_not_won_but_won_is() -> None:
    assert translated("odoo", {**LEAD, "won_status": "won"})[0]["type"] == "crm.lead.converted"
    assert translated("odoo", {**LEAD, "won_status": "lost"})[0]["type"] == "crm.lead.lost"
    assert translated("odoo", {**LEAD, "won_status": "pending"})[0]["type"] == "crm.lead.updated"


def test_a_bare_id_asks_for_the_rest() -> None:
    (event,) = translated("odoo", {"_model": "res.partner", "_id": 7, "_action": "x(#1)"})
    assert event["data"] == {"lead": {}, "hydrate": {"system": "odoo", "object": "res.partner", "id": "7"}}


def test_without_a_date_of_change_two_equal_calls_are_two_events() -> None:
    undated = {name: value for name, value in LEAD.items() if name != "write_date"}
    body = json.dumps(undated).encode()
    later = WebhookCall("POST", "https://x.fr", {}, body, NOW + timedelta(seconds=5))
    (first,), (second,) = odoo.translate(undated, webhook_call(body)), odoo.translate(undated, later)
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["id"] != second["id"]


def test_another_model_is_kept_with_the_reason() -> None:
    assert "sale.order" in refusals("odoo", {**LEAD, "_model": "sale.order"})[0]


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    check_translate_is_total("odoo", [LEAD, {"_model": "res.partner", "_id": 7}])
    check_verify_only_refuses("odoo", "secret")
