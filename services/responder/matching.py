"""Which reply a message asks for: the same ranking live, in `replies evaluate` and in benchmarks. Pure.

Three ways of looking are fused: the meaning (cosine of embeddings), the words and pieces of words that are
shared, what both are about where a trade's topics are known, and, once there are examples to learn from, the
head. Likenesses are added (Bruch, Gai & Ingber 2023): they say how far ahead the first one is. Beside a head
in English their reciprocal ranks are (Cormack, Clarke & Büttcher 2009).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.responder.head import Head, can_learn, fit
from services.responder.pieces import Pieces
from services.responder.trade import Topics

Matrix = NDArray[np.float32]

RANK_OFFSET: Final = 5
"""The k of reciprocal rank fusion: 60 is usual over thousands of documents; a house has dozens."""
LEARNT_FROM: Final = 3
"""Examples a label, in the median, from which the head leads."""
_MOST_COMPARED = 4000
"""Examples beyond which only the head is asked: comparing with each would say the same, slowly."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the three ways of looking. `ranked`: meaning and pieces count by rank, not by likeness."""

    meaning: float
    pieces: float
    head: float
    ranked: bool = True

    def of_likeness(self, cosine: Matrix, shared: Matrix) -> Matrix:
        """Meaning and pieces as one score, (texts, labels)."""
        if self.ranked:
            cosine, shared = _reciprocal_ranks(cosine), _reciprocal_ranks(shared)
        return self.meaning * cosine + self.pieces * shared


WEIGHTS: Final[Mapping[str, Weights]] = {
    "en": Weights(meaning=1.0, pieces=0.5, head=4.0),
    "fr": Weights(meaning=2.5, pieces=1.0, head=40.0, ranked=False),
}
"""Beside a head; in French it decides and the rest breaks its ties."""


def likeness(cosine: Matrix, shared: Matrix, topical: Matrix | None) -> Matrix:
    """How like a message and passages are, of the three ways. Weights fitted on the development sets.

    1 to 2 of topics are alike; in both languages they find more than the other two alone: of 80 development
    messages 0.80 instead of 0.75 in French and 0.81 instead of 0.65 in English.
    """
    found: Matrix = 2.5 * cosine + shared
    return found if topical is None else found + 1.25 * topical


@dataclass(frozen=True, slots=True)
class Ranking:
    """For each text: `scores` over the labels, higher is likelier, and what supports its first label.

    `chance` is the head's probability of it (the first label's share of the fused scores without a head),
    `cosine` and `shared` the embedding's and the pieces' cosine with its nearest example.
    """

    labels: tuple[str, ...]
    scores: Matrix
    chance: Matrix
    cosine: Matrix
    shared: Matrix

    def best(self, count: int) -> list[list[str]]:
        """The `count` likeliest labels of each text, the likeliest first."""
        order = np.argsort(-self.scores, axis=1, kind="stable")[:, :count]
        return [[self.labels[column] for column in row] for row in order]


def learns(labels: Sequence[str]) -> bool:
    """Whether a head is learnt from examples with these labels."""
    return can_learn(labels) and float(np.median(list(Counter(labels).values()))) >= LEARNT_FROM


class Matcher:
    """Ranks labels by their examples: titles and texts of replies, messages that they answered."""

    def __init__(
        self,
        texts: Sequence[str],
        vectors: Matrix,
        labels: Sequence[str],
        *,
        topics: Topics | None = None,
        seed: int = 0,
    ) -> None:
        self.labels = tuple(sorted(set(labels)))
        places = {label: place for place, label in enumerate(self.labels)}
        self._columns = np.array([places[label] for label in labels], dtype=np.intp)
        self._head: Head | None = (
            fit(texts, vectors, labels, topics=topics, seed=seed) if learns(labels) else None
        )
        self._topics = topics
        self._about = topics.of(texts, vectors) if topics and not self._head else None
        self._compared = len(texts) <= _MOST_COMPARED or self._head is None
        self._vectors = vectors
        self._pieces = self._head.pieces if self._head else Pieces()
        self._examples = self._pieces.transform(texts) if self._head else self._pieces.fit(texts)

    def rank(self, texts: Sequence[str], vectors: Matrix, weights: Weights) -> Ranking:
        """Rank every label for each text, given its embedding; `weights` are of the texts' language."""
        shape = (len(texts), len(self.labels))
        scores = np.zeros(shape, dtype=np.float32)
        cosine = shared = np.zeros(shape, dtype=np.float32)
        if self._compared:
            cosine = self._by_label(vectors @ self._vectors.T)
            shared = self._by_label((self._pieces.transform(texts) @ self._examples.T).toarray())
            if self._head:
                scores += weights.of_likeness(cosine, shared)
            else:
                scores += likeness(cosine, shared, self._topical(texts, vectors))
        likely = scores.clip(min=0)
        chances = likely / np.maximum(likely.sum(axis=1, keepdims=True), 1e-9)
        if self._head:
            chances = self._head.probabilities(texts, vectors)
            # The head's own order decides between labels that the fusion cannot tell apart.
            scores += weights.head * (_reciprocal_ranks(chances) + 1e-3 * chances)
        first = scores.argmax(axis=1)
        rows = np.arange(len(texts))
        return Ranking(self.labels, scores, chances[rows, first], cosine[rows, first], shared[rows, first])

    def _topical(self, texts: Sequence[str], vectors: Matrix) -> Matrix | None:
        if self._topics is None or self._about is None:
            return None
        return self._by_label(self._topics.of(texts, vectors) @ self._about.T)

    def _by_label(self, similarities: Matrix) -> Matrix:
        """The nearest example of each label."""
        nearest = np.full((len(similarities), len(self.labels)), -1.0, dtype=np.float32)
        np.maximum.at(nearest.T, self._columns, similarities.T.astype(np.float32))
        return nearest


def _reciprocal_ranks(scores: Matrix) -> Matrix:
    """1 / (RANK_OFFSET + rank), rank 1 for the highest; labels with the same score share a rank."""
    order = np.sort(scores, axis=1)
    ranks = (
        np.stack(
            [
                scores.shape[1] - np.searchsorted(row, value, side="right") + 1
                for row, value in zip(order, scores, strict=True)
            ]
        )
        if len(scores)
        else scores
    )
    return (1.0 / (RANK_OFFSET + ranks)).astype(np.float32)
