"""What a trade's messages are about, with a stand-in for the model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from services.responder.embedding import Embedder
from services.responder.trade import trade_topics

ROWS = [
    ("un prix pour ces pompes", "price"),
    ("votre tarif de vannes", "price"),
    ("ouvert le samedi", "hours"),
    ("vos horaires du samedi", "hours"),
]


class Nothing:
    """Embeds every text alike, and counts them."""

    name = "nothing"

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += len(texts)
        return np.ones((len(texts), 2), np.float32) / np.float32(2**0.5)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Nothing:
    monkeypatch.setattr("services.responder.trade._rows", lambda: ROWS)
    return Nothing()


def about(model: Nothing, cache: Path) -> Any:
    texts = ["le tarif d'une pompe", "ouvert samedi ?"]
    topics = trade_topics(cast(Embedder, model), cache)
    return topics.of(texts, np.ones((2, 2), np.float32) / np.float32(2**0.5))


def test_a_text_is_most_like_the_topic_whose_sentences_it_is_like(model: Nothing, tmp_path: Path) -> None:
    found = about(model, tmp_path)  # columns: hours, price
    assert found.argmax(axis=1).tolist() == [1, 0]
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_what_was_learnt_is_kept_and_a_damaged_file_made_again(model: Nothing, tmp_path: Path) -> None:
    first = about(model, tmp_path)
    assert np.array_equal(about(model, tmp_path), first)
    assert model.asked == len(ROWS)
    [kept] = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:50])
    assert np.array_equal(about(model, tmp_path), first)
    assert model.asked == 2 * len(ROWS)
