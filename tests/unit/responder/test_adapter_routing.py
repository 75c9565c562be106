import csv
from pathlib import Path

import numpy as np
import pytest

from services.responder.adapter.polyglot import embed_by_language
from services.responder.adapter.routing import Words, language_of, parts_of
from services.responder.adapter.serve import PACKAGED, adapter_words
from services.responder.embedding import Embedder, model_folder
from services.responder.settings import PACKAGED as PACKAGED_MODEL

BANKING = Path(__file__).parents[4] / "shared" / "data" / "banking77" / "test.csv"


@pytest.fixture(scope="module")
def french() -> dict[str, Words]:
    return {"fr": adapter_words(model_folder(PACKAGED_MODEL), PACKAGED / "fr")}


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, pouvez-vous m'envoyer un devis ?",
        "cheque ou cb vous prenez quoi",
        "desinscription svp",
        "Votre facture est fausse.",
        "j'ai une question technique",
    ],
)
def test_french_is_told_without_accents_and_when_short(french: dict[str, Words], text: str) -> None:
    assert language_of(text, french) == "fr"


@pytest.mark.parametrize(
    "text", ["Could you send me a quote?", "STOP", "", "42", "👍", "I paid the restaurant in Paris"]
)
def test_what_is_not_told_by_french_words_stays_with_the_english_model(
    french: dict[str, Words], text: str
) -> None:
    assert [part.language for part in parts_of(text, french)] == ["en"]


def test_no_english_customer_message_reaches_the_adapter(french: dict[str, Words]) -> None:
    if not BANKING.is_file():
        pytest.skip("BANKING77 is not beside the repository (../shared/data/banking77)")
    with BANKING.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    parts = {text: parts_of(text, french) for text in texts}
    assert [text for text in texts if [(p.language, p.text) for p in parts[text]] != [("en", text)]] == []


def test_english_texts_have_the_vectors_of_the_model_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["Where is my order?", "STOP", "Please send us a quote for forty valves. Thanks!"]
    with_adapter = Embedder(PACKAGED_MODEL)
    monkeypatch.setattr("services.responder.embedding.adapters_for", lambda _: {})
    alone = Embedder(PACKAGED_MODEL)
    assert "fr" in with_adapter.languages
    assert with_adapter.name != alone.name
    assert with_adapter.embed(texts).tobytes() == alone.embed(texts).tobytes()


def test_a_french_message_is_nearer_to_what_it_says_in_english_with_the_adapter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = ["Pouvez-vous m'envoyer votre catalogue ?", "Could you send me your catalogue?"]
    french, english = Embedder(PACKAGED_MODEL).embed(texts)
    monkeypatch.setattr("services.responder.embedding.adapters_for", lambda _: {})
    french_alone, _ = Embedder(PACKAGED_MODEL).embed(texts)
    assert french @ english > french_alone @ english + 0.2


def test_a_mixed_message_is_split_by_sentence_and_weighed(french: dict[str, Words]) -> None:
    text = "Nous attendons toujours notre livraison. OK. Please send us the tracking number of the parcel."
    first, second = parts_of(text, french)
    assert (first.language, first.text) == ("fr", "Nous attendons toujours notre livraison. OK.")
    assert second.language == "en"
    assert first.weight + second.weight == pytest.approx(1)


def test_a_text_of_one_language_keeps_the_vector_of_its_model_to_the_bit(french: dict[str, Words]) -> None:
    vector = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    asked = []

    def encode(language: str, texts: object) -> np.ndarray:
        asked.append((language, texts))
        return vector

    text = "Thanks.\n\nWhere is my order?  "
    assert embed_by_language([text], french, encode).tobytes() == vector.tobytes()
    assert asked == [("en", [text])]


def test_a_mixed_message_has_a_unit_vector_between_its_parts(french: dict[str, Words]) -> None:
    sides = {"fr": [1.0, 0.0], "en": [0.0, 1.0]}

    def encode(language: str, texts: list[str]) -> np.ndarray:
        return np.array([sides[language]] * len(texts), np.float32)

    text = "Nous attendons toujours notre livraison. Please send us the tracking number."
    (vector,) = embed_by_language([text], french, encode)
    assert np.linalg.norm(vector) == pytest.approx(1)
    assert vector.min() > 0.5
