"""Which kind of message it is, learnt from the house's own labelled examples. Pure.

One logistic regression over the embedding, two bags of pieces and a trade's topics: characters, which forgive
spelling and missing accents and work in a language that the embedding model does not speak, and words. How
much pieces and topics weigh beside the embedding, and how strongly to regularise, is chosen on folds of the
training examples alone. With few examples the nearest of each label count beside the regression.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from services.responder.pieces import Pieces
from services.responder.trade import Topics

Matrix = NDArray[np.float32]


class Setting(NamedTuple):
    """Weights beside the embedding's 1, and the inverse regularisation."""

    pieces: float
    topics: float
    strength: float


GRID: Final = (
    Setting(0.5, 0, 30),
    Setting(1, 0, 30),
    Setting(2, 0, 10),
    Setting(0.5, 1, 30),
    Setting(1, 1, 30),
)
DEFAULT: Final = Setting(1, 0, 30)
"""With too few examples a label to fold."""
FOLDS: Final = 3
PLAINLY: Final = 0.95
"""Of the loss without topics: what they must come below, or houses of another trade are better without."""
NEIGHBOURS: Final = 2
SHARPNESS, NEARNESS = 0.8, 5.0
"""What the regression's log odds and the nearest examples' likeness count; from development messages."""
_MOST_COMPARED = 4000
"""Examples beyond which the regression knows all that the nearest ones say."""
_MAX_FOLDED = 2500
_MIN_PER_LABEL = 3
_MAX_ITERATIONS = 200
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Features:
    """Of texts: embeddings, pieces and, in a trade, topics."""

    vectors: Matrix
    pieces: csr_matrix
    topics: Matrix

    def __getitem__(self, rows: NDArray[Any]) -> "Features":
        return Features(self.vectors[rows], self.pieces[rows], self.topics[rows])

    def dense(self, setting: Setting) -> Matrix:
        """What a text means and is about."""
        return np.hstack([self.vectors, self.topics * np.float32(setting.topics)])

    def joined(self, setting: Setting) -> csr_matrix:
        return hstack([csr_matrix(self.dense(setting)), self.pieces * np.float32(setting.pieces)]).tocsr()


Examples = tuple[Matrix, NDArray[np.intp]]
"""What each example means, and the column of its label."""


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted classifier. `labels` are the columns of `probabilities`."""

    labels: tuple[str, ...]
    pieces: Pieces
    topics: Topics | None
    setting: Setting
    model: LogisticRegression
    examples: Examples | None
    """None when they are too many to compare with."""

    def probabilities(self, texts: Sequence[str], vectors: Matrix) -> Matrix:
        """Shape (len(texts), len(labels)); rows sum to 1."""
        asked = Features(vectors, self.pieces.transform(texts), _topics(self.topics, texts, vectors))
        return _probabilities(self.model, self.setting, asked, self.examples)


def can_learn(labels: Sequence[str]) -> bool:
    """Whether there is anything to learn: two labels, one of them with two examples."""
    counts = Counter(labels)
    return len(counts) > 1 and max(counts.values()) > 1


def fit(
    texts: Sequence[str],
    vectors: Matrix,
    labels: Sequence[str],
    *,
    topics: Topics | None = None,
    counting: Matrix | None = None,
    seed: int = 0,
) -> Head:
    """Learn from (text, its embedding, label) rows, each `counting` so much (1 when not given).

    Raises ValueError unless `can_learn`.
    """
    if not can_learn(labels):
        raise ValueError("two labels are needed, one of them with two examples")
    pieces = Pieces()
    known = Features(vectors, pieces.fit(texts), _topics(topics, texts, vectors))
    compared = len(texts) <= _MOST_COMPARED
    setting = _chosen(known, np.asarray(labels), compared=compared, seed=seed)
    model = _regression(setting).fit(known.joined(setting), labels, sample_weight=counting)
    columns = np.searchsorted(model.classes_, np.asarray(labels))
    examples = (known.dense(setting), columns) if compared else None
    return Head(tuple(map(str, model.classes_)), pieces, topics, setting, model, examples)


def _chosen(known: Features, labels: NDArray[Any], *, compared: bool, seed: int) -> Setting:
    """The setting of GRID with the least log loss out of fold, on at most _MAX_FOLDED examples."""
    rows = np.random.default_rng(seed).permutation(len(labels))[:_MAX_FOLDED]
    enough = {label for label, count in Counter(labels[rows].tolist()).items() if count >= _MIN_PER_LABEL}
    if len(enough) < 2:
        return DEFAULT
    rows = rows[np.isin(labels[rows], sorted(enough))]
    known, labels = known[rows], labels[rows]
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(known.vectors, labels))

    def loss(setting: Setting) -> float:
        features = known.joined(setting)
        total = 0.0
        for train, test in folds:
            model = _regression(setting).fit(features[train], labels[train])
            examples = known[train].dense(setting), np.searchsorted(model.classes_, labels[train])
            chances = _probabilities(model, setting, known[test], examples if compared else None)
            chances = chances[np.arange(len(test)), np.searchsorted(model.classes_, labels[test])]
            total -= float(np.log(np.maximum(chances, 1e-9)).sum())
        return total if setting.topics else PLAINLY * total

    # Without topics there is nothing for their weight to choose.
    return min((one for one in GRID if known.topics.shape[1] or not one.topics), key=loss)


def _probabilities(
    model: LogisticRegression, setting: Setting, asked: Features, examples: Examples | None
) -> Matrix:
    chances: Matrix = model.predict_proba(asked.joined(setting))
    if examples is None:
        return chances.astype(np.float32)
    known, columns = examples
    near = _nearest(asked.dense(setting) @ known.T, columns, chances.shape[1])
    score = SHARPNESS * np.log(np.maximum(chances, 1e-9)) + NEARNESS * near
    return np.asarray(softmax(score, axis=1), dtype=np.float32)


def _topics(topics: Topics | None, texts: Sequence[str], vectors: Matrix) -> Matrix:
    return topics.of(texts, vectors) if topics else np.zeros((len(texts), 0), np.float32)


def _nearest(likeness: Matrix, columns: NDArray[np.intp], labels: int) -> Matrix:
    """The mean likeness of the NEIGHBOURS nearest examples of each label, (texts, labels)."""
    found = np.empty((len(likeness), labels), dtype=np.float32)
    for label in range(labels):
        of_label = np.sort(likeness[:, columns == label], axis=1)
        found[:, label] = of_label[:, -NEIGHBOURS:].mean(axis=1)
    return found


def _regression(setting: Setting) -> LogisticRegression:
    return LogisticRegression(C=setting.strength, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE)
