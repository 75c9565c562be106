"""How long a question takes among 100,000 invented passages, and what an index leaves unfound."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.responder import search, store
from services.responder.embedding import Embedder
from services.responder.retrieval import Asked, find_passages
from services.responder.settings import PACKAGED
from services.responder.upkeep import Upkeep
from shared.postgres import Connection
from tests.harness.invented import adapter_rows, invent
from tests.harness.platform import Installation

SENTENCES = 300
"""Real ones of a language, of which the passages are made."""
AT_ONCE = 3
"""Questions whose exact search is timed: it takes seconds."""


class Remembered(Embedder):
    """Vectors of texts embedded before, so that only the search is timed."""

    def __init__(self, embedder: Embedder, texts: Sequence[str]) -> None:
        self.name = embedder.name
        self._vectors = dict(zip(texts, embedder.embed(texts), strict=True))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])


@dataclass(frozen=True, slots=True)
class Searched:
    """Times of a question in ms, its ranking included, without its embedding."""

    indexed_ms: list[float]
    exact_ms: list[float]
    recall: float
    index_s: float

    def summary(self) -> dict[str, float]:
        return {
            "p50_ms": float(np.quantile(self.indexed_ms, 0.5)),
            "p95_ms": float(np.quantile(self.indexed_ms, 0.95)),
            "exact_ms": float(np.median(self.exact_ms)),
            "recall_at_5": self.recall,
            "index_s": self.index_s,
        }


def questions() -> list[Asked]:
    """French and English messages, by turns."""
    rows = [row for row in adapter_rows("development.tsv") if row["kind"] == "message"]
    return [
        Asked(row["translation"], "fr") if number % 2 else Asked(row["english"], "en")
        for number, row in enumerate(rows)
    ]


def measure(installation: Installation, count: int, rounds: int) -> Searched:
    embedder = Embedder(PACKAGED)
    asked = questions()
    remembered = Remembered(embedder, [one.text for one in asked])
    with installation.connect(store.SCHEMA) as connection:
        for language in ("fr", "en"):
            invent(connection, embedder, count // 2, language, most=SENTENCES)
        connection.execute("ANALYZE passage")
        with everything_compared():
            exact_ms = [_timed(connection, remembered, [one])[0] for one in asked[:AT_ONCE]]
            _, exact = _timed(connection, remembered, asked)
        started = time.perf_counter()
        Upkeep(installation.database_url, embedder).once()
        index_s = time.perf_counter() - started
        connection.execute("ANALYZE passage")
        near = [_timed(connection, remembered, [one])[1][0] for one in asked]
        indexed_ms = [_timed(connection, remembered, [one])[0] for _ in range(rounds) for one in asked]
    found = [len(one & other) / len(one) for one, other in zip(exact, near, strict=True)]
    return Searched(indexed_ms, exact_ms, float(np.mean(found)), index_s)


def _timed(
    connection: Connection, embedder: Embedder, asked: Sequence[Asked]
) -> tuple[float, list[set[Any]]]:
    started = time.perf_counter()
    found = find_passages(connection, embedder, asked)
    taken_ms = 1000 * (time.perf_counter() - started)
    return taken_ms, [{passage.passage_id for passage in passages} for passages in found]


@contextmanager
def everything_compared() -> Iterator[None]:
    """No language counts as large."""
    before = search.large_languages
    search.large_languages = lambda connection: []
    try:
        yield
    finally:
        search.large_languages = before
