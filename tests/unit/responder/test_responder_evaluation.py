"""`eclaireur replies evaluate`, with a stand-in for the model."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.responder.embedding import Embedder
from services.responder.evaluation import NothingToEvaluate, evaluate_files
from services.responder.folding import words
from shared.tabular import TableError


class WordVectors(Embedder):
    """Texts that share words have close vectors."""

    def __init__(self) -> None:  # no model is looked for
        self.name = "words"

    def embed(self, texts: Sequence[str], language: str | None = None) -> NDArray[np.float32]:
        vectors = np.full((len(texts), 64), 1e-3, dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in words(text):
                vector[sum(word.encode()) % 64] += 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.fixture(autouse=True)
def a_small_trade(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("services.responder.trade._rows", lambda: [("un prix", "price"), ("ouvert", "hours")])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


SAID = {
    "quote": [
        "un devis pour dix pompes",
        "votre prix pour une vanne",
        "un devis de joints",
        "prix de la pompe ?",
    ],
    "delay": ["où est ma commande", "commande en retard", "date de livraison ?", "livraison en retard"],
    "hours": ["à quelle heure fermez-vous", "vos horaires", "ouvert samedi ?", "horaires du samedi"],
}


def file(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as output:
        csv.writer(output).writerows([("text", "category"), *rows])
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return file(tmp_path / "train.csv", [(text, label) for label, texts in SAID.items() for text in texts])


def test_the_figures_say_where_the_right_reply_stands(train: Path, tmp_path: Path) -> None:
    test = file(
        tmp_path / "test.csv",
        [("un devis pour une pompe", "quote"), ("retard de livraison", "delay"), ("rien", "unheard of")],
    )
    result = evaluate_files(WordVectors(), train, test, "text", "category")
    assert result["top1"] == result["top3"] == pytest.approx(2 / 3)
    assert result["mrr"] == pytest.approx(2 / 3)
    assert (result["messages"], result["labels"], result["language"]) == (3, 3, "fr")
    assert result["ms_per_message"] > 0
    assert result["out_of_scope_recall"] is None


def test_one_example_a_label_is_enough_to_rank(train: Path, tmp_path: Path) -> None:
    test = file(tmp_path / "test.csv", [("devis de pompes", "quote")])
    assert evaluate_files(WordVectors(), train, test, "text", "category", shots=1)["draws"] == 5


def test_what_is_out_of_scope_is_counted_apart(tmp_path: Path) -> None:
    strangers = ["recette de crêpes", "la météo de lundi", "recette du lundi", "crêpes et météo"]
    known = [(text, label) for label, texts in (SAID | {"none": strangers}).items() for text in texts]
    train = file(tmp_path / "train.csv", known)
    test = file(
        tmp_path / "test.csv",
        [
            ("un devis pour dix pompes", "quote"),
            ("recette météo crêpes", "none"),
            ("commande en retard", "delay"),
        ],
    )
    result = evaluate_files(WordVectors(), train, test, "text", "category", out_of_scope="none")
    assert result["top1"] == 1
    assert result["out_of_scope_recall"] == 1
    assert result["in_scope_rejected"] == 0


def test_an_unknown_column_is_named(train: Path) -> None:
    with pytest.raises(TableError, match="label"):
        evaluate_files(WordVectors(), train, train, "text", "label")


def test_files_without_labels_are_refused(train: Path, tmp_path: Path) -> None:
    empty = file(tmp_path / "empty.csv", [("", ""), (" ", "quote")])
    with pytest.raises(NothingToEvaluate):
        evaluate_files(WordVectors(), empty, train, "text", "category")
