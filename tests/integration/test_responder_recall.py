"""An approval waits, is taken back or held back, or goes out once: over HTTP, on a real Postgres."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from services.responder import store
from services.responder.going_out import release
from services.responder.handlers import on_records
from shared.contracts.topics import REPLY_EVENTS
from shared.postgres import Connection, connect
from tests.integration.test_responder_api import Served, approval, connection, released, rep, served, waiting
from tests.integration.test_responder_drafts import drafting, message, outbox_values, record

__all__ = ["connection", "rep", "served"]

EDIT = "Merci pour votre demande. Nous vous adressons notre offre, les délais pour Laiterie du Ménez."


def approved(rep: httpx.Client, **edits: Any) -> dict[str, Any]:
    draft = waiting(rep)
    answer = rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=approval(draft, **edits))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def take_back(rep: httpx.Client, draft: dict[str, Any]) -> httpx.Response:
    return rep.post(f"/v1/drafts/{draft['draft_id']}/recall", json={"version": draft["version"]})


def test_nothing_is_announced_while_an_approval_can_be_taken_back(
    rep: httpx.Client, connection: Connection
) -> None:
    draft = approved(rep)
    assert draft["sends_at"] > draft["decided_at"]
    assert [d["draft_id"] for d in rep.get("/v1/drafts?recallable=true").json()["drafts"]] == [
        draft["draft_id"]
    ]
    assert released(connection, over=False) == []
    (event,) = released(connection)
    assert (event["event"], event["at"]) == ("approved", draft["decided_at"])
    assert rep.get("/v1/drafts?recallable=true").json()["drafts"] == []
    late = take_back(rep, draft)
    assert (late.status_code, late.json()["status_now"]) == (409, "approved")
    assert "write to them again" in late.json()["detail"]


def test_what_is_taken_back_is_open_again_with_its_words(rep: httpx.Client, connection: Connection) -> None:
    proposed = waiting(rep)
    body = f"Bonjour Madame Morvan,\n\n{EDIT}\n\nCordialement,\n\nLéa Martin"
    draft = approved(rep, body=body, subject="Notre offre")
    assert len(rep.get("/v1/knowledge?kind=reply").json()["passages"]) == 1
    answer = take_back(rep, draft)
    assert answer.status_code == 200, answer.text
    opened = waiting(rep)
    assert (opened["version"], opened["body"]) == (2, proposed["body"])
    assert opened["taken_back"]["by"] == "Léa Martin"
    assert opened["taken_back"]["content"] == {
        "sender": draft["sender"],
        "recipients": draft["recipients"],
        "subject": "Notre offre",
        "body": body,
    }
    assert (opened["decided_by"], opened["sends_at"]) == (None, None)
    assert released(connection) == []
    assert rep.get("/v1/knowledge?kind=reply").json()["passages"] == []
    rows = connection.execute("SELECT version, action, content ->> 'body' AS body FROM decision").fetchall()
    assert rows == [{"version": 1, "action": "approved", "body": body}]
    recalled = connection.execute("SELECT version, user_name FROM recall").fetchall()
    assert recalled == [{"version": 1, "user_name": "Léa Martin"}]

    # Approved again, it goes out as the second version, and only that.
    approved(rep, body=body)
    assert [event["version"] for event in released(connection)] == [2]
    assert len(rep.get("/v1/knowledge?kind=reply").json()["passages"]) == 1


def test_an_answer_written_where_nothing_was_proposed_is_again_one_to_write(
    rep: httpx.Client, connection: Connection
) -> None:
    connection.execute("UPDATE draft SET status = 'no_source', reason = 'no_knowledge', body = ''")
    (draft,) = rep.get("/v1/drafts?status=no_source").json()["drafts"]
    path = f"/v1/drafts/{draft['draft_id']}"
    answer = rep.post(f"{path}/approve", json=approval(draft, body="Oui, jeudi à midi."))
    assert take_back(rep, answer.json()).json()["status"] == "no_source"


@pytest.mark.parametrize("status", ["waiting", "rejected", "stale", "unknown", "changed"])
def test_only_an_approval_can_be_taken_back(rep: httpx.Client, connection: Connection, status: str) -> None:
    draft = waiting(rep)
    match status:
        case "rejected":
            rep.post(f"/v1/drafts/{draft['draft_id']}/reject", json={"version": 1})
        case "stale":
            on_records(connection, [record(message(id="m-2"))], drafting())
        case "unknown":
            draft["draft_id"] = "00000000-0000-0000-0000-000000000000"
        case "changed":
            take_back(rep, approved(rep))
    answer = take_back(rep, draft)
    assert answer.status_code == (404 if status == "unknown" else 409)
    assert connection.execute("SELECT 1 FROM recall").fetchall() == [{"?column?": 1}] * (status == "changed")


def test_a_machine_takes_nothing_back(served: Served, rep: httpx.Client) -> None:
    draft = approved(rep)
    headers = {"Authorization": f"Bearer {served.installation.key('drafts:decide')}"}
    answer = httpx.post(
        f"{served.address}/v1/drafts/{draft['draft_id']}/recall", headers=headers, json={"version": 1}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "text", ["Finalement trois pompes, svp, un devis ?", "Merci de ne plus m'écrire, désinscrivez-moi."]
)
def test_who_writes_again_meanwhile_holds_the_reply_back(
    rep: httpx.Client, connection: Connection, text: str
) -> None:
    draft = approved(rep, body="Bonjour,\n\nOui, nous avons deux pompes.")
    connection.execute("DELETE FROM outbox")
    again = message(text, id="m-2", occurred_at="2026-03-11T08:00:00Z")
    on_records(connection, [record(again)], drafting())
    assert {e["event"] for e in outbox_values(connection, REPLY_EVENTS)} <= {"stale", "drafted"}
    assert "stale" in {e["event"] for e in outbox_values(connection, REPLY_EVENTS)}
    assert released(connection) == []
    old = rep.get(f"/v1/drafts/{draft['draft_id']}").json()
    assert (old["status"], old["sends_at"], old["decided_by"]) == ("stale", None, "Léa Martin")
    newer = rep.get(f"/v1/drafts/{old['superseded_by']}").json()
    assert newer["earlier"][0]["held_back"] == "Bonjour,\n\nOui, nous avons deux pompes."
    assert take_back(rep, draft).json()["superseded_by"] == newer["draft_id"]
    assert connection.execute("SELECT user_name FROM recall").fetchall() == [{"user_name": None}]


def test_an_older_message_that_comes_late_holds_nothing_back(
    rep: httpx.Client, connection: Connection
) -> None:
    draft = approved(rep)
    late = message("Bonjour, un devis ?", id="m-0", occurred_at="2026-03-09T08:00:00Z")
    on_records(connection, [record(late)], drafting())
    assert waiting(rep)["draft_id"] != draft["draft_id"]
    assert [event["draft_id"] for event in released(connection)] == [draft["draft_id"]]


def test_of_a_recall_and_a_release_at_once_one_wins(
    served: Served, rep: httpx.Client, connection: Connection
) -> None:
    again = {"occurred_at": "2026-03-11T08:00:00Z"}
    batch = [record(message(id=f"r-{n}", thread_id=f"t-{n}", **again), offset=n) for n in range(12)]
    on_records(connection, batch, drafting())
    for draft in rep.get("/v1/drafts?status=waiting").json()["drafts"]:
        rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=approval(draft))
    connection.execute("DELETE FROM outbox")
    connection.execute("UPDATE draft SET sends_at = now() WHERE sends_at IS NOT NULL")
    due = rep.get("/v1/drafts?recallable=true").json()["drafts"]
    assert len(due) == 12

    def let_go(_: int) -> None:
        with connect(served.installation.database_url, schema=store.SCHEMA) as own:
            release(own, demo=False)

    with ThreadPoolExecutor(4) as threads:
        gone = threads.map(let_go, range(4))
        answers = list(threads.map(lambda draft: take_back(rep, draft).status_code, due))
        list(gone)
    let_go(0)
    events = outbox_values(connection, REPLY_EVENTS)
    back = {d["draft_id"] for d, status in zip(due, answers, strict=True) if status == 200}
    assert sorted(back | {e["draft_id"] for e in events}) == sorted(d["draft_id"] for d in due)
    assert len(events) + len(back) == len(due)
    assert set(answers) <= {200, 409}
