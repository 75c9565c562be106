"""What a map of messages learns, and when it is plainly better."""

import csv
from pathlib import Path

import numpy as np
import pytest

from services.responder.embedding import Embedder
from services.responder.settings import PACKAGED
from services.responder.tuning.learn import compare, fit, mapped

BANKING = Path(__file__).parents[4] / "shared" / "data" / "banking77"


def directions(count: int, dimension: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_messages_come_to_lie_near_the_reply_that_people_gave_them() -> None:
    kinds, replies = directions(6, 32, seed=0), directions(6, 32, seed=1)
    right = np.arange(120) % 6
    messages = kinds[right] + 0.1 * directions(120, 32, seed=2)
    delta = fit(messages[:60], right[:60], replies)
    unseen, answers = messages[60:], right[60:]
    assert ((unseen @ replies.T).argmax(1) == answers).mean() < 0.5
    assert ((mapped(unseen, delta) @ replies.T).argmax(1) == answers).mean() > 0.95


def test_the_same_examples_give_the_same_map_to_the_bit() -> None:
    messages, right, replies = directions(40, 16, seed=0), np.arange(40) % 4, directions(4, 16, seed=1)
    assert fit(messages, right, replies).tobytes() == fit(messages, right, replies).tobytes()


def test_mapped_vectors_have_length_one_and_without_a_map_nothing_changes() -> None:
    vectors, delta = directions(5, 8, seed=0), directions(8, 8, seed=1)
    assert np.linalg.norm(mapped(vectors, delta), axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert mapped(vectors, None) is vectors


def test_a_gain_that_may_be_chance_is_not_better() -> None:
    assert compare([3] * 20, [1] * 20).better
    assert not compare([1] * 20, [1] * 20).better
    assert not compare([2] + [1] * 19, [1] * 20).better
    assert not compare([1] * 20, [2] * 20).better


@pytest.mark.long
def test_bank_customers_messages_find_the_words_of_their_label_far_more_often() -> None:
    """Prints what one, three and ten examples a label bring on messages written by others."""
    if not BANKING.is_dir():
        pytest.skip(f"BANKING77 is not at {BANKING}")
    train, test = (read(BANKING / name) for name in ("train.csv", "test.csv"))
    labels = sorted({label for _, label in train})
    columns = {label: column for column, label in enumerate(labels)}
    chance = np.random.default_rng(0)
    order = [int(n) for n in chance.permutation(len(train))]
    embedder = Embedder(PACKAGED)
    replies = embedder.embed([label.replace("_", " ") for label in labels])
    asked = embedder.embed([text for text, _ in test])
    answers = np.array([columns[label] for _, label in test])

    def right(delta: np.ndarray | None) -> float:
        return float(((mapped(asked, delta) @ replies.T).argmax(1) == answers).mean())

    found = {0: right(None)}
    for shots in (1, 3, 10):
        by_label: dict[str, list[str]] = {label: [] for label in labels}
        for number in order:
            text, label = train[number]
            if len(by_label[label]) < shots:
                by_label[label].append(text)
        pairs = [(text, columns[label]) for label, texts in by_label.items() for text in texts]
        known = embedder.embed([text for text, _ in pairs])
        found[shots] = right(fit(known, np.array([column for _, column in pairs]), replies))
    print({shots: round(value, 3) for shots, value in found.items()})
    assert found[1] > found[0] + 0.03
    assert found[10] > found[0] + 0.15


def read(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]
