"""What French messages are answered like, with the packaged model, on the frozen set: see its README."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from services.responder.drafting import Passage
from services.responder.embedding import Embedder, default_cache
from services.responder.evaluation import evaluate_files
from services.responder.head import fit
from services.responder.learning import Example, Known, Learnt, learn
from services.responder.settings import PACKAGED, ResponderSettings
from services.responder.trade import trade_topics

FROZEN = Path(__file__).parents[2] / "data" / "responder" / "frozen"
OUT_OF_SCOPE = "out_of_scope"
LEAST: float = ResponderSettings.model_fields["min_confidence"].default


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(PACKAGED)


@pytest.fixture(scope="module")
def alone() -> Iterator[Embedder]:
    """The English model without the French adapter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.responder.embedding.adapters_for", lambda _: {})
        yield Embedder(PACKAGED)


def rows(name: str) -> list[dict[str, str]]:
    with (FROZEN / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def written(path: Path, values: Sequence[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "category"), *values])
    return path


def templates(path: Path, language: str) -> Path:
    chosen = (row for row in rows("templates.csv") if row["language"] == language)
    texts = [(f"{row['title']}\n{row['when']}\n{row['text']}", row["category"]) for row in chosen]
    return written(path, texts)


def answerable(language: str) -> list[tuple[str, str]]:
    found = [(row[language], row["category"]) for row in rows("messages.csv")]
    return [(text, label) for text, label in found if label != OUT_OF_SCOPE]


def ten_of_each(labels: NDArray[Any], seed: int) -> set[int]:
    """The places of ten drawn rows of each label."""
    chance = np.random.default_rng(seed)
    return {
        int(p) for one in sorted(set(labels)) for p in chance.permutation(np.where(labels == one)[0])[:10]
    }


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "answered", "least_first", "least_among_three"),
    [("fr", "fr", 0.78, 0.9), ("fr", "en", 0.7, 0.88), ("en", "en", 0.75, 0.9)],
)
def test_the_right_template_comes_first(
    embedder: Embedder,
    tmp_path: Path,
    asked: str,
    answered: str,
    least_first: float,
    least_among_three: float,
) -> None:
    train = templates(tmp_path / "templates.csv", answered)
    test = written(tmp_path / "messages.csv", answerable(asked))
    result = evaluate_files(embedder, train, test, "text", "category")
    print(asked, answered, result)
    assert result["top1"] >= least_first
    assert result["top3"] >= least_among_three


@pytest.mark.long
def test_a_head_on_french_intents_is_better_with_the_adapter(embedder: Embedder, alone: Embedder) -> None:
    texts, labels = map(np.array, zip(*answerable("fr"), strict=True))
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(texts, labels))

    def right(model: Embedder) -> float:
        vectors, found = model.embed(texts.tolist()), []
        for known, asked in folds:
            head = fit(texts[known].tolist(), vectors[known], labels[known].tolist())
            chances = head.probabilities(texts[asked].tolist(), vectors[asked])
            found.append(np.array(head.labels)[chances.argmax(1)] == labels[asked])
        return float(np.concatenate(found).mean())

    taught, untaught = right(embedder), right(alone)
    print(f"with the adapter {taught:.3f}, without {untaught:.3f}")
    assert taught > untaught


@pytest.mark.long
def test_ten_examples_an_intent_are_enough(embedder: Embedder, tmp_path: Path) -> None:
    messages = answerable("fr")
    labels = np.array([label for _, label in messages])
    found = []
    for seed in range(5):
        drawn = ten_of_each(labels, seed)
        train = written(tmp_path / "train.csv", [messages[p] for p in sorted(drawn)])
        test = written(tmp_path / "test.csv", [m for p, m in enumerate(messages) if p not in drawn])
        found.append(evaluate_files(embedder, train, test, "text", "category", seed=seed)["top1"])
    print(found, np.mean(found))
    assert np.mean(found) >= 0.83  # 0.858 when measured; the aim is 0.87


Rows = Sequence[tuple[str, str]]
THRESHOLDS = (0.5, 0.7, 0.8, 0.9)


