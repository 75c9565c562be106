"""Which reply a message asks for, with made-up vectors."""

import numpy as np
import pytest

from services.responder.head import fit
from services.responder.matching import WEIGHTS, Matcher

TEXTS = [
    "combien coûte une pompe",
    "votre prix pour dix filtres",
    "où est ma commande",
    "mon colis est en retard",
]
LABELS = ["quote", "quote", "delay", "delay"]
NOTHING = np.zeros((4, 2), dtype=np.float32)


def matcher(repeat: int = 1, vectors: np.ndarray | None = None) -> Matcher:
    given = NOTHING if vectors is None else vectors
    return Matcher(TEXTS * repeat, np.tile(given, (repeat, 1)), LABELS * repeat)


@pytest.mark.parametrize("repeat", [1, 3])
def test_shared_words_find_the_reply_where_the_embedding_says_nothing(repeat: int) -> None:
    ranking = matcher(repeat).rank(
        ["Quel PRIX pour une pompe ?", "retard de commande"], NOTHING[:2], WEIGHTS["fr"]
    )
    assert [labels[0] for labels in ranking.best(1)] == ["quote", "delay"]


def test_meaning_finds_the_reply_where_no_word_is_shared() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
    ranking = matcher(vectors=vectors).rank(["xyz"], np.array([[0, 1]], dtype=np.float32), WEIGHTS["fr"])
    assert ranking.best(2) == [["delay", "quote"]]
    assert ranking.cosine[0] == pytest.approx(1)
    assert ranking.shared[0] == 0


def test_spelling_and_accents_are_forgiven() -> None:
    ranking = matcher().rank(["comande retardee"], NOTHING[:1], WEIGHTS["fr"])
    assert ranking.best(1) == [["delay"]]


def test_chances_are_probabilities() -> None:
    head = fit(TEXTS * 3, np.tile(NOTHING, (3, 1)), LABELS * 3)
    chances = head.probabilities(["quel prix ?"], NOTHING[:1])
    assert chances.sum() == pytest.approx(1)
    assert head.labels == ("delay", "quote")


def test_one_label_teaches_nothing() -> None:
    with pytest.raises(ValueError, match="two labels"):
        fit(["a b", "c d"], NOTHING[:2], ["x", "x"])


def test_a_single_reply_is_still_found() -> None:
    ranking = Matcher(["une pompe"], NOTHING[:1], ["only"]).rank(["pompe"], NOTHING[:1], WEIGHTS["fr"])
    assert ranking.best(3) == [["only"]]
