"""What people's decisions teach, on a real Postgres; the model is a small stand-in."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.responder import answering, decisions, store
from services.responder.decisions import Decider
from services.responder.handlers import on_records
from services.responder.learner import LOOKS_S, Learner
from services.responder.learning import Learnt
from services.responder.retrieval import add_passage
from shared.background import Repeated
from shared.contracts.approval import content_hash
from shared.postgres import Connection, connect_pool
from tests.harness.platform import Installation
from tests.integration.test_responder_drafts import WordVectors, drafting, message, record

LEA = Decider("u-1", "Léa Martin")
QUOTE = "Merci pour votre demande de devis. Nous vous adressons notre offre avec les délais."
WARRANTY = "Nos appareils sont garantis vingt-quatre mois. La garantie couvre les pièces."


@pytest.fixture
def connection(installation: Installation) -> Iterator[Connection]:
    with installation.connect(store.SCHEMA) as connection:
        yield connection


def passage(connection: Connection, title: str, body: str, **fields: Any) -> str:
    values = {"kind": "template", "language": "fr", "created_by": "test"} | fields
    return str(add_passage(connection, title=title, body=body, **values)["passage_id"])


def drafted(connection: Connection, text: str, *, learnt: Callable[[], Learnt] = Learnt) -> dict[str, Any]:
    """The draft for a message of a lead of its own."""
    value = message(text, id=str(uuid4()), subject=None) | {"lead_id": str(uuid4())}
    on_records(connection, [record(value)], replace(drafting(), learnt=learnt))
    (draft,) = store.find_drafts(connection)
    return draft


def approve(connection: Connection, draft: dict[str, Any], body: str | None = None) -> None:
    names = ("version", "channel", "sender", "recipients", "subject", "body")
    content = {name: draft[name] for name in names} | {"attachments": [], "draft_id": str(draft["draft_id"])}
    content["body"] = (body or content["body"]).replace("[votre nom]", "Léa Martin")
    decisions.approve(
        connection,
        draft["draft_id"],
        content,
        content_hash(content),
        LEA,
        house_name="Hydromeca",
        wait_s=0,
    )


def reject(connection: Connection, draft: dict[str, Any], kind: str | None) -> None:
    decisions.reject(connection, draft["draft_id"], draft["version"], LEA, reason=None, kind=kind, demo=False)


def taught(connection: Connection) -> list[tuple[str, str, bool]]:
    """(text, label, whether it is right), the newest first."""
    return [(row["text"], row["label"], row["is_right"]) for row in store.examples(connection, count=9)]


ASKED = "Pourriez-vous nous adresser un devis pour deux pompes ?"


def test_an_approval_teaches_which_passage_answered(connection: Connection) -> None:
    quote = passage(connection, "Demande de devis", QUOTE)
    passage(connection, "Garantie", WARRANTY, intent="warranty")
    approve(connection, drafted(connection, ASKED))
    approve(connection, drafted(connection, "Quelle est la garantie de vos appareils ?"))
    assert taught(connection) == [
        ("Quelle est la garantie de vos appareils ?", "warranty", True),
        (ASKED, quote, True),
    ]


def test_what_was_rewritten_teaches_the_reply_that_was_kept_of_it(connection: Connection) -> None:
    quote = passage(connection, "Demande de devis", QUOTE)
    approve(connection, drafted(connection, ASKED), "Bonjour,\n\nMerci pour votre demande de devis.")
    assert taught(connection) == []  # less than half was kept, and what was kept is too short for a reply
    written = "Merci pour votre demande. Nous vous adressons les délais de notre offre, et la suite."
    approve(connection, drafted(connection, ASKED), f"Bonjour,\n\n{written}\n\nCordialement,\n\nLéa Martin")
    ((_, label, _),) = taught(connection)
    reply = connection.execute("SELECT passage_id FROM passage WHERE kind = 'reply'").fetchone()
    assert reply is not None
    assert label == str(reply["passage_id"]) != quote


def test_only_a_rejection_as_the_wrong_answer_teaches(connection: Connection) -> None:
    quote = passage(connection, "Demande de devis", QUOTE)
    for kind in (None, "other", "no_reply_needed"):
        reject(connection, drafted(connection, ASKED), kind)
    assert taught(connection) == []
    reject(connection, drafted(connection, ASKED), "wrong_answer")
    assert taught(connection) == [(ASKED, quote, False)]


def test_a_conversation_of_several_messages_teaches_nothing(connection: Connection) -> None:
    passage(connection, "Demande de devis", QUOTE)
    first = message(ASKED)
    thanks = message("Merci bien zzz.", id="m-2", subject=None, occurred_at="2026-03-11T09:00:00Z")
    on_records(connection, [record(first), record(thanks)], drafting())
    (draft,) = store.find_drafts(connection, status="waiting")
    approve(connection, draft)
    assert taught(connection) == []


@pytest.mark.parametrize(
    "forgotten",
    [
        "UPDATE passage SET retired_at = now()",
        "UPDATE passage SET valid_until = current_date - 1",
        "UPDATE message SET text = ''",
        "WITH d AS (DELETE FROM decision), f AS (DELETE FROM draft) DELETE FROM message",
    ],
)
def test_what_is_retired_or_erased_teaches_nothing(connection: Connection, forgotten: str) -> None:
    passage(connection, "Demande de devis", QUOTE)
    approve(connection, drafted(connection, ASKED))
    assert len(taught(connection)) == 1
    connection.execute(forgotten)
    assert taught(connection) == []


def answer_with(connection: Connection, draft: dict[str, Any], passage_id: str) -> dict[str, Any]:
    answering.answer(
        connection, draft["draft_id"], draft["version"], UUID(passage_id), LEA, house_name="X", demo=False
    )
    (answered,) = store.find_drafts(connection, draft_id=draft["draft_id"])
    return answered


def test_a_passage_that_a_person_chose_teaches_unless_they_reject_it_after_all(
    connection: Connection,
) -> None:
    passage(connection, "Demande de devis", QUOTE)
    chosen = passage(connection, "Garantie", WARRANTY)
    draft = answer_with(connection, drafted(connection, "Ils xxx zzz qqq."), chosen)
    assert taught(connection) == [("Ils xxx zzz qqq.", chosen, True)]
    reject(connection, draft, None)
    assert taught(connection) == []


def test_who_asks_not_to_be_written_to_is_not_answered_with_a_passage(connection: Connection) -> None:
    quote = passage(connection, "Demande de devis", QUOTE)
    draft = drafted(connection, "Désinscrivez-moi de votre liste de devis.")
    with pytest.raises(answering.NotUsable, match="written by hand"):
        answer_with(connection, draft, quote)
    assert taught(connection) == []


@pytest.fixture
def learner(installation: Installation, connection: Connection) -> Iterator[Learner]:
    with connect_pool(installation.database_url, schema=store.SCHEMA, max_size=2) as pool:
        yield Learner(pool, WordVectors(), lambda: None)


def drafted_with(learner: Learner, connection: Connection, text: str) -> dict[str, Any]:
    """The draft for a message after what was decided so far was learnt."""
    learner._rests_until = 0.0
    learner.once()
    return drafted(connection, text, learnt=lambda: learner.learnt)


def knows_three(connection: Connection) -> str:
    """Passages on quotes, on the warranty, and one whose words no message has; its id."""
    passage(connection, "Demande de devis", QUOTE)
    passage(connection, "Garantie", WARRANTY)
    return passage(connection, "SAV", "Notre atelier regarde son stock et répond demain.")


def quoted(draft: dict[str, Any]) -> set[str]:
    """The passages that the draft is made of."""
    return {sentence["source"]["passage_id"] for sentence in draft["sentences"]} - {None}


PARTS = "Il nous faut la pièce {} de la machine {}, merci."


def test_after_ten_messages_answered_with_a_passage_the_eleventh_gets_that_draft_by_itself(
    connection: Connection, learner: Learner
) -> None:
    spares = knows_three(connection)
    before = drafted_with(learner, connection, PARTS.format("zéro", "bleue"))
    assert spares not in quoted(before)
    for word in ("un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"):
        draft = drafted(connection, PARTS.format(word, word * 2))
        approve(connection, answer_with(connection, draft, spares))
    draft = drafted_with(learner, connection, PARTS.format("onze", "verte"))
    assert quoted(draft) == {spares}
    other = drafted_with(learner, connection, ASKED)
    assert other["nearest"][0]["title"] == "Demande de devis"


def test_a_rejected_answer_is_not_proposed_again_for_the_same_words(
    connection: Connection, learner: Learner
) -> None:
    knows_three(connection)
    first = drafted_with(learner, connection, ASKED)
    assert first["sentences"][1]["source"]["title"] == "Demande de devis"
    reject(connection, first, "wrong_answer")
    again = drafted_with(learner, connection, ASKED)
    assert "Demande de devis" not in {sentence["source"]["title"] for sentence in again["sentences"]}
    other = drafted_with(learner, connection, "Un devis pour une armoire électrique, avec les délais ?")
    assert other["sentences"][1]["source"]["title"] == "Demande de devis"


def test_with_nothing_decided_nothing_changes(connection: Connection, learner: Learner) -> None:
    knows_three(connection)
    plain, learnt = drafted(connection, ASKED), drafted_with(learner, connection, ASKED)
    assert (plain["confidence"], plain["body"]) == (learnt["confidence"], learnt["body"])


def test_what_is_erased_is_unlearnt(connection: Connection, learner: Learner) -> None:
    spares = knows_three(connection)
    for word in ("un", "deux", "trois"):
        answer_with(connection, drafted(connection, PARTS.format(word, word * 2)), spares)
    assert spares in quoted(drafted_with(learner, connection, PARTS.format("onze", "verte")))
    connection.execute("DELETE FROM draft")
    connection.execute("DELETE FROM message")
    assert spares not in quoted(drafted_with(learner, connection, PARTS.format("onze", "verte")))
    assert learner.learnt.head is None
    assert not [text for text in learner._vectors if "la pièce" in text]


def test_learning_does_not_hold_up_a_message(
    connection: Connection, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows_three(connection)
    begun, finish = threading.Event(), threading.Event()

    def slow(*_: Any) -> Learnt:
        begun.set()
        assert finish.wait(60)
        return Learnt()

    monkeypatch.setattr("services.responder.learner.learn", slow)
    background = Repeated("learner", learner.once, idle_s=LOOKS_S)
    background.start()
    try:
        assert begun.wait(60)
        assert drafted(connection, ASKED, learnt=lambda: learner.learnt)["status"] == "waiting"
    finally:
        finish.set()
        background.stop()


def test_learning_rests_before_it_starts_again(connection: Connection, learner: Learner) -> None:
    knows_three(connection)
    learner.once()
    learnt = learner.learnt
    learner._rests_until = time.monotonic() + 60
    approve(connection, drafted(connection, ASKED))
    learner.once()
    assert learner.learnt is learnt
    learner._rests_until = 0.0
    learner.once()
    assert learner.learnt.verdicts


def test_confidence_moves_to_what_the_house_decides(connection: Connection, learner: Learner) -> None:
    knows_three(connection)
    before = drafted_with(learner, connection, ASKED)
    for number in range(12):
        draft = drafted(
            connection, f"Un devis pour {'xyz'[number % 3] * number} appareils, avec les délais ?"
        )
        reject(connection, draft, "wrong_answer")
    after = drafted_with(learner, connection, ASKED)
    assert after["nearest"][0]["decisions"] == 12
    assert after["nearest"][0]["confidence"] < before["nearest"][0]["confidence"]
