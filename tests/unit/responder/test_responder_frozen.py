"""What French messages are answered like, with the packaged model, on the frozen set: see its README."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from services.responder.embedding import Embedder
from services.responder.evaluation import evaluate_files
from services.responder.head import fit
from services.responder.matching import WEIGHTS, confidence, rerank
from services.responder.settings import PACKAGED

FROZEN = Path(__file__).parents[2] / "data" / "responder" / "frozen"
OUT_OF_SCOPE = "out_of_scope"


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


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "answered", "least_first", "least_among_three"),
    [("fr", "fr", 0.72, 0.88), ("fr", "en", 0.68, 0.86), ("en", "en", 0.65, 0.87)],
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
        chance = np.random.default_rng(seed)
        drawn = {
            int(p) for one in sorted(set(labels)) for p in chance.permutation(np.where(labels == one)[0])[:10]
        }
        train = written(tmp_path / "train.csv", [messages[p] for p in sorted(drawn)])
        test = written(tmp_path / "test.csv", [m for p, m in enumerate(messages) if p not in drawn])
        found.append(evaluate_files(embedder, train, test, "text", "category", seed=seed)["top1"])
    print(found, np.mean(found))
    assert np.mean(found) >= 0.83  # 0.858 when measured; the aim is 0.87


@pytest.mark.long
def test_a_confident_draft_is_mostly_right_and_strangers_get_none(embedder: Embedder) -> None:
    chosen = [row for row in rows("templates.csv") if row["language"] == "fr"]
    texts = [f"{row['title']}\n{row['when']}\n{row['text']}" for row in chosen]
    asked = [(row["fr"], row["category"]) for row in rows("messages.csv")]
    asked += [(row["fr"], OUT_OF_SCOPE) for row in rows("unanswerable.csv")]
    cosines = embedder.embed([text for text, _ in asked]) @ embedder.embed(texts).T
    inside = np.array([label != OUT_OF_SCOPE for _, label in asked])
    right, sure = [], []
    for (text, label), near in zip(asked, cosines, strict=True):
        scores, shared = rerank(text, texts, near.tolist(), WEIGHTS["fr"])
        best = int(scores.argmax())
        right.append(chosen[best]["category"] == label)
        sure.append(confidence("fr", float(near[best]), float(shared[best])) or 0.0)
    figures = {}
    for least in (0.5, 0.7, 0.9):
        shown = np.array(sure) >= least
        figures[least] = (np.array(right)[shown].mean(), shown[inside].mean(), (~shown)[~inside].mean())
    for least, (precision, coverage, abstained) in figures.items():
        print(f"from {least}: precision {precision:.3f}, coverage {coverage:.3f}, abstained {abstained:.3f}")
    precision, _, abstained = figures[0.9]
    assert precision >= 0.85
    assert abstained >= 0.9
