"""What the page of results tells, withholds, exports and lets be recorded."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.unit.console.conftest import PeopleInMemory, csrf, sign_in
from tests.unit.console.fake_services import FakeServices

GROUP: dict[str, Any] = {
    "group": None,
    "messages": 120,
    "drafted": 96,
    "approved": 81,
    "rejected": 9,
    "overtaken": 6,
    "open": 24,
    "people": 6,
    "withheld": False,
    "first_reply_median_h": 2.5,
    "first_reply_p90_h": 75.0,
    "unedited": 0.62,
    "words_changed": 0.11,
    "minutes_given_back": 264.0,
}
WITHHELD = dict.fromkeys(
    ("first_reply_median_h", "first_reply_p90_h", "unedited", "words_changed", "minutes_given_back")
)
CONSULTATION = {
    "held_on": "2026-03-02",
    "note": "CSE du 2 mars",
    "recorded_at": "2026-03-03T09:00:00Z",
    "recorded_by": "Inès Roy",
}


def value(*groups: dict[str, Any]) -> tuple[int, Any]:
    about = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-31T00:00:00Z"}
    return 200, about | {"assumed": {"writing_wpm": 19.0, "reading_wpm": 238.0}, "groups": list(groups)}


@pytest.fixture(autouse=True)
def answers(services: FakeServices) -> None:
    services.routes[("GET", "/v1/value")] = value(GROUP)
    services.routes[("GET", "/v1/value/mine")] = value()
    services.routes[("GET", "/v1/consultations")] = (200, {"consultations": []})


@pytest.fixture
def marketing(console: Flask) -> FlaskClient:
    return sign_in(console.test_client(), "marie@example.fr")


def test_the_answer_stands_in_the_title_and_the_figures_say_how_they_are_made(marketing: FlaskClient) -> None:
    page = marketing.get("/results").text
    assert "81 replies approved, half of them within 2 h 30" in page
    assert "nine in ten within 3 days" in page
    assert "About 4 h 24 of writing." in page
    assert "÷ 19 words a minute" in page
    assert 'action="/results/consultation' not in page  # only an administrator records one


def test_what_is_withheld_is_said_and_what_changes_it(marketing: FlaskClient, services: FakeServices) -> None:
    services.routes[("GET", "/v1/value")] = value(GROUP | WITHHELD | {"people": 2, "withheld": True})
    page = marketing.get("/results").text
    assert "81 replies approved" in page
    assert "fewer than five people decided" in page
    assert "an administrator records that" in page
    assert ",,,,," in marketing.get("/results.csv").text


def test_a_rep_sees_their_own_and_nobody_elses(rep: FlaskClient, services: FakeServices) -> None:
    services.routes[("GET", "/v1/value/mine")] = value(GROUP | {"approved": 1})
    page = rep.get("/results").text
    assert "1 reply approved, 2 h 30 after the message" in page
    assert "Only you see this." in page
    assert "Everyone" not in page
    assert {path.partition("?")[0] for _, path, _ in services.calls if "value" in path} == {"/v1/value/mine"}


def test_without_any_approval_the_page_says_what_it_will_tell(rep: FlaskClient) -> None:
    page = rep.get("/results").text
    assert "No reply was approved yet" in page
    assert "what time that gave back" in page


def test_drafts_that_cost_more_than_they_gave_are_said_to(
    marketing: FlaskClient, services: FakeServices
) -> None:
    services.routes[("GET", "/v1/value")] = value(GROUP | {"minutes_given_back": -12.4})
    assert "None: reading the drafts took about 12 min more" in marketing.get("/results").text


def test_an_administrator_records_a_consultation_and_takes_it_back(
    console: Flask, people: PeopleInMemory, services: FakeServices
) -> None:
    people.add("admin@example.fr", "Inès Roy", "admin")
    admin = sign_in(console.test_client(), "admin@example.fr")
    services.routes[("POST", "/v1/consultations")] = (201, CONSULTATION)
    form = {"csrf_token": csrf(admin.get("/results").text), "held_on": "2026-03-02", "note": "CSE du 2 mars"}
    assert (
        admin.post("/results/consultation?days=90&by=week", data=form).location == "/results?days=90&by=week"
    )
    assert services.calls[-1] == (
        "POST",
        "/v1/consultations",
        {"held_on": "2026-03-02", "note": "CSE du 2 mars"},
    )
    services.routes[("GET", "/v1/consultations")] = (200, {"consultations": [CONSULTATION]})
    page = admin.get("/results").text
    assert "the staff was consulted on 2 Mar 2026" in page
    assert "Taken back" not in page
    assert "Why it no longer holds" in page


def test_a_responder_that_is_down_is_said(marketing: FlaskClient, services: FakeServices) -> None:
    services.down.add("responder")
    assert "Results cannot be read for now" in marketing.get("/results").text
