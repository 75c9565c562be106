"""From records of lead.messages.v1 to drafts, on a real Postgres; the model is a small stand-in."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import orjson
import pytest
import structlog
from numpy.typing import NDArray

from services.responder import store
from services.responder.drafting import Evidence, House
from services.responder.embedding import Embedder
from services.responder.folding import words
from services.responder.going_out import release
from services.responder.handlers import Drafting, on_records
from services.responder.retrieval import add_passage, embed_waiting
from shared.contracts.topics import LEAD_MESSAGES, REPLY_EVENTS
from shared.contracts.validation import check
from shared.postgres import Connection
from shared.records import Record
from tests.harness.platform import Installation

LEAD_ID = "7b0f6f64-5c1f-4a53-9a43-3f2b1f0b8a11"


class WordVectors(Embedder):
    """Texts that share words have close vectors."""

    def __init__(self, dimension: int = 64) -> None:  # no model is looked for
        self.name = f"words@{dimension}"
        self._dimension = dimension

    def embed(self, texts: Sequence[str], language: str | None = None) -> NDArray[np.float32]:
        vectors = np.full((len(texts), self._dimension), 1e-3, dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in words(text):
                vector[sum(word.encode()) % self._dimension] += 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def drafting(embedder: WordVectors | None = None) -> Drafting:
    house = House("Hydromeca", "ventes@hydromeca.example.com")
    return Drafting(embedder or WordVectors(), house, Evidence(0.3), False)


def message(
    text: str = "Pourriez-vous nous adresser un devis pour deux pompes ?", **fields: Any
) -> dict[str, Any]:
    return {
        "lead_id": LEAD_ID,
        "message": {
            "source": "crm",
            "id": "m-1",
            "channel": "email",
            "subject": "Devis",
            "text": text,
            "thread_id": None,
            "occurred_at": "2026-03-10T08:26:53Z",
        }
        | fields,
        "language": "fr",
        "grade": "A",
        "stage": None,
        "lead": {
            "name": "Camille Morvan",
            "company": "Laiterie du Ménez",
            "email": "camille@laiterie.example.com",
            "attributes": {},
        },
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }


def record(value: Any, topic: str = LEAD_MESSAGES, offset: int = 0) -> Record:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return Record(topic, 0, offset, LEAD_ID, raw)


@pytest.fixture
def connection(installation: Installation) -> Iterator[Connection]:
    with installation.connect(store.SCHEMA) as connection:
        for title, body in (
            ("Demande de devis", "Merci pour votre demande de devis pour {{ lead.company }}."),
            ("Garantie", "Nos appareils sont garantis vingt-quatre mois."),
        ):
            add_passage(connection, kind="template", language="fr", title=title, body=body, created_by="test")
        yield connection


def outbox_values(connection: Connection, topic: str) -> list[Any]:
    rows = connection.execute("SELECT * FROM outbox WHERE topic = %s ORDER BY id", [topic]).fetchall()
    return [orjson.loads(row["value"]) for row in rows]


def test_a_message_gets_a_draft_from_the_passage_that_answers_it(connection: Connection) -> None:
    on_records(connection, [record(message())], drafting())
    (draft,) = store.find_drafts(connection, count=10)
    assert draft["status"] == "waiting"
    assert "Merci pour votre demande de devis pour Laiterie du Ménez." in draft["body"]
    assert draft["sentences"][1]["source"]["title"] == "Demande de devis"
    (event,) = outbox_values(connection, REPLY_EVENTS)
    check(event, "reply.events")
    assert (event["event"], event["draft_id"]) == ("drafted", str(draft["draft_id"]))
    header = connection.execute("SELECT headers FROM outbox").fetchone()
    assert header is not None
    assert header["headers"]["traceparent"].startswith("00-4bf9")


def test_a_draft_carries_what_is_asked_for_and_how_sure_it_is(connection: Connection) -> None:
    on_records(connection, [record(message())], drafting())
    (draft,) = store.find_drafts(connection, count=10)
    assert draft["card"]["quantity"] == ["deux"]
    assert draft["card"]["product"] == ["pompes"]
    assert draft["card"]["budget"] == []
    assert 0.5 <= draft["confidence"] <= 1


def test_a_redelivered_message_has_one_draft(connection: Connection) -> None:
    on_records(connection, [record(message()), record(message(), offset=1)], drafting())
    on_records(connection, [record(message(), offset=2)], drafting())
    assert len(store.find_drafts(connection, count=10)) == 1
    assert len(outbox_values(connection, REPLY_EVENTS)) == 1


def test_a_message_that_nothing_answers_waits_for_a_person_unannounced(connection: Connection) -> None:
    on_records(connection, [record(message("Ils xxx zzz qqq.", subject=None))], drafting())
    (draft,) = store.find_drafts(connection, count=10)
    assert (draft["status"], draft["reason"], draft["body"]) == ("no_source", "nothing_close", "")
    assert len(draft["nearest"]) == 2
    assert outbox_values(connection, REPLY_EVENTS) == []


def of(connection: Connection, message_id: str) -> dict[str, Any]:
    return next(d for d in store.find_drafts(connection, count=10) if d["message_id"] == message_id)


QUESTION = message()
WARRANTY = message("Quelle est la garantie ?", id="m-2", subject=None, occurred_at="2026-03-10T09:00:00Z")


@pytest.mark.parametrize(
    "batches", [[[QUESTION], [WARRANTY]], [[QUESTION, WARRANTY]], [[WARRANTY], [QUESTION]]]
)
def test_a_draft_goes_stale_when_the_lead_writes_again_and_the_newer_one_answers_both(
    connection: Connection, batches: list[list[dict[str, Any]]]
) -> None:
    for values in batches:
        on_records(connection, [record(value) for value in values], drafting())
    old, new = of(connection, "m-1"), of(connection, "m-2")
    assert (old["status"], old["superseded_by"]) == ("stale", new["draft_id"])
    assert new["status"] == "waiting"
    assert [earlier["text"] for earlier in new["earlier"]] == [QUESTION["message"]["text"]]
    if batches[-1] != [QUESTION]:  # what is told late was not known when the newer one was drafted
        assert new["body"].index("demande de devis") < new["body"].index("vingt-quatre mois")
    told = [(event["event"], event["draft_id"]) for event in outbox_values(connection, REPLY_EVENTS)]
    announced = {"drafted": None, "stale": None} | dict(told)
    assert announced["drafted"] == str(new["draft_id"])
    assert announced["stale"] == (str(old["draft_id"]) if batches == [[QUESTION], [WARRANTY]] else None)
    for event in outbox_values(connection, REPLY_EVENTS):
        check(event, "reply.events")


def test_what_was_taken_over_goes_on_with_the_newest(connection: Connection) -> None:
    thanks = message("Merci bien zzz.", id="m-3", subject=None, occurred_at="2026-03-11T09:00:00Z")
    for value in (QUESTION, WARRANTY, thanks):
        on_records(connection, [record(value)], drafting())
    newest = of(connection, "m-3")
    assert [earlier["subject"] for earlier in newest["earlier"]] == ["Devis", None]
    assert newest["status"] == "waiting"  # thanks need no answer; what was asked before does
    assert {of(connection, name)["superseded_by"] for name in ("m-1", "m-2")} == {newest["draft_id"]}


def test_two_threads_are_two_conversations_but_who_opts_out_means_all(connection: Connection) -> None:
    one = message(thread_id="t-1")
    other = message(id="m-2", thread_id="t-2", occurred_at="2026-03-10T09:00:00Z")
    on_records(connection, [record(one), record(other)], drafting())
    assert {of(connection, name)["status"] for name in ("m-1", "m-2")} == {"waiting"}
    leave = message("Désinscrivez-moi.", id="m-3", thread_id="t-2", occurred_at="2026-03-11T09:00:00Z")
    on_records(connection, [record(leave)], drafting())
    assert {of(connection, name)["status"] for name in ("m-1", "m-2")} == {"stale"}
    assert (of(connection, "m-3")["status"], of(connection, "m-3")["reason"]) == ("no_source", "opt_out")


@pytest.mark.parametrize(
    "poison",
    [
        b"not json",
        b"",
        orjson.dumps({"lead_id": LEAD_ID}),
        orjson.dumps(message() | {"lead_id": "17"}),
        orjson.dumps(message(occurred_at="yesterday")),
        orjson.dumps(message()).replace(b"Devis", rb"\u0000"),
    ],
)
def test_a_malformed_record_is_quarantined_and_the_batch_goes_on(
    connection: Connection, poison: bytes
) -> None:
    on_records(connection, [record(poison), record(message(), offset=1)], drafting())
    (rejected,) = outbox_values(connection, "crm.rejected.v1")
    check(rejected, "crm.rejected")
    assert len(store.find_drafts(connection, count=10)) == 1


def test_another_model_embeds_everything_again(connection: Connection) -> None:
    assert embed_waiting(connection, WordVectors(64)) == 2
    assert embed_waiting(connection, WordVectors(64)) == 0
    on_records(connection, [record(message())], drafting(WordVectors(48)))
    dimensions = connection.execute("SELECT DISTINCT vector_dims(embedding) AS n FROM passage").fetchall()
    assert [row["n"] for row in dimensions] == [48]
    assert store.find_drafts(connection)[0]["status"] == "waiting"


def test_a_passage_posted_twice_is_kept_once(connection: Connection) -> None:
    same = {"kind": "document", "language": "en", "title": "Pumps", "body": "Pumps pump."}
    first = add_passage(connection, created_by="a", **same)  # type: ignore[arg-type]
    assert add_passage(connection, created_by="b", **same)["passage_id"] == first["passage_id"]  # type: ignore[arg-type]


def delivery(event: str, draft_id: UUID, version: int = 1) -> dict[str, Any]:
    return {
        "event": event,
        "draft_id": str(draft_id),
        "version": version,
        "lead_id": LEAD_ID,
        "at": "2026-03-10T08:27:02Z",
        "user": None,
        "message": {"source": "crm", "id": "m-1"},
        "content": None,
        "sha256": None,
        "demo": False,
    }


@pytest.mark.parametrize(
    ("before", "events", "after"),
    [
        ("approved", ["sent"], "sent"),
        ("approved", ["failed"], "failed"),
        ("approved", ["sent", "failed"], "sent"),
        ("failed", ["sent"], "sent"),
        ("sent", ["failed"], "sent"),
        ("waiting", ["sent"], "waiting"),
        ("rejected", ["sent"], "rejected"),
        ("approved", ["drafted", "rejected"], "approved"),
    ],
)
def test_a_draft_follows_its_delivery(
    connection: Connection, before: str, events: list[str], after: str
) -> None:
    on_records(connection, [record(message())], drafting())
    connection.execute("UPDATE draft SET status = %s", [before])
    draft_id = store.find_drafts(connection)[0]["draft_id"]
    batch = [record(delivery(event, draft_id), REPLY_EVENTS, n) for n, event in enumerate(events)]
    batch.append(record(delivery("failed", uuid4()), REPLY_EVENTS, 98))
    batch.append(record(delivery("failed", draft_id, version=2), REPLY_EVENTS, 99))
    on_records(connection, batch, drafting())
    assert store.find_drafts(connection)[0]["status"] == after


def test_logs_hold_no_name_no_address_and_no_message(connection: Connection) -> None:
    canaries = ("Camille", "Morvan", "laiterie", "Ménez", "chiffrer-canari")
    value = message("chiffrer-canari Pourriez-vous nous adresser un devis ?")
    with structlog.testing.capture_logs() as logs:
        on_records(
            connection, [record(value), record(orjson.dumps(value).replace(b'"crm"', b"7"))], drafting()
        )
    assert {entry["event"] for entry in logs} == {"message_answered", "record_rejected"}
    assert not [c for c in canaries if c.casefold() in str(logs).casefold()]


def test_an_erased_lead_is_forgotten_with_what_was_approved_and_had_not_gone_out(
    connection: Connection,
) -> None:
    other = message(id="m-other") | {"lead_id": "7b0f6f64-5c1f-4a53-9a43-3f2b1f0b8a12"}
    on_records(connection, [record(message()), record(message(id="m-2")), record(other)], drafting())
    draft_id = store.find_drafts(connection, status="waiting", lead_id=UUID(LEAD_ID))[0]["draft_id"]
    connection.execute(
        "UPDATE draft SET status = 'approved', sends_at = now() WHERE draft_id = %s", [draft_id]
    )
    connection.execute(
        "INSERT INTO decision (draft_id, version, action, user_id, user_name, content, sha256) "
        "VALUES (%s, 1, 'approved', 'u', 'Awa', '{}', repeat('0', 64))",
        [draft_id],
    )
    connection.execute("UPDATE passage SET draft_id = %s WHERE title = 'Garantie'", [draft_id])
    connection.execute("TRUNCATE outbox")
    on_records(connection, [Record(LEAD_MESSAGES, 0, 9, LEAD_ID, None)], drafting())
    left = store.find_drafts(connection, count=10)
    assert [str(draft["lead_id"]) for draft in left] == [other["lead_id"]]
    assert connection.execute("SELECT count(*) AS n FROM decision").fetchone() == {"n": 0}
    assert release(connection, demo=False) == 0
    assert outbox_values(connection, REPLY_EVENTS) == []
    kept = connection.execute("SELECT retired_by FROM passage WHERE title = 'Garantie'").fetchone()
    assert kept == {"retired_by": "erasure"}


def test_a_record_that_forgets_nobody_is_quarantined(connection: Connection) -> None:
    on_records(connection, [Record(LEAD_MESSAGES, 0, 9, "nobody", None)], drafting())
    (refused,) = outbox_values(connection, "crm.rejected.v1")
    assert "UUID" in orjson.dumps(refused).decode()
