"""What French messages are answered like, with the packaged model, on the frozen set: see its README."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.responder.embedding import Embedder
from services.responder.evaluation import evaluate_files
from services.responder.matching import WEIGHTS, confidence, rerank
from services.responder.settings import PACKAGED

FROZEN = Path(__file__).parents[2] / "data" / "responder" / "frozen"
OUT_OF_SCOPE = "out_of_scope"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(PACKAGED)


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


@pytest.mark.long
@pytest.mark.parametrize(("asked", "answered"), [("fr", "fr"), ("fr", "en"), ("en", "en")])
def test_the_right_template_comes_first(
    embedder: Embedder, tmp_path: Path, asked: str, answered: str
) -> None:
    train = templates(tmp_path / "templates.csv", answered)
    messages = [(r[asked], r["category"]) for r in rows("messages.csv") if r["category"] != OUT_OF_SCOPE]
    test = written(tmp_path / "messages.csv", messages)
    result = evaluate_files(embedder, train, test, "text", "category")
    print(asked, answered, result)
    assert result["top1"] >= 0.5


@pytest.mark.long
def test_ten_examples_an_intent_are_enough(embedder: Embedder, tmp_path: Path) -> None:
    messages = [(r["fr"], r["category"]) for r in rows("messages.csv") if r["category"] != OUT_OF_SCOPE]
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
    assert np.mean(found) >= 0.5  # the aim is 0.85


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
