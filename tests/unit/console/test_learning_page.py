"""What the page says of what approvals taught, and what can be done about it."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices

DONE: dict[str, Any] = {
    "tuning_id": "0197a3f2-5c1e-7b60-9d2a-3f6c8e1b4a74",
    "status": "done",
    "asked_at": "2026-03-03T09:00:00Z",
    "asked_by": "Ada Morel",
    "in_use": True,
    "used_since": "2026-03-03T09:01:00Z",
    "used_by": "training",
    "examples": 240,
    "replies": 12,
    "needed": 50,
    "held_out": 48,
    "top1_before": 0.71,
    "top1_after": 0.83,
    "better": True,
}
FEW = DONE | {"status": "too_few", "examples": 12, "in_use": False, "top1_before": None, "top1_after": None}


@pytest.fixture
def marketing(console: Flask) -> FlaskClient:
    return sign_in(console.test_client(), "marie@example.fr")


def test_what_learning_brought_is_the_title(marketing: FlaskClient, services: FakeServices) -> None:
    services.routes[("GET", "/v1/tunings")] = (200, {"tunings": [DONE]})
    page = marketing.get("/knowledge/learning").text
    assert "The right reply comes first for 83 messages in 100, 71 before" in page
    assert "of 48 decisions it had not learnt from" in page
    assert "Do without" in page


def test_what_is_missing_is_said_in_numbers(marketing: FlaskClient, services: FakeServices) -> None:
    services.routes[("GET", "/v1/tunings")] = (200, {"tunings": [FEW]})
    page = marketing.get("/knowledge/learning").text
    assert "Nothing learnt from approvals is used yet" in page
    assert "12 approved replies, to 12 of the house’s texts: at least 50 are needed" in page


def test_a_map_that_may_be_chance_is_used_only_by_name_and_with_a_reason(
    marketing: FlaskClient, services: FakeServices
) -> None:
    chance = DONE | {"in_use": False, "better": False}
    services.routes[("GET", "/v1/tunings")] = (200, {"tunings": [chance]})
    services.routes[("POST", "/v1/tunings/use")] = (200, {"tuning_id": DONE["tuning_id"]})
    page = marketing.get("/knowledge/learning").text
    assert "that may be chance" in page
    form = {"csrf_token": csrf(page), "tuning_id": DONE["tuning_id"], "comment": "essai d’un mois"}
    assert marketing.post("/knowledge/learning/use", data=form).location == "/knowledge/learning"
    asked = {"tuning_id": DONE["tuning_id"], "comment": "essai d’un mois"}
    assert services.calls[-1] == ("POST", "/v1/tunings/use", asked)


def test_learning_is_begun_and_a_rep_only_reads(
    marketing: FlaskClient, rep: FlaskClient, services: FakeServices
) -> None:
    services.routes[("GET", "/v1/tunings")] = (200, {"tunings": []})
    services.routes[("POST", "/v1/tunings")] = (202, {"tuning_id": DONE["tuning_id"], "status": "asked"})
    form = {"csrf_token": csrf(marketing.get("/knowledge/learning").text)}
    assert marketing.post("/knowledge/learning", data=form).status_code == 302
    assert services.calls[-1][:2] == ("POST", "/v1/tunings")
    assert "Learn from approved replies" not in rep.get("/knowledge/learning").text


def test_a_responder_that_is_down_is_said(marketing: FlaskClient, services: FakeServices) -> None:
    services.down.add("responder")
    assert "What was learnt cannot be read for now" in marketing.get("/knowledge/learning").text
