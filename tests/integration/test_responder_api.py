"""Drafts decided over HTTP by real people's tokens, on a real server and a real Postgres."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from services.responder import store
from services.responder.going_out import release
from services.responder.handlers import on_records
from services.responder.retrieval import add_passage
from shared.contracts.approval import content_hash
from shared.contracts.topics import REPLY_EVENTS
from shared.contracts.validation import check
from shared.postgres import Connection
from tests.harness.platform import Installation, Platform
from tests.harness.stack import serving
from tests.integration.test_responder_drafts import drafting, message, record

BODY = "Merci pour votre demande de devis. Nous vous adressons notre offre avec les délais."


@dataclass(frozen=True, slots=True)
class Served:
    """One installation and its responder's server for the whole module: each test clears what it left."""

    installation: Installation
    address: str
    person_token: str


@pytest.fixture(scope="module")
def served(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("responder")
    with serving("responder", platform, folder) as stack:
        token = stack.installation.person_token(stack.installation.person("rep"))
        yield Served(stack.installation, stack.urls["responder"], token)
    written = (folder / "responder.log").read_text()
    assert not [canary for canary in ("Morvan", "camille", "Laiterie", "Awa", "42100") if canary in written]


@pytest.fixture
def connection(served: Served) -> Iterator[Connection]:
    with served.installation.connect(store.SCHEMA) as connection:
        connection.execute("TRUNCATE passage, message, draft, decision, recall, outbox")
        add_passage(
            connection, kind="template", language="fr", title="Demande de devis", body=BODY, created_by="test"
        )
        on_records(connection, [record(message())], drafting())
        yield connection


@pytest.fixture
def rep(served: Served, connection: Connection) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {served.person_token}"}
    with httpx.Client(base_url=served.address, headers=headers, timeout=10) as client:
        yield client


def waiting(client: httpx.Client) -> dict[str, Any]:
    (draft,) = client.get("/v1/drafts", params={"status": "waiting"}).json()["drafts"]
    assert isinstance(draft, dict)
    return draft


def approval(draft: dict[str, Any], **edits: Any) -> dict[str, Any]:
    """What the console sends: the content as read, edited, and its hash."""
    names = ("version", "channel", "sender", "recipients", "subject", "body")
    content = {name: draft[name] for name in names} | {"attachments": []} | edits
    return content | {"sha256": content_hash(content | {"draft_id": draft["draft_id"]})}


def test_what_is_approved_is_published_to_the_byte_and_signed_by_a_person(
    rep: httpx.Client, connection: Connection
) -> None:
    draft = waiting(rep)
    assert draft["body"].endswith("Cordialement,\n\nLéa Martin\nHydromeca")  # the reader signs
    assert draft["gaps"] == []
    sent = approval(draft, body=draft["body"] + "\n\nP.-S. : à demain — 🙂")
    answer = rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=sent)
    assert answer.status_code == 200, answer.text
    approved = answer.json()
    assert (approved["status"], approved["decided_by"], approved["body"]) == (
        "approved",
        "Léa Martin",
        sent["body"],
    )
    (event,) = released(connection)
    check(event, "reply.events")
    assert (event["event"], event["user"]["name"]) == ("approved", "Léa Martin")
    assert event["sha256"] == sent["sha256"] == content_hash(event["content"])
    now = rep.get(f"/v1/drafts/{draft['draft_id']}").json()
    assert now | {"not_kept": "unchanged"} == approved | {"sends_at": None}
    assert released(connection) == []


def released(connection: Connection, *, over: bool = True) -> list[Any]:
    """What is announced next; the time to take back is `over`."""
    connection.execute("DELETE FROM outbox")
    if over:
        connection.execute("UPDATE draft SET sends_at = now() WHERE sends_at IS NOT NULL")
    with connection.transaction():
        release(connection, demo=False)
    rows = connection.execute("SELECT value FROM outbox WHERE topic = %s ORDER BY id", [REPLY_EVENTS])
    return [orjson.loads(row["value"]) for row in rows]


def test_of_two_approvals_at_once_one_wins(rep: httpx.Client, connection: Connection) -> None:
    draft = waiting(rep)
    texts = [approval(draft, body=f"{draft['body']}\n{n}") for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda t: rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=t), texts)
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    decisions = connection.execute("SELECT content FROM decision").fetchall()
    won = next(text for text, answer in zip(texts, answers, strict=True) if answer.status_code == 200)
    assert [row["content"]["body"] for row in decisions] == [won["body"]]


