"""Drafts are reworded behind them: by a real HTTP server that plays the endpoint, on a real Postgres."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from services.responder import store
from services.responder.handlers import on_records
from services.responder.rephraser import MOST_ATTEMPTS, Endpoint, rephrase_next
from services.responder.retrieval import add_passage
from services.responder.views import draft_view
from shared.postgres import Connection, Pool, connect_pool
from tests.harness.chat_endpoint import ChatEndpoint, Said, chat_endpoint
from tests.harness.platform import Installation
from tests.integration.test_responder_drafts import drafting, message, record

BODY = (
    "Merci pour votre demande de devis. "
    "Nous vous adressons notre offre sous 48 heures, {{ lead.first_name }}."
)
GOOD = (
    "Nous vous remercions de votre demande de devis et vous adressons notre offre sous 48 heures, NOM_1. "
    "Pour quelle date vous le faudrait-il ? Et où faudrait-il livrer ?"
)


@pytest.fixture
def connection(installation: Installation) -> Iterator[Connection]:
    with installation.connect(store.SCHEMA) as connection:
        connection.execute("TRUNCATE passage, message, draft, decision, outbox CASCADE")
        add_passage(
            connection, kind="template", language="fr", title="Demande de devis", body=BODY, created_by="test"
        )
        yield connection


@pytest.fixture
def pool(installation: Installation) -> Iterator[Pool]:
    with connect_pool(installation.database_url, schema=store.SCHEMA) as pool:
        yield pool


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as served:
        yield served


def drafted(connection: Connection, *, rephrase: bool = True, **fields: Any) -> None:
    made = drafting()
    on_records(connection, [record(message(**fields))], type(made)(**_fields(made) | {"rephrase": rephrase}))


def _fields(made: Any) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__dataclass_fields__}


def once(pool: Pool, served: ChatEndpoint, *, timeout_s: float = 5, key: str = "") -> bool:
    with httpx.Client() as client:
        return rephrase_next(pool, client, Endpoint(served.url, "small-model", key, timeout_s))


def shown(connection: Connection) -> dict[str, Any]:
    (row,) = store.find_drafts(connection)
    return draft_view(row, "Léa Martin", 1.0)


def test_a_good_rewording_is_shown_with_its_model_and_the_plain_letter_beside(
    connection: Connection, pool: Pool, endpoint: ChatEndpoint
) -> None:
    endpoint.script = lambda _text: Said(GOOD)
    drafted(connection)
    plain = shown(connection)
    assert (plain["rephrased_by"], plain["plain_body"]) == (None, None)
    assert once(pool, endpoint, key="s3cret")
    assert not once(pool, endpoint)  # asked once
    draft = shown(connection)
    assert GOOD.replace("NOM_1", "Camille") in draft["body"]
    assert (draft["rephrased_by"], draft["plain_body"]) == ("small-model", plain["body"])
    assert (draft["version"], draft["gaps"]) == (plain["version"], plain["gaps"])
    assert draft["body"].endswith("Léa Martin\nHydromeca")
    (asked,) = endpoint.asked
    assert asked["model"] == "small-model"
    given = asked["messages"][-1]["content"]
    assert given.startswith(BODY.replace("{{ lead.first_name }}", "NOM_1"))
    for personal in ("Camille", "Morvan", "Laiterie", "deux pompes", "laiterie.example.com"):
        assert personal not in str(asked)
    assert endpoint.keys == ["Bearer s3cret"]


def test_without_the_setting_nothing_is_asked(
    connection: Connection, pool: Pool, endpoint: ChatEndpoint
) -> None:
    drafted(connection, rephrase=False)
    assert not once(pool, endpoint)
    assert endpoint.asked == []


def test_a_rewording_that_adds_a_fact_is_dropped_for_good(
    connection: Connection, pool: Pool, endpoint: ChatEndpoint
) -> None:
    endpoint.script = lambda _text: Said(GOOD.replace("48", "24"))
    drafted(connection)
    plain = shown(connection)
    with structlog.testing.capture_logs() as logs:
        assert once(pool, endpoint)
    assert [entry.get("why") for entry in logs if entry["event"] == "rephrasing_dropped"] == ["added"]
    assert "heures" not in str(logs)
    connection.execute("UPDATE draft SET rephrase_after = rephrase_after - interval '1 day'")
    assert not once(pool, endpoint)
    assert shown(connection) == plain


@pytest.mark.parametrize(
    "said",
    [
        Said(status=500),
        Said(status=307, headers={"Location": "http://127.0.0.1:9/"}),
        Said(raw=b"<html>"),
        Said(raw=b"[]"),
        Said(raw=b'{"choices": []}'),
        Said(raw=b'{"choices": [{"message": {"content": null}}]}'),
        Said(raw=b'{"choices": [{"message": {"content": "\\ud800"}}]}'),
        Said(raw=b"x" * 300_000),
        Said(GOOD, trickle_s=0.05),
    ],
    ids=["error", "redirect", "no_json", "list", "no_choice", "null", "surrogate", "large", "trickle"],
)
def test_an_endpoint_that_is_unwell_costs_nothing_and_is_asked_again(
    connection: Connection, pool: Pool, endpoint: ChatEndpoint, said: Said
) -> None:
    endpoint.script = lambda _text: said
    drafted(connection)
    plain = shown(connection)
    for _ in range(MOST_ATTEMPTS):
        assert once(pool, endpoint, timeout_s=0.3)
        assert not once(pool, endpoint)  # not before the pause is over
        connection.execute("UPDATE draft SET rephrase_after = rephrase_after - interval '1 day'")
    assert not once(pool, endpoint)
    assert len(endpoint.asked) == MOST_ATTEMPTS
    assert shown(connection) == plain


def test_no_endpoint_at_all_is_waited_for(connection: Connection, pool: Pool, endpoint: ChatEndpoint) -> None:
    drafted(connection)
    with httpx.Client() as client:
        for url in ("http://127.0.0.1:9/v1", "http://[", "http://127.0.0.1:999999"):
            connection.execute("UPDATE draft SET rephrase_after = now(), rephrase_attempts = 0")
            assert rephrase_next(pool, client, Endpoint(url, "m", "", 1))
    connection.execute("UPDATE draft SET rephrase_after = now()")
    endpoint.script = lambda _text: Said(GOOD)
    assert once(pool, endpoint)
    assert shown(connection)["rephrased_by"] == "small-model"


def test_what_a_person_decides_meanwhile_stands_and_waits_for_no_model(
    connection: Connection, pool: Pool, endpoint: ChatEndpoint
) -> None:
    written = threading.Event()
    endpoint.script = lambda _text: Said(GOOD, until=written)
    drafted(connection)
    asking = threading.Thread(target=once, args=(pool, endpoint), kwargs={"timeout_s": 30}, daemon=True)
    asking.start()
    assert endpoint.called.wait(20)
    connection.execute("SET statement_timeout = '2s'")  # nobody holds the row meanwhile
    with connection.transaction():
        (row,) = store.find_drafts(connection)
        assert store.lock_draft(connection, row["draft_id"])
        connection.execute("UPDATE draft SET status = 'rejected'")
    written.set()
    asking.join()
    assert shown(connection)["rephrased_by"] is None
