"""Which kind of message it is, learnt from the house's own labelled examples. Pure.

One logistic regression over the embedding and two bags of pieces: characters, which forgive spelling and
missing accents and work in a language that the embedding model does not speak, and words. How much the pieces
weigh beside the embedding, and how strongly to regularise, is chosen on folds of the training examples alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from services.responder.concepts import concepts, names
from services.responder.folding import fold

Matrix = NDArray[np.float32]

# (weight of the pieces beside the embedding's 1, inverse regularisation).
GRID: Final = ((0.5, 30.0), (1.0, 30.0), (2.0, 10.0))
DEFAULT: Final = (1.0, 30.0)
"""With too few examples a label to fold."""
FOLDS: Final = 3
_MAX_FOLDED = 2500
_MIN_PER_LABEL = 3
_MAX_ITERATIONS = 200
_TOLERANCE = 1e-3


SHARES: Final = (0.35, 0.15, 0.5)
"""Of the cosine of two texts: pieces of words, whole words, concepts. Fitted on the development set."""


class Pieces:
    """Texts → weighted pieces of words, whole words and concepts, unit rows; folded."""

    def __init__(self) -> None:
        self._characters = TfidfVectorizer(
            preprocessor=fold, analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32
        )
        self._words = TfidfVectorizer(
            preprocessor=fold,
            token_pattern=r"[a-z0-9]+",  # noqa: S106 - not a password
            ngram_range=(1, 2),
            sublinear_tf=True,
            dtype=np.float32,
        )

        self._concepts = TfidfVectorizer(
            analyzer=concepts, sublinear_tf=True, dtype=np.float32, vocabulary=names()
        )

    def fit(self, texts: Sequence[str]) -> csr_matrix:
        return self._joined([part.fit_transform(texts) for part in self._parts])

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        return self._joined([part.transform(texts) for part in self._parts])

    @property
    def _parts(self) -> tuple[TfidfVectorizer, ...]:
        return self._characters, self._words, self._concepts

    @staticmethod
    def _joined(parts: Sequence[csr_matrix]) -> csr_matrix:
        weighted = [part * np.float32(weight**0.5) for part, weight in zip(parts, SHARES, strict=True)]
        return hstack(weighted).tocsr()


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted classifier. `labels` are the columns of `probabilities`."""

    labels: tuple[str, ...]
    pieces: Pieces
    model: LogisticRegression
    piece_weight: float

    def probabilities(self, texts: Sequence[str], vectors: Matrix) -> Matrix:
        """Shape (len(texts), len(labels)); rows sum to 1."""
        features = _features(vectors, self.pieces.transform(texts), self.piece_weight)
        return np.asarray(self.model.predict_proba(features), dtype=np.float32)


def can_learn(labels: Sequence[str]) -> bool:
    """Whether there is anything to learn: two labels, one of them with two examples."""
    counts = Counter(labels)
    return len(counts) > 1 and max(counts.values()) > 1


def fit(texts: Sequence[str], vectors: Matrix, labels: Sequence[str], *, seed: int = 0) -> Head:
    """Learn from (text, its embedding, label) rows. Raises ValueError unless `can_learn`."""
    if not can_learn(labels):
        raise ValueError("two labels are needed, one of them with two examples")
    pieces = Pieces()
    matrix = pieces.fit(texts)
    weight, strength = _chosen(matrix, vectors, np.asarray(labels), seed)
    model = _regression(strength).fit(_features(vectors, matrix, weight), labels)
    return Head(tuple(map(str, model.classes_)), pieces, model, weight)


def _chosen(matrix: csr_matrix, vectors: Matrix, labels: NDArray[Any], seed: int) -> tuple[float, float]:
    """The setting of GRID with the least log loss out of fold, on at most _MAX_FOLDED examples."""
    rows = np.random.default_rng(seed).permutation(len(labels))[:_MAX_FOLDED]
    labels, vectors, matrix = labels[rows], vectors[rows], matrix[rows]
    enough = {label for label, count in Counter(labels.tolist()).items() if count >= _MIN_PER_LABEL}
    kept = np.array([label in enough for label in labels.tolist()])
    if len(enough) < 2:
        return DEFAULT
    labels, vectors, matrix = labels[kept], vectors[kept], matrix[kept]
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(vectors, labels))

    def loss(setting: tuple[float, float]) -> float:
        weight, strength = setting
        features = _features(vectors, matrix, weight)
        total = 0.0
        for train, test in folds:
            model = _regression(strength).fit(features[train], labels[train])
            columns = np.searchsorted(model.classes_, labels[test])
            chances = model.predict_proba(features[test])[np.arange(len(test)), columns]
            total -= float(np.log(np.maximum(chances, 1e-9)).sum())
        return total

    return min(GRID, key=loss)


def _features(vectors: Matrix, pieces: csr_matrix, weight: float) -> csr_matrix:
    return hstack([csr_matrix(vectors), pieces * np.float32(weight)]).tocsr()


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE)
