"""What people's decisions teach, on a real Postgres; the model is a small stand-in."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.responder import answering, decisions, store
from services.responder.decisions import Decider
from services.responder.handlers import on_records
from services.responder.retrieval import add_passage
from shared.contracts.approval import content_hash
from shared.postgres import Connection
from tests.harness.platform import Installation
from tests.integration.test_responder_drafts import drafting, message, record

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


def drafted(connection: Connection, text: str, **fields: Any) -> dict[str, Any]:
    """The draft for a message of a lead of its own."""
    value = message(text, id=str(uuid4()), subject=None, **fields) | {"lead_id": str(uuid4())}
    on_records(connection, [record(value)], drafting())
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