@pytest.mark.parametrize(
    ("edits", "status", "word"),
    [
        ({"sha256": "0" * 64}, 409, "SHA-256"),
        ({"version": 2}, 409, "Read it again"),
        ({"recipients": []}, 422, "recipients"),
        ({"recipients": ["nobody"]}, 422, "recipients"),
        ({"sender": ""}, 422, "sender"),
        ({"sender": "someone@elsewhere.example"}, 422, "ventes@hydromeca.example.com"),
        ({"body": "Bonjour [prénom du contact],"}, 422, "[prénom du contact]"),
        ({"body": "  "}, 422, "body"),
        ({"subject": "Re: x\nBcc: y@example.com"}, 422, "subject"),
        ({"attachments": [{"name": "x.pdf"}]}, 422, "attachments"),
        ({"channel": "sms"}, 422, "channel"),
        ({"bcc": ["x@example.com"]}, 422, "bcc"),
    ],
)
def test_what_may_not_be_sent_is_refused_and_changes_nothing(
    rep: httpx.Client, edits: dict[str, Any], status: int, word: str
) -> None:
    draft = waiting(rep)
    extra = {name: edits[name] for name in ("sha256", "bcc") if name in edits}
    body = approval(draft, **{k: v for k, v in edits.items() if k not in extra}) | extra
    answer = rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert word in answer.text
    assert waiting(rep) == draft


