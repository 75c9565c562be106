"""Sure replies approved together over HTTP: each on its own, as proposed, and only what was shown."""

from typing import Any

import httpx
import pytest

from services.responder.handlers import on_records
from shared.postgres import Connection
from tests.integration.test_responder_api import Served, approval, connection, released, rep, served
from tests.integration.test_responder_drafts import drafting, message, record

__all__ = ["connection", "rep", "served"]


@pytest.fixture
def drafts(rep: httpx.Client, connection: Connection) -> list[dict[str, Any]]:
    """Four sure drafts of four leads."""
    for number in range(3):
        written = message(id=f"b-{number}") | {"lead_id": f"00000000-0000-4000-8000-{number:012}"}
        on_records(connection, [record(written)], drafting())
    connection.execute("UPDATE draft SET confidence = 0.97")
    found: list[dict[str, Any]] = rep.get("/v1/drafts", params={"sure": True}).json()["drafts"]
    assert [draft["doubts"] for draft in found] == [[]] * 4
    return found


def shown(draft: dict[str, Any], **edits: Any) -> dict[str, Any]:
    return approval(draft, **edits) | {"draft_id": draft["draft_id"]}


def together(rep: httpx.Client, *approvals: Any) -> list[dict[str, Any]]:
    answer = rep.post("/v1/drafts/approvals", json={"approvals": approvals})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    return outcomes


def test_one_that_is_wrong_costs_the_others_nothing(
    rep: httpx.Client, connection: Connection, drafts: list[dict[str, Any]]
) -> None:
    first, second, third, fourth = drafts
    rep.post(f"/v1/drafts/{third['draft_id']}/reject", json={"version": 1})
    outcomes = together(
        rep,
        shown(first),
        {"draft_id": second["draft_id"]},
        shown(third),
        "nonsense",
        shown(first),
        shown(fourth) | {"sha256": "0" * 64},
        shown(second),
        shown(second) | {"draft_id": "00000000-0000-0000-0000-000000000000"},
    )
    told = [outcome.get("problem", {}).get("status", outcome["outcome"]) for outcome in outcomes]
    assert told == ["approved", 422, 409, 422, 409, 409, "approved", 404]
    assert outcomes[0]["draft"]["decided_by"] == "Léa Martin"
    assert outcomes[3]["draft_id"] is None
    assert {e["draft_id"] for e in released(connection)} == {first["draft_id"], second["draft_id"]}


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ("confidence = NULL", "confidence_unknown"),
        ("confidence = 0.94", "confidence_low"),
        ("gaps = '{[délai]}', body = body || ' [délai]'", "gaps"),
        ("recipients = '{a@example.fr,b@example.fr}'", "recipients"),
        ("recipients = '{}'", "recipients"),
        ("reason = 'opt_out'", "opt_out"),
    ],
)
def test_what_is_not_sure_is_approved_alone(
    rep: httpx.Client, connection: Connection, drafts: list[dict[str, Any]], change: str, doubt: str
) -> None:
    statement = f"UPDATE draft SET {change} WHERE draft_id = %s"  # noqa: S608 - of the table above
    connection.execute(statement.encode(), [drafts[0]["draft_id"]])
    now = rep.get(f"/v1/drafts/{drafts[0]['draft_id']}").json()
    assert doubt in now["doubts"]
    listed = rep.get("/v1/drafts", params={"sure": True}).json()["drafts"]
    assert [draft["draft_id"] for draft in listed] == [draft["draft_id"] for draft in drafts[1:]]
    (outcome,) = together(rep, shown(now))
    assert (outcome["problem"]["status"], outcome["problem"]["doubts"]) == (422, now["doubts"])
    assert released(connection) == []


@pytest.mark.parametrize(
    "edit", [{"body": "Bonjour,\n\nOui."}, {"subject": "Oui"}, {"recipients": ["other@example.fr"]}]
)
def test_what_was_changed_is_approved_alone(
    rep: httpx.Client, drafts: list[dict[str, Any]], edit: dict[str, Any]
) -> None:
    (outcome,) = together(rep, shown(drafts[0], **edit))
    assert outcome["problem"]["doubts"] == ["edited"]


def test_what_was_taken_back_is_not_approved_with_others_again(
    rep: httpx.Client, connection: Connection, drafts: list[dict[str, Any]]
) -> None:
    (outcome,) = together(rep, shown(drafts[0]))
    draft = outcome["draft"]
    back = rep.post(f"/v1/drafts/{draft['draft_id']}/recall", json={"version": 1}).json()
    assert back["doubts"] == ["taken_back"]
    assert together(rep, shown(back))[0]["problem"]["status"] == 422
    assert rep.post(f"/v1/drafts/{back['draft_id']}/approve", json=approval(back)).status_code == 200


def test_several_wait_longer_than_one(
    rep: httpx.Client, connection: Connection, drafts: list[dict[str, Any]]
) -> None:
    together(rep, shown(drafts[0]))
    rep.post(f"/v1/drafts/{drafts[1]['draft_id']}/approve", json=approval(drafts[1]))
    row = connection.execute(
        "SELECT max(sends_at) - min(sends_at) > interval '90 s' AS longer FROM draft"
    ).fetchone()
    assert row == {"longer": True}


def test_at_most_fifty_and_only_by_a_person(
    served: Served, rep: httpx.Client, drafts: list[dict[str, Any]]
) -> None:
    for count in (0, 51):
        body = {"approvals": [shown(drafts[0])] * count}
        assert rep.post("/v1/drafts/approvals", json=body).status_code == 422
    headers = {"Authorization": f"Bearer {served.installation.key('drafts:decide')}"}
    body = {"approvals": [shown(drafts[0])]}
    assert httpx.post(f"{served.address}/v1/drafts/approvals", headers=headers, json=body).status_code == 403
