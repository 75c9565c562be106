"""Search in a small house and in a large one, and a change of model; the model is a small stand-in."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from services.responder import retrieval, search, store, upkeep
from services.responder.drafting import Passage
from services.responder.folding import fold
from services.responder.handlers import on_records
from services.responder.retrieval import Asked, add_passage, embed_waiting, find_passages
from services.responder.upkeep import Upkeep, index_name
from services.responder.worker import embed_knowledge
from shared.postgres import Connection, connect_pool
from tests.harness.invented import invent, sentences
from tests.harness.platform import Installation
from tests.integration.test_responder_drafts import WordVectors, drafting, message, record

MODEL, OTHER = WordVectors(64), WordVectors(48)
QUESTIONS = (
    Asked("Pouvez-vous nous envoyer un devis pour quarante joints ?", "fr"),
    Asked("Quel est le délai de livraison de l'électrovanne ?", "fr"),
    Asked("Where is our order, please?", "en"),
    Asked("It's \\ 'late' & | ! (again):*", "en"),
)


@pytest.fixture
def connection(installation: Installation) -> Iterator[Connection]:
    with installation.connect(store.SCHEMA) as connection:
        yield connection


def keep(installation: Installation, model: WordVectors = MODEL) -> None:
    Upkeep(installation.database_url, model).once()


def add(connection: Connection, title: str, body: str, language: str = "fr", kind: str = "template") -> None:
    add_passage(connection, kind=kind, language=language, title=title, body=body, created_by="test")


def embed_all(connection: Connection, model: WordVectors = MODEL) -> None:
    while embed_waiting(connection, model):
        pass


def ids(found: Sequence[Sequence[Passage]]) -> list[list[Any]]:
    return [[passage.passage_id for passage in passages] for passages in found]


def by_hand(
    rows: Sequence[dict[str, Any]], asked: Asked, lexemes: list[str], vector: Any
) -> dict[Any, float]:
    """Each passage's score as `nearest_passages` promises it, computed from every passage; above 10 in the
    asked language."""
    own = [row for row in rows if row["language"] == asked.language]
    frequency = Counter(lexeme for row in own for lexeme in row["lexemes"])
    weights = {lexeme: math.log(1 + len(own) / (frequency[lexeme] or 1)) for lexeme in lexemes}
    scores = {}
    for row in rows:
        shared = sum(weights[one] for one in weights if one in row["lexemes"]) / sum(weights.values())
        cosine = float(np.dot(row["vector"], vector) / np.linalg.norm(row["vector"]) / np.linalg.norm(vector))
        same = row["language"] == asked.language
        scores[row["passage_id"]] = cosine + (10 + retrieval.WORD_WEIGHT * shared if same else 0)
    return scores


def test_in_a_small_house_every_passage_is_compared_by_meaning_and_words(connection: Connection) -> None:
    for number, language in enumerate(("fr", "en") * 12):
        add(connection, f"Titre {number}", sentences(language)[number * 7], language)
    embed_all(connection)
    rows = connection.execute(
        "SELECT passage_id, language, tsvector_to_array(search) AS lexemes, embedding::text::json AS vector"
        " FROM passage"
    ).fetchall()
    vectors = MODEL.embed([asked.text for asked in QUESTIONS])
    values = retrieval._searched_for(QUESTIONS) | {
        "model": MODEL.name,
        "count": 24,
        "word_weight": retrieval.WORD_WEIGHT,
        "vectors": retrieval._texts(vectors),
    }
    found = search.nearest_passages(connection, values, large=[], dimension=64)
    for position, asked in enumerate(QUESTIONS):
        (row,) = connection.execute(
            "SELECT tsvector_to_array(to_tsvector(%s::regconfig, %s)) AS lexemes",
            [retrieval.TEXT_SEARCH[asked.language], fold(asked.text)],
        ).fetchall()
        scores = by_hand(rows, asked, row["lexemes"], vectors[position])
        mine = [scores.pop(one["passage_id"]) for one in found if one["position"] == position]
        assert mine == pytest.approx(sorted(mine, reverse=True), abs=1e-5)
        assert not scores


def index_scans(connection: Connection) -> int:
    """Of vector indexes, since the database was made."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT sum(idx_scan) AS n FROM pg_stat_user_indexes WHERE indexrelname LIKE 'passage_near%'"
    ).fetchone()
    assert row is not None
    return int(row["n"] or 0)


def test_a_large_house_is_searched_by_its_indexes_and_finds_the_same(
    installation: Installation, connection: Connection
) -> None:
    for language in ("fr", "en"):
        invent(connection, MODEL, 2000, language)
    exact = ids(find_passages(connection, MODEL, QUESTIONS))
    keep(installation)
    connection.execute("ANALYZE passage")
    assert search.large_languages(connection) == ["en", "fr"]
    before = index_scans(connection)
    near = ids(find_passages(connection, MODEL, QUESTIONS))
    assert index_scans(connection) - before == len(QUESTIONS)
    found = [len(set(one) & set(other)) for one, other in zip(exact, near, strict=True)]
    assert sum(found) >= 0.95 * sum(map(len, exact))


def test_what_may_not_be_quoted_leaves_room_for_what_may(
    installation: Installation, connection: Connection
) -> None:
    invent(connection, MODEL, 1500, "fr")
    keep(installation)
    connection.execute(
        "UPDATE passage SET valid_until = current_date - 1 WHERE title NOT IN ('Passage 7', 'Passage 70')"
    )
    connection.execute("UPDATE passage SET retired_at = now() WHERE substr(title, 9)::int > 1000")
    (found,) = find_passages(connection, MODEL, QUESTIONS[:1])
    assert {passage.title for passage in found} == {"Passage 7", "Passage 70"}