def ranked_live(
    embedder: Embedder, language: str, taught: Rows, asked: Rows
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Whether the first of the templates is right, and its confidence, for each asked (text, label) row.

    Ranked as for live messages, after people answered those `taught` with the template of their label.
    """
    topics = trade_topics(embedder, default_cache())
    chosen = [row for row in rows("templates.csv") if row["language"] == language]
    texts = [f"{row['title']}\n{row['when']}\n{row['text']}" for row in chosen]
    ids = {row["category"]: UUID(int=number) for number, row in enumerate(chosen)}
    vectors = embedder.embed(texts)
    known = [
        Known(UUID(int=n), text, row["category"])
        for n, (text, row) in enumerate(zip(texts, chosen, strict=True))
    ]
    about = dict(zip(ids.values(), topics.of(texts, vectors), strict=True))
    examples = [Example(text, ids[label], label, True) for text, label in taught]
    learnt = learn(examples, known, embedder.embed, Learnt(topics, about=about))
    right, sure = [], []
    for (text, label), vector in zip(asked, embedder.embed([text for text, _ in asked]), strict=True):
        passages = [
            Passage(one.passage_id, "template", language, "", "", similarity=float(vector @ like), shared=0.0)
            for one, like in zip(known, vectors, strict=True)
        ]
        first = learnt.ranked(text, vector, language, passages, texts)[0]
        right.append(ids.get(label) == first.passage_id)
        sure.append(first.confidence)
    return np.array(right), np.array(sure)


def shown_figures(
    right: NDArray[Any], sure: NDArray[Any], inside: NDArray[Any]
) -> dict[float, tuple[float, float, float]]:
    """By threshold: the share of drafts shown that are right, of answerable messages that get one, and of
    the others that get none."""
    figures = {}
    for least in THRESHOLDS:
        shown = sure >= least
        figures[least] = (right[shown].mean(), shown[inside].mean(), (~shown)[~inside].mean())
        print(f"from {least}: precision, coverage, abstained", [round(float(f), 3) for f in figures[least]])
    return figures


@pytest.mark.long
@pytest.mark.parametrize(("language", "coverage"), [("fr", 0.4), ("en", 0.3)])
def test_a_draft_shown_is_mostly_right_and_strangers_get_none(
    embedder: Embedder, language: str, coverage: float
) -> None:
    asked = [(row[language], row["category"]) for row in rows("messages.csv")]
    if language == "fr":
        asked += [(row["fr"], OUT_OF_SCOPE) for row in rows("unanswerable.csv")]
    inside = np.array([label != OUT_OF_SCOPE for _, label in asked])
    right, sure = ranked_live(embedder, language, [], asked)
    print(language, "first right", right[inside].mean())
    precision, covered, abstained = shown_figures(right, sure, inside)[LEAST]
    assert precision >= 0.9
    assert covered >= coverage
    assert abstained >= 0.9


@pytest.mark.long
def test_ten_answers_an_intent_teach_when_to_answer(embedder: Embedder) -> None:
    messages = answerable("fr")
    strangers = [(row["fr"], OUT_OF_SCOPE) for row in rows("unanswerable.csv")]
    strangers += [
        (row["fr"], OUT_OF_SCOPE) for row in rows("messages.csv") if row["category"] == OUT_OF_SCOPE
    ]
    labels = np.array([label for _, label in messages])
    found = []
    for seed in range(5):
        drawn = ten_of_each(labels, seed)
        asked = [row for place, row in enumerate(messages) if place not in drawn]
        asked += strangers[seed % 3 :: 3]  # as many of them a message as in the whole set
        found.append((*ranked_live(embedder, "fr", [messages[p] for p in sorted(drawn)], asked), asked))
    inside = np.array([label != OUT_OF_SCOPE for *_, asked in found for _, label in asked])
    right, sure = (np.concatenate([draw[n] for draw in found]) for n in (0, 1))
    print("ten answers an intent: first right", right[inside].mean())
    precision, covered, abstained = shown_figures(right, sure, inside)[LEAST]
    assert right[inside].mean() >= 0.87
    # Measured 0.932, 0.536 and 0.914.
    assert precision >= 0.9
    assert covered >= 0.5
    assert abstained >= 0.9
