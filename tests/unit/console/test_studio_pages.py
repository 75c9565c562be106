"""The Studio on stand-ins: its states, and that nothing a browser sends makes it fail."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.scoring.policy.document import Policy
from tests.unit.console.conftest import csrf, sign_in
from tests.unit.console.fake_services import FakeServices

DEFAULTS = Policy().to_json()
VERSION = {"version": 1, "threshold_version": 1, "policy": DEFAULTS, "cuts": {"A": 0.5, "B": 0.3, "C": 0.1}}
HUNDREDTHS = [{"hundredth": at, "leads": 5, "expected_wins": 1.0, "variance": 0.5} for at in (3, 50, 99)]


@pytest.fixture
def marketing(console: Flask, services: FakeServices) -> FlaskClient:
    told = {"policies": [], "in_force": 1, "version_in_force": 1, "publications": [], "defaults": DEFAULTS}
    services.routes |= {
        ("GET", "/v1/policies"): (200, told),
        ("GET", "/v1/policies/1"): (200, VERSION),
        ("GET", "/v1/conditions"): (200, {"fields": [{"field": "attribute.size"}], "actions": []}),
        ("GET", "/v1/scores/distribution"): (200, {"leads": 15, "hundredths": HUNDREDTHS}),
        ("GET", "/v1/absences"): (200, {"absences": []}),
        ("POST", "/v1/simulations"): (409, {"title": "Not possible now", "detail": "No lead is scored yet."}),
        ("POST", "/v1/conditions/matches"): (200, {"open": 15, "matches": 0, "leads": []}),
        ("POST", "/v1/policies"): (201, VERSION),
    }
    return sign_in(console.test_client(), "marie@example.fr")


def post(client: FlaskClient, path: str, **fields: str) -> Any:
    return client.post(path, data={"csrf_token": csrf(client.get("/studio/try").text), **fields})


@pytest.mark.parametrize("path", ["/studio/", "/studio/try", "/studio/versions", "/studio/absences"])
def test_a_service_that_is_away_is_told(marketing: FlaskClient, services: FakeServices, path: str) -> None:
    assert marketing.get(path).status_code == 200
    services.down.add("scoring")
    answer = marketing.get(path)
    assert answer.status_code == 200
    assert "does not answer" in answer.text


def test_who_may_not_read_policies_gets_no_link_and_a_sentence(
    console: Flask, marketing: FlaskClient, services: FakeServices
) -> None:
    assert 'href="/studio/"' in marketing.get("/").text
    services.routes["GET", "/v1/policies"] = (403, {"title": "Not allowed"})
    integrator = sign_in(console.test_client(), "ivan@example.fr")
    answer = integrator.get("/studio/")
    assert answer.status_code == 403
    assert "Ask an administrator" in answer.text
    assert 'href="/studio/"' not in answer.text


def test_an_effect_that_cannot_be_counted_says_why(marketing: FlaskClient) -> None:
    answer = post(marketing, "/studio/try", **{"from": "1", "do": "effect"})
    assert "No lead is scored yet." in answer.text


@pytest.mark.parametrize(
    ("by", "values"),
    [("probability", ("50", "30", "10")), ("capacity", ("10", "0", "0")), ("percentile", ("66.7",) * 3)],
)
def test_cuts_that_the_model_proposed_become_the_houses_own_in_the_unit_that_is_chosen(
    marketing: FlaskClient, by: str, values: tuple[str, ...]
) -> None:
    page = post(
        marketing, "/studio/try", **{"from": "1", "do": "by", "was_by": "model", "grades.by": by}
    ).text
    shown = [re.search(rf'name="grades.all.{grade}" value="([^"]*)"', page) for grade in "ABC"]
    assert tuple(found and found[1] for found in shown) == values


HOSTILE = [
    {"do": "rules.²2.up"},
    {"do": f"rules.{'9' * 5000}.up"},
    {"do": "rules..remove"},
    {"do": "rules.0.when.x.y.z"},
    {"do": f"rules.{'9' * 5000}.test"},
    {"do": "segments.0.up"},
    {"do": "grades.add"},
    {"do": "by", "was_by": "sideways"},
    {"do": "by", "was_by": "capacity", "grades.by": "percentile", "grades.all.A": "1e308"},
    {"do": "effect", "grades.by": "sideways"},
    {
        "do": "effect",
        "grades.by": "capacity",
        "grades.all.A": "-1e300",
        "grades.all.B": "x",
        "grades.all.C": "",
    },
    {
        "do": "effect",
        "grades.by": "percentile",
        "grades.all.A": "9",
        "grades.all.B": "5",
        "grades.all.C": "-3",
    },
    {"do": "effect", "rules.0.do": "cap", "rules.0.when": '{"field": "amount", "value": NaN}'},
    {"do": "effect", "rules.0.do": "cap", "rules.0.when": '{"field": "amount", "value": 1e999}'},
    {"do": "effect", "rules.0.do": "cap", "rules.0.when": r'{"field": "\ud800"}'},
    {"do": "effect", "rules.0.do": "cap", "rules.0.when": '{"all": ' * 4000},
    {"do": "effect", "rules.0.do": "cap", "rules.0.when": '{"all": 5}'},
    {"do": "effect", "rules.0.do": "cap", "rules.0.when": '{"any": [{"not": 1}]}'},
    {"do": "effect", "rules.0.do": "cap", "rules.0.was": r'{"\ud800": 1e999}'},
    {"do": "rules.0.when.add", "rules.0.do": "cap", "rules.0.when": "[]"},
    {"do": "effect", "next_actions.0.action": "", "next_actions.0.due": "hours", "next_actions.0.hours": "x"},
    {"do": "effect", "priority.by": "", "week.mon": "99:99-1", "working_hours.closed_on": "yesterday"},
    {"do": "keep", "comment": "x" * 3},
    {"do": ""},
    {"from": "99999999999999"},
]


@pytest.mark.parametrize("fields", HOSTILE, ids=range(len(HOSTILE)))
def test_no_form_makes_the_studio_fail(marketing: FlaskClient, fields: dict[str, str]) -> None:
    answer = post(marketing, "/studio/try", **{"from": "1", **fields})
    assert answer.status_code < 500, answer.text
    assert "Something failed here" not in answer.text


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", '{"a": NaN}', '{"a": 1e999}', r'{"a": "\ud800"}', "[" * 90_000, "9" * 5000],
)
def test_no_json_makes_the_studio_fail(marketing: FlaskClient, services: FakeServices, text: str) -> None:
    services.routes["POST", "/v1/policies"] = (422, {"errors": [{"field": "policy", "error": "No."}]})
    answer = post(marketing, "/studio/json", text=text)
    assert answer.status_code == 422
    assert "Line 1" in answer.text


def test_what_the_service_refuses_is_told_beside_the_rule_it_is_about(
    marketing: FlaskClient, services: FakeServices
) -> None:
    error = {"field": "policy.rules.1.when.field.op", "error": "Value error, not an operator: use one of is"}
    services.routes["POST", "/v1/policies"] = (422, {"errors": [error]})
    rules = {f"rules.{n}.{name}": "x" for n in (0, 1) for name in ("do", "reason", "when.0.field")}
    answer = post(marketing, "/studio/try", do="keep", comment="mine", **rules)
    assert answer.status_code == 422
    assert '<a href="#rules.1">Rule 2</a>: not an operator: use one of is' in answer.text
    assert 'id="rules.1" data-wrong' in answer.text
    assert 'value="mine"' in answer.text
    asked = next(body for method, path, body in services.calls if (method, path) == ("POST", "/v1/policies"))
    assert json.dumps(asked["policy"]["workload"]["hours_per_rep_per_day"]) == "null"