def test_what_is_rare_in_a_language_is_found_among_much_in_another(
    installation: Installation, connection: Connection
) -> None:
    invent(connection, MODEL, 1500, "en")
    add(connection, "Devis", "Votre devis arrive sous deux jours.")
    embed_all(connection)
    keep(installation)
    (found,) = find_passages(connection, MODEL, QUESTIONS[:1])
    assert found[0].title == "Devis"
    assert [passage.language for passage in found] == ["fr", "en", "en", "en", "en"]


def test_words_are_counted_again_once_enough_has_changed(
    installation: Installation, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LARGE", 40)

    def counted(lexeme: str) -> int | None:
        row = connection.execute("SELECT passages FROM word WHERE lexeme = %s", [lexeme]).fetchone()
        return row["passages"] if row else None

    for number in range(40):
        add(connection, f"Titre {number}", "Une pompe." if number % 2 else "Une vanne.")
    keep(installation)
    assert (counted("pomp"), counted("van"), counted("vann")) == (20, None, 20)
    add(connection, "Encore", "Une pompe.")
    keep(installation)
    assert counted("pomp") == 20
    connection.execute("UPDATE passage SET retired_at = now() WHERE body = 'Une vanne.'")
    keep(installation)
    assert (counted("pomp"), counted("vann")) == (21, None)
    connection.execute("UPDATE counted SET at = now() - interval '2 days'")
    add(connection, "Et encore", "Une pompe.")
    keep(installation)
    assert counted("pomp") == 22


def test_an_index_is_made_anew_when_it_was_left_unfinished_and_dropped_with_its_model(
    installation: Installation, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LARGE", 20)
    for number in range(20):
        add(connection, f"Titre {number}", "Une pompe.")
    embed_all(connection)
    name = index_name("fr", MODEL.name)
    keep(installation)
    assert search.vector_indexes(connection) == {name: True}
    connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
    keep(installation)
    assert search.vector_indexes(connection) == {name: True}
    search.use_model(connection, OTHER.name)
    keep(installation)  # a worker with the earlier model that still runs
    assert search.vector_indexes(connection) == {name: True}
    keep(installation, OTHER)
    assert search.vector_indexes(connection) == {}
    embed_all(connection, OTHER)
    keep(installation, OTHER)
    assert search.vector_indexes(connection) == {index_name("fr", OTHER.name): True}


def test_one_worker_at_a_time_keeps_the_indexes(
    installation: Installation, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LARGE", 1)
    add(connection, "Devis", "Votre devis arrive.")
    embed_all(connection)
    assert search.takes_upkeep(connection)
    keep(installation)
    assert search.vector_indexes(connection) == {}


@pytest.fixture
def changed_model(
    installation: Installation, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A large house whose worker has just been started with another model: nothing is learnt yet."""
    monkeypatch.setattr(retrieval, "EMBEDDED_FIRST", 30)
    add(connection, "Garantie", "Nos appareils sont garantis vingt-quatre mois.")
    invent(connection, MODEL, 1200, "fr")
    keep(installation)
    search.use_model(connection, OTHER.name)
    return connection


def test_after_a_change_of_model_what_words_find_is_learnt_first_and_answers(
    changed_model: Connection,
) -> None:
    asked = message("Les appareils garantis vingt-quatre mois ?", subject=None)
    on_records(changed_model, [record(asked)], drafting(OTHER))
    (draft,) = store.find_drafts(changed_model)
    assert (draft["status"], draft["sentences"][1]["source"]["title"]) == ("waiting", "Garantie")
    assert 1 <= search.learnt(changed_model)["embedded"] <= 30


def test_while_most_is_not_learnt_a_message_is_not_told_that_nothing_is_close(
    changed_model: Connection,
) -> None:
    on_records(changed_model, [record(message("Ils xxx zzz qqq.", subject=None))], drafting(OTHER))
    (draft,) = store.find_drafts(changed_model)
    assert (draft["status"], draft["reason"]) == ("no_source", "being_learnt")
    embed_all(changed_model, OTHER)
    on_records(changed_model, [record(message("Ils xxx zzz qqq.", id="m-2", subject=None))], drafting(OTHER))
    assert store.find_drafts(changed_model)[0]["reason"] == "nothing_close"


def test_replies_are_learnt_before_documents_and_what_is_new_first(connection: Connection) -> None:
    add(connection, "Ancien", "Un document.", kind="document")
    add(connection, "Modèle", "Un modèle.")
    add(connection, "Récent", "Un autre document.", kind="document")
    rows = search.passages_to_embed(connection, model=MODEL.name, count=9)
    assert [row["title"] for row in rows] == ["Modèle", "Récent", "Ancien"]


def test_a_worker_with_an_earlier_model_embeds_nothing_in_the_background(
    installation: Installation, connection: Connection
) -> None:
    add(connection, "Devis", "Votre devis arrive.")
    search.use_model(connection, OTHER.name)
    with connect_pool(installation.database_url, schema=store.SCHEMA) as pool:
        assert not embed_knowledge(pool, MODEL)
        assert search.learnt(connection) == {"passages": 1, "embedded": 0}
        embed_knowledge(pool, OTHER)
        assert search.learnt(connection) == {"passages": 1, "embedded": 1}
