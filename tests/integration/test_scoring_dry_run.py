"""A dry run tells what the worker would do, and does none of it."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from services.scoring.app import create_app
from services.scoring.settings import ScoringSettings
from tests.harness.clients import running_api
from tests.harness.history import created, event, only_lead, publish_a_model, rows, take_in
from tests.harness.platform import Installation

TABLES = (
    "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'scoring' AND c.relkind IN ('r', 'p') ORDER BY 1"
)


@pytest.fixture
def client(installation: Installation) -> Iterator[FlaskClient]:
    with running_api(create_app, ScoringSettings, installation) as made:
        yield made


def try_(client: FlaskClient, token: str, *events: Any) -> Any:
    return client.post(
        "/v1/dry-runs",
        data=orjson.dumps({"events": events}),
        headers={"Authorization": f"Bearer {token}"},
        content_type="application/json",
    )


def everything(installation: Installation) -> dict[str, list[str]]:
    """Every row of every table, as text. What is in the outbox is what topics would get."""
    return {
        row["name"]: sorted(
            found["row"]
            for found in rows(installation, f"SELECT t::text AS row FROM {row['name']} t")  # noqa: S608
        )
        for row in rows(installation, TABLES)
    }


def test_it_tells_what_would_change_and_score_and_changes_nothing(
    installation: Installation, client: FlaskClient
) -> None:
    publish_a_model(installation)
    take_in(installation, [created()])
    known = only_lead(installation)
    before = everything(installation)
    token = installation.key("dry-runs:run", "leads:read")
    changed = {"email": "claire@example.fr", "attributes": {"size": "small"}}
    answer = try_(
        client,
        token,
        event("u1", "crm.lead.updated", hours=2, lead=changed),
        event("n1", subject="2", lead={"email": "new@example.fr"}),
        event("n2", "crm.page.viewed", hours=1, subject="2", lead={"email": "new@example.fr"}),
        created(),
        created(lead={"email": "other@example.fr"}),
        {"id": "x"},
        {**created("large"), "data": {"lead": {"email": "a@example.fr"}, "n": 1e300}},
        {**created(), "id": "\x00"},
    )
    assert answer.status_code == 200
    one, new, next_one, repeated, conflict, *invalid = answer.json["events"]
    assert (one["outcome"], one["lead"]["new"]) == ("new", False)
    assert one["lead"]["lead_id"] == str(known["lead_id"])
    assert {"field": "attribute.size", "before": "large", "after": "small"} in one["changes"]
    assert one["score"]["before"]["probability"] == known["probability"]
    assert one["score"]["after"]["probability"] < known["probability"]
    assert one["score"]["after"]["reasons"][0]["text"]
    assert (new["lead"]["new"], new["score"]["before"]) == (True, None)
    assert next_one["lead"] == {**new["lead"], "new": False}
    assert {"field": "activity.page_viewed", "before": None, "after": 1} in next_one["changes"]
    assert (repeated["outcome"], conflict["outcome"]) == ("repeated", "conflict")
    assert [bad["outcome"] for bad in invalid] == ["invalid"] * 3
    assert everything(installation) == before


def test_only_those_who_may_read_leads_are_told_of_them(
    installation: Installation, client: FlaskClient
) -> None:
    take_in(installation, [created()])
    told = try_(client, installation.key("dry-runs:run"), created("u1")).json["events"]
    assert told == [{"outcome": "new", "error": None}]
    bound = installation.key("dry-runs:run", "leads:read", source="forms")
    assert try_(client, bound, created()).status_code == 403
    assert try_(client, installation.key("leads:read"), created()).status_code == 403


def test_bad_input_is_a_problem(installation: Installation, client: FlaskClient) -> None:
    token = installation.key("dry-runs:run", "leads:read")
    assert try_(client, token).status_code == 422
    assert try_(client, token, *[created()] * 51).status_code == 422
    assert try_(client, token, "text").status_code == 422
    deep = b'{"events": [{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]}"
    surrogate = b'{"events": [{"id": "\\ud800"}]}'
    for body, status in ((deep, 400), (surrogate, 200), (b"{", 422), (b"\xff", 422)):
        answer = client.post(
            "/v1/dry-runs",
            data=body,
            headers={"Authorization": f"Bearer {token}"},
            content_type="application/json",
        )
        assert answer.status_code == status, body[:20]
    assert answer.content_type == "application/problem+json"
