"""A tuning asked for over HTTP, made by the worker's thread, used and taken back, on a real Postgres."""

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from services.responder import store
from services.responder.handlers import on_records
from services.responder.retrieval import Asked, add_passage, embed_waiting, find_passages
from services.responder.tuning.training import tune
from shared.postgres import Connection
from tests.harness.platform import Platform
from tests.harness.stack import Stack, serving
from tests.integration.test_responder_drafts import WordVectors, drafting, message, record

# What customers call it, and what the house calls it: no word in common.
KINDS = {
    "Notice": ("mode emploi", "Voici la documentation technique demandée."),
    "Retour": ("renvoyer colis", "Le bordereau de reprise est joint."),
    "Relance": ("toujours rien reçu", "Votre commande arrivera demain."),
    "Avoir": ("remboursez", "Un crédit sera porté au compte."),
}
EMBEDDER = WordVectors()


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with serving("responder", platform, tmp_path_factory.mktemp("responder")) as stack:
        yield stack


@pytest.fixture
def connection(stack: Stack) -> Iterator[Connection]:
    with stack.installation.connect(store.SCHEMA) as connection:
        connection.execute("TRUNCATE passage, message, draft, decision, outbox, tuning CASCADE")
        for title, (_, body) in KINDS.items():
            add_passage(connection, kind="template", language="fr", title=title, body=body, created_by="test")
        embed_waiting(connection, EMBEDDER)
        yield connection


@pytest.fixture
def marketing(stack: Stack) -> Iterator[httpx.Client]:
    with stack.signed_in("responder", "marketing", "Ada Morel") as client:
        yield client


def decide(connection: Connection, count: int) -> None:
    """`count` messages, each answered by a person with the passage of its kind."""
    ids = {row["title"]: row["passage_id"] for row in connection.execute("SELECT * FROM passage")}
    kinds = list(KINDS.items())
    for number in range(count):
        title, (words, body) = kinds[number % len(kinds)]
        values = message(text=f"Bonjour, {words}, dossier {number}.", id=f"m-{number}", subject=None)
        values["lead_id"] = f"7b0f6f64-5c1f-4a53-9a43-{number:012}"
        on_records(connection, [record(values)], drafting(EMBEDDER))
        source = {"passage_id": str(ids[title]), "kind": "template", "title": title, "quote": body}
        connection.execute(
            "UPDATE draft SET status = 'approved', body = %s, sentences = %s WHERE message_id = %s",
            [body, orjson.dumps([{"text": body, "source": source}]).decode(), f"m-{number}"],
        )
        connection.execute(
            "INSERT INTO decision (draft_id, version, action, user_id, user_name, at, content, sha256) "
            "SELECT draft_id, version, 'approved', 'u', 'Awa', now() + %s * interval '1 second', "
            "jsonb_build_object('body', body), repeat('0', 64) FROM draft WHERE message_id = %s",
            [number, f"m-{number}"],
        )


def first(connection: Connection, text: str) -> str:
    (passages,) = find_passages(connection, EMBEDDER, [Asked(text, "fr")])
    return passages[0].title


def listed(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/v1/tunings").json()["tunings"][0]
    return found


def test_what_people_answered_is_found_for_the_next_message_and_can_be_taken_back(
    connection: Connection, marketing: httpx.Client
) -> None:
    decide(connection, 80)
    before = [first(connection, f"Bonjour, {words}, dossier 900.") for words, _ in KINDS.values()]
    assert before != list(KINDS)
    asked = marketing.post("/v1/tunings")
    assert (asked.status_code, listed(marketing)["status"]) == (202, "asked")
    assert marketing.post("/v1/tunings").json() == asked.json()  # one at a time

    assert tune(connection, EMBEDDER)
    made = listed(marketing)
    assert (made["status"], made["in_use"], made["better"]) == ("done", True, True)
    assert (made["examples"], made["held_out"], made["top1_after"]) == (80, 16, 1.0)
    assert len(made["sha256"]) == 64
    assert [first(connection, f"Bonjour, {words}, dossier 900.") for words, _ in KINDS.values()] == list(
        KINDS
    )

    back = marketing.post("/v1/tunings/use", json={"tuning_id": None, "comment": "trop tôt"})
    assert back.json()["used_by"] == "Ada Morel"
    assert [first(connection, f"Bonjour, {words}, dossier 900.") for words, _ in KINDS.values()] == before
    marketing.post("/v1/tunings/use", json={"tuning_id": made["tuning_id"]})
    assert (listed(marketing)["in_use"], listed(marketing)["used_by"]) == (True, "Ada Morel")


def test_with_too_few_decisions_nothing_changes_and_what_is_missing_is_said(
    connection: Connection, marketing: httpx.Client
) -> None:
    decide(connection, 12)
    marketing.post("/v1/tunings")
    assert tune(connection, EMBEDDER)
    made = listed(marketing)
    assert (made["status"], made["examples"], made["needed"], made["in_use"]) == ("too_few", 12, 50, False)
    refused = marketing.post("/v1/tunings/use", json={"tuning_id": made["tuning_id"]})
    assert refused.status_code == 404


def test_a_map_of_another_embedding_model_is_not_used(
    connection: Connection, marketing: httpx.Client
) -> None:
    decide(connection, 80)
    marketing.post("/v1/tunings")
    tune(connection, EMBEDDER)
    other = WordVectors(48)
    while embed_waiting(connection, other):
        pass
    (passages,) = find_passages(connection, other, [Asked("Bonjour, remboursez", "fr")])
    assert passages


def test_nothing_is_done_when_nobody_asked(connection: Connection) -> None:
    assert not tune(connection, EMBEDDER)
