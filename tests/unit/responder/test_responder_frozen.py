"""What French messages are answered like, with the packaged model, on the frozen set: see its README."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from services.responder.embedding import Embedder
from services.responder.evaluation import evaluate_files
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
    assert np.mean(found) >= 0.5
