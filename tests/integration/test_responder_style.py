"""The house's style over HTTP, on a real server and a real Postgres, and the drafts that are made with it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from services.responder import store
from services.responder.handlers import on_records
from services.responder.retrieval import add_passage
from services.responder.style.document import SHIPPED, as_document
from shared.postgres import Connection
from tests.harness.platform import Platform
from tests.harness.stack import serving
from tests.integration.test_responder_api import BODY, Served, waiting
from tests.integration.test_responder_drafts import drafting, message, record


@pytest.fixture(scope="module")
def served(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("responder")
    with serving("responder", platform, folder) as stack:
        token = stack.installation.person_token(stack.installation.person("marketing"))
        yield Served(stack.installation, stack.urls["responder"], token)
    assert "02 40" not in (folder / "responder.log").read_text()


@pytest.fixture
def connection(served: Served) -> Iterator[Connection]:
    with served.installation.connect(store.SCHEMA) as connection:
        connection.execute("TRUNCATE passage, message, draft, decision, outbox, style CASCADE")
        add_passage(
            connection, kind="template", language="fr", title="Demande de devis", body=BODY, created_by="test"
        )
        yield connection


@pytest.fixture
def person(served: Served, connection: Connection) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {served.person_token}"}
    with httpx.Client(base_url=served.address, headers=headers, timeout=10) as client:
        yield client


def changed(client: httpx.Client, on_top_of: int, style: dict[str, Any]) -> httpx.Response:
    return client.put("/v1/style", json={"on_top_of": on_top_of, "style": style})


def test_a_house_that_changed_nothing_has_what_is_shipped(person: httpx.Client) -> None:
    assert person.get("/v1/style").json() == {
        "version": 0,
        "created_at": None,
        "created_by": None,
        "created_name": None,
        "style": as_document(SHIPPED.style),
    }
    assert person.get("/v1/style/versions").json() == {"versions": [], "next_cursor": None}


def test_each_change_is_a_version_with_who_and_when_and_none_is_lost(person: httpx.Client) -> None:
    first = changed(person, 0, {"phone": "02 40 11 22 33"}).json()
    assert (first["version"], first["style"]["phone"]) == (1, "02 40 11 22 33")
    assert first["created_by"]
    assert first["created_name"] == "Léa Martin"
    assert first["created_at"]
    refused = changed(person, 0, {"phone": "other"})
    assert (refused.status_code, refused.json()["current_version"]) == (409, 1)
    assert changed(person, 1, {}).json()["version"] == 2
    assert person.get("/v1/style", params={"version": 1}).json() == first
    assert person.get("/v1/style", params={"version": 0}).json()["style"] == as_document(SHIPPED.style)
    assert person.get("/v1/style", params={"version": 9}).status_code == 404
    listed = person.get("/v1/style/versions", params={"limit": 1}).json()
    assert [one["version"] for one in listed["versions"]] == [2]
    rest = person.get("/v1/style/versions", params={"cursor": listed["next_cursor"]}).json()
    assert [one["version"] for one in rest["versions"]] == [1]


def test_of_two_people_at_once_one_is_told(person: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: changed(person, 0, {"phone": f"0{n}"}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7


def test_a_document_that_cannot_be_used_changes_nothing_and_says_where(person: httpx.Client) -> None:
    answer = changed(person, 0, {"signature": ["{{ rep.password }}"], "calendar": "ftp://x.example.com"})
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"style.signature.0", "style.calendar"}
    assert changed(person, 0, {"phone": "\0"}).status_code == 422
    assert person.get("/v1/style").json()["version"] == 0


def test_an_example_is_a_letter_in_this_style_and_is_kept_nowhere(
    person: httpx.Client, connection: Connection
) -> None:
    style = {
        "closing": {"fr": "Bien à vous,"},
        "next_steps": [{"grades": ["A"], "text": {"fr": "À demain."}}],
    }
    asked = {"style": style, "language": "fr", "grade": "A"}
    letter = person.post("/v1/style/example", json=asked).json()
    assert letter["body"].startswith("Bonjour Madame Durand,\n\nMerci")
    assert letter["body"].endswith("À demain.\n\nBien à vous,\n\nLéa Martin\nHydromeca")
    assert person.post("/v1/style/example", json=asked | {"language": "de"}).status_code == 422
    assert person.post("/v1/style/example", json={"style": {"calendar": "x"}}).status_code == 422
    assert connection.execute("SELECT FROM style UNION ALL SELECT FROM draft").fetchall() == []


def test_a_rep_reads_the_style_and_changes_nothing(served: Served, connection: Connection) -> None:
    rep = served.installation.person("rep", "leo@example.fr", "Léo Petit")
    headers = {"Authorization": f"Bearer {served.installation.person_token(rep)}"}
    with httpx.Client(base_url=served.address, headers=headers, timeout=10) as client:
        assert client.get("/v1/style").status_code == 200
        assert changed(client, 0, {}).status_code == 403


def test_a_draft_keeps_the_version_it_was_written_with(person: httpx.Client, connection: Connection) -> None:
    style = {
        "phone": "02 40 11 22 33",
        "signature": ["{{ rep.name }}, {{ rep.role }}", "{{ house.phone }}"],
        "reps": [{"name": "léa martin", "role": "Ingénieure d'affaires"}],
        "next_steps": [{"grades": ["B"], "text": {"fr": "Nous vous rappelons."}}],
        "fields": [
            {"name": "voltage", "label": {"fr": "Tension", "en": "Voltage"}, "announced_by": ["tension"]}
        ],
    }
    assert changed(person, 0, style).status_code == 200
    text = "Pourriez-vous nous adresser un devis pour deux pompes ? Tension : 400 V"
    on_records(connection, [record(message(text) | {"grade": "B"})], drafting())
    connection.commit()
    assert changed(person, 1, {}).status_code == 200
    draft = waiting(person)
    assert draft["style_version"] == 1
    assert draft["body"].endswith(
        "Nous vous rappelons.\n\nCordialement,\n\nLéa Martin, Ingénieure d'affaires\n02 40 11 22 33"
    )
    assert draft["gaps"] == []
    assert draft["card"]["voltage"] == ["400 V"]
    assert draft["card_labels"] == {"voltage": "Tension"}
    step = next(one for one in draft["sentences"] if one["text"] == "Nous vous rappelons.")
    assert step["source"] == {
        "kind": "style",
        "title": "Prochaine étape",
        "quote": "Nous vous rappelons.",
        "passage_id": None,
    }
