"""Documents posted over HTTP: versions, dates and what drafts quote; a real server, a real Postgres."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.responder import store
from services.responder.learning import Learnt
from services.responder.retrieval import Asked, embed_waiting, find_passages
from shared.postgres import Connection
from tests.harness.platform import Platform
from tests.harness.stack import Stack, serving
from tests.integration.test_responder_drafts import WordVectors

GUIDE = """# Livraison
Les pompes en stock partent de notre dépôt sous 48 heures.

# Retours
Un retour est repris sous quatorze jours dans son emballage.
"""


@pytest.fixture(scope="module")
def stack(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with serving("responder", platform, tmp_path_factory.mktemp("responder")) as stack:
        yield stack


@pytest.fixture(autouse=True)
def connection(stack: Stack) -> Iterator[Connection]:
    with stack.installation.connect(store.SCHEMA) as connection:
        connection.execute("TRUNCATE passage, document CASCADE")
        yield connection


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with stack.client("responder", "knowledge:read", "knowledge:write") as client:
        yield client


def post(client: httpx.Client, text: str = GUIDE, name: str = "guide.md", **form: str) -> httpx.Response:
    return client.post("/v1/documents", files={"file": (name, text.encode())}, data=form)


def quoted(connection: Connection, question: str) -> list[str]:
    model = WordVectors()
    while embed_waiting(connection, model):
        pass
    (found,) = find_passages(connection, model, [Asked(question, "fr")], Learnt())
    return [passage.body for passage in found]


def listed(client: httpx.Client) -> list[dict[str, Any]]:
    documents = client.get("/v1/documents").json()["documents"]
    assert isinstance(documents, list)
    return documents


def test_a_document_is_cut_under_its_headings_and_found(client: httpx.Client, connection: Connection) -> None:
    made = post(client)
    assert made.status_code == 201
    document = made.json()["document"]
    assert {name: document[name] for name in ("name", "version", "language", "passages")} == {
        "name": "guide.md", "version": 1, "language": "fr", "passages": 2,
    }  # fmt: skip
    passages = client.get(f"/v1/documents/{document['document_id']}").json()["passages"]
    assert [passage["title"] for passage in passages] == ["guide › Livraison", "guide › Retours"]
    assert quoted(connection, "Quand partent les pompes en stock ?")[0].startswith("Les pompes en stock")
    assert client.get("/v1/knowledge").json()["passages"] == []


def test_the_same_file_again_changes_nothing_and_a_newer_one_takes_its_place(
    client: httpx.Client, connection: Connection
) -> None:
    post(client)
    quoted(connection, "pompes")
    again = post(client)
    assert (again.status_code, again.json()["changed"]) == (200, False)
    newer = post(client, GUIDE.replace("48 heures", "24 heures")).json()["document"]
    assert (newer["version"], newer["passages"], newer["embedded"]) == (2, 2, 1)  # the other kept its vector
    bodies = quoted(connection, "Quand partent les pompes en stock ?")
    assert any("24 heures" in body for body in bodies)
    assert not any("48 heures" in body for body in bodies)
    assert [row["version"] for row in listed(client)] == [2]


def test_what_is_past_its_date_is_not_quoted(client: httpx.Client, connection: Connection) -> None:
    today = datetime.now(UTC).date()
    post(client, valid_until=(today + timedelta(days=9)).isoformat())
    assert quoted(connection, "pompes en stock")
    connection.execute("UPDATE passage SET valid_until = current_date - 1")
    assert quoted(connection, "pompes en stock") == []
    late = post(client, name="old.md", valid_until=(today - timedelta(days=2)).isoformat())
    assert late.status_code == 422


def test_taking_a_document_away_leaves_the_same_words_of_another(
    client: httpx.Client, connection: Connection
) -> None:
    first = post(client, name="guide.md").json()["document"]
    post(client, name="copie/guide.txt")
    assert client.delete(f"/v1/documents/{first['document_id']}").json()["retired"] is True
    assert client.delete(f"/v1/documents/{first['document_id']}").status_code == 404
    assert [row["name"] for row in listed(client)] == ["guide.txt"]
    assert any("48 heures" in body for body in quoted(connection, "pompes en stock"))


def test_a_dry_run_shows_the_passages_and_keeps_nothing(client: httpx.Client) -> None:
    shown = post(client, dry_run="true")
    assert shown.status_code == 200
    assert [one["title"] for one in shown.json()["passages"]] == ["guide › Livraison", "guide › Retours"]
    assert listed(client) == []


def test_questions_and_answers_are_replies(client: httpx.Client, connection: Connection) -> None:
    made = post(client, "question,answer\nQuels sont vos délais ?,Nous livrons sous 48 heures.\n", "faq.csv")
    assert made.json()["document"]["passages"] == 1
    model = WordVectors()
    embed_waiting(connection, model)
    (found,) = find_passages(connection, model, [Asked("Quels délais ?", "fr")], Learnt())
    assert (found[0].kind, found[0].title) == ("reply", "Quels sont vos délais ?")


@pytest.mark.parametrize(
    ("name", "content"),
    [("photo.png", b"\x89PNG"), ("empty.md", b""), ("broken.pdf", b"%PDF"), ("faq.csv", b"a,b\n1,2\n")],
)
def test_what_cannot_be_read_is_refused_with_advice(client: httpx.Client, name: str, content: bytes) -> None:
    answer = client.post("/v1/documents", files={"file": (name, content)})
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith((".", "?"))
    assert listed(client) == []


def test_a_body_over_the_limit_is_refused_and_a_part_without_a_file_too(client: httpx.Client) -> None:
    assert post(client, "x" * 11_000_000, "large.txt").status_code == 413
    assert client.post("/v1/documents", data={"file": "text"}).status_code == 422


def test_a_passage_is_retired_and_may_come_again(client: httpx.Client) -> None:
    template = {"kind": "template", "language": "fr", "title": "Devis", "body": "Merci de votre demande."}
    (first,) = client.post("/v1/knowledge", json=template).json()["passages"]
    assert client.delete(f"/v1/knowledge/{first['passage_id']}").json()["retired"] is True
    assert client.get("/v1/knowledge").json()["passages"] == []
    (second,) = client.post("/v1/knowledge", json=template).json()["passages"]
    assert second["passage_id"] != first["passage_id"]