def test_a_character_that_cannot_be_kept_is_refused(rep: httpx.Client) -> None:
    draft = waiting(rep)
    for text in ("\\u0000", "\\ud800"):
        raw = orjson.dumps(approval(draft, body="CHAR")).replace(b"CHAR", text.encode())
        answer = rep.post(
            f"/v1/drafts/{draft['draft_id']}/approve",
            content=raw,
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 422, answer.text


def test_a_rejected_draft_stays_rejected(rep: httpx.Client, connection: Connection) -> None:
    draft = waiting(rep)
    path = f"/v1/drafts/{draft['draft_id']}"
    answer = rep.post(f"{path}/reject", json={"version": 1, "reason": "hors sujet"})
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
    late = rep.post(f"{path}/approve", json=approval(draft))
    assert (late.status_code, late.json()["status_now"]) == (409, "rejected")
    assert rep.post(f"{path}/reject", json={"version": 1}).status_code == 409
    decision = connection.execute("SELECT action, content, reason FROM decision").fetchone()
    assert decision == {"action": "rejected", "content": None, "reason": "hors sujet"}


def test_a_person_answers_with_a_passage_of_the_house(rep: httpx.Client, connection: Connection) -> None:
    added = add_passage(
        connection,
        kind="template",
        language="fr",
        title="Garantie",
        body="Bonjour,\n\nNos appareils sont garantis deux ans, {{ lead.company }}.\n\nCordialement",
        created_by="test",
    )
    other = message("Ils xxx zzz qqq.", id="m-2", subject=None) | {
        "lead_id": "00000000-0000-4000-8000-000000000001"
    }
    on_records(connection, [record(other)], drafting())
    for status in ("waiting", "no_source"):  # the better passage of two, and the only one
        (draft,) = rep.get("/v1/drafts", params={"status": status}).json()["drafts"][-1:]
        offered = {near["title"]: near for near in draft["nearest"]}
        if status == "no_source":
            body = offered["Garantie"]["body"]
            assert body == "Nos appareils sont garantis deux ans, [société du contact]."
            assert 0 <= offered["Garantie"]["confidence"] <= 1
        path = f"/v1/drafts/{draft['draft_id']}"
        answer = rep.post(f"{path}/answer", json={"version": 1, "passage_id": str(added["passage_id"])})
        assert answer.status_code == 200, answer.text
        answered = answer.json()
        assert (answered["status"], answered["version"], answered["reason"]) == ("waiting", 2, None)
        assert "garantis deux ans, Laiterie du Ménez." in answered["body"]
        assert BODY not in answered["body"]
        assert answered["sentences"][1]["source"]["title"] == "Garantie"
        assert (answered["chosen_by"], answered["decided_by"]) == ("Léa Martin", None)
        assert answered["chosen_at"] is not None
        assert answered["nearest"] == draft["nearest"]
        row = connection.execute("SELECT value FROM outbox ORDER BY id DESC LIMIT 1").fetchone()
        assert row is not None
        event = orjson.loads(row["value"])
        check(event, "reply.events")
        assert (event["event"], event["draft_id"], event["version"]) == ("drafted", draft["draft_id"], 2)
        stale = rep.post(f"{path}/approve", json=approval(draft, body="Bonjour"))
        assert (stale.status_code, stale.json()["current_version"]) == (409, 2)
        assert rep.post(f"{path}/approve", json=approval(answered)).status_code == 200
        late = rep.post(f"{path}/answer", json={"version": 2, "passage_id": str(added["passage_id"])})
        assert (late.status_code, late.json()["status_now"]) == (409, "approved")


@pytest.mark.parametrize("why", ["unknown", "retired", "expired", "of another language"])
def test_what_cannot_be_answered_with_is_refused_and_changes_nothing(
    rep: httpx.Client, connection: Connection, why: str
) -> None:
    draft = waiting(rep)
    (near,) = draft["nearest"]
    connection.execute(
        {
            "unknown": "UPDATE passage SET passage_id = gen_random_uuid()",
            "retired": "UPDATE passage SET retired_at = now()",
            "expired": "UPDATE passage SET valid_until = current_date - 1",
            "of another language": "UPDATE passage SET language = 'en'",
        }[why]
    )
    path = f"/v1/drafts/{draft['draft_id']}/answer"
    answer = rep.post(path, json={"version": 1, "passage_id": near["passage_id"]})
    assert answer.status_code == 422
    assert waiting(rep) == draft | ({"nearest": []} if why != "of another language" else {})
    assert rep.post(path, json={"version": 7, "passage_id": near["passage_id"]}).status_code == 409


def test_what_was_read_before_the_lead_wrote_again_cannot_be_sent(
    rep: httpx.Client, connection: Connection
) -> None:
    draft = waiting(rep)
    again = message("Finalement trois pompes, svp, devis ?", id="m-2", occurred_at="2026-03-11T08:00:00Z")
    on_records(connection, [record(again)], drafting())
    newer = waiting(rep)
    choice = {"version": 1, "passage_id": draft["nearest"][0]["passage_id"]}
    for decision, body in (("approve", approval(draft)), ("reject", {"version": 1}), ("answer", choice)):
        answer = rep.post(f"/v1/drafts/{draft['draft_id']}/{decision}", json=body)
        assert (answer.status_code, answer.json()["superseded_by"]) == (409, newer["draft_id"])
    assert connection.execute("SELECT 1 FROM decision").fetchall() == []
    assert rep.post(f"/v1/drafts/{newer['draft_id']}/approve", json=approval(newer)).status_code == 200
    assert (
        rep.get("/v1/drafts", params={"status": "stale"}).json()["drafts"][0]["draft_id"] == draft["draft_id"]
    )


def test_a_machine_decides_nothing(served: Served, rep: httpx.Client) -> None:
    draft = waiting(rep)
    key = served.installation.key("drafts:read", "drafts:decide")
    headers = {"Authorization": f"Bearer {key}"}
    choice = {"version": 1, "passage_id": draft["nearest"][0]["passage_id"]}
    for action, body in (("approve", approval(draft)), ("reject", {"version": 1}), ("answer", choice)):
        path = f"{served.address}/v1/drafts/{draft['draft_id']}/{action}"
        answer = httpx.post(path, headers=headers, json=body)
        assert answer.status_code == 403
    read = httpx.get(f"{served.address}/v1/drafts/{draft['draft_id']}", headers=headers).json()
    assert read["gaps"] == ["[votre nom]"]


def test_an_unknown_draft_is_not_found(rep: httpx.Client) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert rep.get(f"/v1/drafts/{unknown}").status_code == 404
    assert rep.post(f"/v1/drafts/{unknown}/reject", json={"version": 1}).status_code == 404
    choice = {"version": 1, "passage_id": unknown}
    assert rep.post(f"/v1/drafts/{unknown}/answer", json=choice).status_code == 404
    assert rep.get("/v1/drafts/seventeen").status_code == 422


def test_drafts_come_page_by_page(rep: httpx.Client, connection: Connection) -> None:
    batch = [record(message(id=f"p-{n}"), offset=n) for n in range(6)]
    on_records(connection, batch, drafting())
    seen: list[str] = []
    cursor = None
    while True:
        page = rep.get("/v1/drafts", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [draft["draft_id"] for draft in page["drafts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 7
    assert rep.get("/v1/drafts", params={"cursor": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("edit", "kept"),
    [
        (
            "Merci pour votre demande. Nous vous adressons notre offre, les délais pour Laiterie du Ménez.",
            True,
        ),
        ("Merci pour votre demande. Nous vous adressons notre offre avec les délais, commande 42100.", False),
        ("Merci pour votre demande. Nous vous adressons notre offre avec les délais de Sylvie.", False),
        (BODY, False),
    ],
)
def test_an_edited_reply_is_kept_only_without_the_lead(
    rep: httpx.Client, connection: Connection, edit: str, kept: bool
) -> None:
    draft = waiting(rep)
    body = f"Bonjour Madame Morvan,\n\n{edit}\n\nCordialement,\n\nLéa Martin"
    answer = rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=approval(draft, body=body))
    assert answer.status_code == 200
    replies = rep.get("/v1/knowledge", params={"kind": "reply"}).json()["passages"]
    assert len(replies) == kept
    for canary in ("Camille", "Morvan", "Laiterie", "Ménez", "42100", "Sylvie", "Léa"):
        assert canary not in str(replies)
    if not kept:
        return
    # The next lead's draft is made from it, and nothing of the first lead comes along.
    connection.execute("UPDATE passage SET retired_at = now() WHERE kind = 'template'")
    other = message(id="m-2") | {"lead": {"name": "Awa Diop", "company": "Fonderie Diop", "attributes": {}}}
    on_records(connection, [record(other)], drafting())
    next_draft = waiting(rep)
    assert "les délais pour Fonderie Diop." in next_draft["body"]
    for canary in ("Camille", "Morvan", "Laiterie", "Ménez", "camille@"):
        assert canary not in str(next_draft["body"])


def test_nothing_of_a_lead_reaches_the_draft_of_another(rep: httpx.Client, connection: Connection) -> None:
    """Every field of every lead holds a word of its own; replies are edited with them and may be kept."""
    canaries = [f"{word}{letter}" for word in ("Zorgax", "Wimbly") for letter in "abcdef"]
    for number, canary in enumerate(canaries):
        written = message(
            f"Bonjour, pourriez-vous nous faire un devis pour {canary} ? Le {canary} est en panne.",
            id=f"c-{number}",
            subject=f"Devis {canary}",
            thread_id=canary,
        )
        written["lead_id"] = f"00000000-0000-4000-8000-{number:012}"
        written["lead"] = {
            "name": f"Jean {canary}",
            "company": f"{canary} SA",
            "email": f"{canary.lower()}@example.com",
            "attributes": {"site": canary, "note": f"appeler {canary}"},
        }
        on_records(connection, [record(written)], drafting())
        (draft,) = rep.get("/v1/drafts", params={"lead_id": written["lead_id"]}).json()["drafts"]
        others = [
            other
            for other in canaries
            if other != canary and other.lower() in orjson.dumps(draft).decode().lower()
        ]
        assert draft["status"] == "waiting"
        assert not others, others
        edited = draft["body"].replace("délais", f"délais pour {canary if number % 2 else 'votre besoin'}")
        answer = rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=approval(draft, body=edited))
        assert answer.status_code == 200, answer.text
    kept = connection.execute("SELECT body FROM passage WHERE kind = 'reply'").fetchall()
    assert kept  # replies without a lead's word were kept, so drafts did have something to leak from
    assert not [row for row in kept if any(canary.lower() in row["body"].lower() for canary in canaries)]


def test_knowledge_is_taken_whole_or_not_at_all(served: Served, connection: Connection) -> None:
    key = served.installation.key("knowledge:read", "knowledge:write")
    good = {"kind": "template", "language": "fr", "title": "Salon", "body": "Venez, {{ lead.name }}."}
    with httpx.Client(base_url=served.address, headers={"Authorization": f"Bearer {key}"}) as client:
        added = client.post("/v1/knowledge", json=good)
        assert (added.status_code, len(added.json()["passages"])) == (201, 1)
        again = client.post("/v1/knowledge", json={"passages": [good]})
        assert again.json() == added.json()
        for bad, word in (
            ({"body": "{{ lead.phone }}"}, "unknown slot"),
            ({"body": "{{ lead.name"}, "line 1"),
            ({"language": "de"}, "language"),
            ({"kind": "poem"}, "kind"),
            ({"title": ""}, "title"),
        ):
            refused = client.post("/v1/knowledge", json={"passages": [good | {"title": "Autre"}, good | bad]})
            assert refused.status_code == 422
            assert word in refused.text
        titles = [p["title"] for p in client.get("/v1/knowledge").json()["passages"]]
        assert titles == ["Salon", "Demande de devis"]
        first = client.get("/v1/knowledge", params={"limit": 1}).json()
        rest = client.get("/v1/knowledge", params={"cursor": first["next_cursor"]}).json()
        assert [p["title"] for p in first["passages"] + rest["passages"]] == titles


def test_a_rep_may_not_add_knowledge(rep: httpx.Client) -> None:
    assert rep.post("/v1/knowledge", json={}).status_code == 403


@pytest.mark.parametrize(
    ("edit", "title", "told"),
    [
        (
            "Merci pour votre demande. Nous vous adressons notre offre, les délais compris.",
            "Offre",
            {"kept": "Offre"},
        ),
        ("Merci pour votre demande. Nous vous adressons notre offre.", None, {"kept": "Demande de devis"}),
        (
            "Merci pour votre demande de devis. Notre offre part sous 48 heures.",
            "Offre",
            {"not_kept": "numbers"},
        ),
        ("Merci pour votre demande. Nous vous adressons notre offre.", "Devis Morvan", {"not_kept": "title"}),
        (BODY, "Offre", {"not_kept": "unchanged"}),
    ],
)
def test_a_person_is_told_whether_their_words_are_kept(
    rep: httpx.Client, edit: str, title: str | None, told: dict[str, str]
) -> None:
    draft = waiting(rep)
    body = draft["body"].replace(BODY, edit)
    answer = rep.post(
        f"/v1/drafts/{draft['draft_id']}/approve", json=approval(draft, body=body) | {"keep_as": title}
    ).json()
    assert {name: answer[name] for name in ("kept", "not_kept") if name in answer} == told
    kept = [p["title"] for p in rep.get("/v1/knowledge", params={"kind": "reply"}).json()["passages"]]
    assert kept == ([told["kept"]] if "kept" in told else [])


def test_who_does_not_want_their_words_kept_is_heard(rep: httpx.Client) -> None:
    draft = waiting(rep)
    body = draft["body"].replace(BODY, "Merci pour votre demande. Nous vous adressons notre offre.")
    sent = approval(draft, body=body) | {"keep": False}
    answer = rep.post(f"/v1/drafts/{draft['draft_id']}/approve", json=sent).json()
    assert answer["not_kept"] == "not_wanted"
    assert rep.get("/v1/knowledge", params={"kind": "reply"}).json()["passages"] == []


def test_knowledge_is_found_by_words_in_files_too(rep: httpx.Client, connection: Connection) -> None:
    for language, title, body in (
        ("fr", "Livraison", "Les pompes partent sous quarante-huit heures."),
        ("fr", "Garantie", "La garantie des pompes dure deux ans."),
        ("en", "Delivery", "Pumps leave within two days."),
    ):
        add_passage(connection, kind="document", language=language, title=title, body=body, created_by="test")

    def found(**query: str) -> list[str]:
        answer = rep.get("/v1/knowledge", params=query)
        assert answer.status_code == 200, answer.text
        return [passage["title"] for passage in answer.json()["passages"]]

    assert found(q="garanties pompe") == ["Garantie", "Livraison"]
    assert found(q="leaving", language="en") == ["Delivery"]
    assert found(q="pompe", kind="template") == []
    for odd in ("!&|:*()<->'\\", "的", "  ", "x" * 300):
        assert found(q=odd, language="en") in ([], ["Delivery"])
    connection.execute("UPDATE passage SET valid_until = current_date - 1 WHERE title = 'Garantie'")
    assert found(q="garantie") == []
