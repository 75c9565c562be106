"""A linear map of message vectors, so that a message comes to lie near the reply that people give it. Pure.

The embedding model stays as it is, adapters included, and so do the vectors of passages: only what a message
is looked up with is mapped. That is one more dense layer, learnt with the multiple-negatives ranking loss
(Henderson et al. 2017, arXiv:1705.00652), where the negatives of a message are all replies of the house.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Places = NDArray[np.intp]

SCALE: Final = 20.0
"""Of cosines before the softmax, as is usual for this loss."""
SHRINKAGE: Final = 3e-3
"""Of the map's squared entries: towards leaving the model as it is. On BANKING77 with one, three and ten
examples a label, 0.001 to 0.01 are alike."""
STEPS: Final = 100
_RATE, _MOMENTUM, _DAMPING, _SMALL = 0.01, 0.9, 0.999, 1e-8

FEWEST: Final = 50
"""Examples below which nothing could be measured."""
HELD_OUT: Final = 0.2
"""Of the examples, the last ones in time: what a map is measured on before it is used."""
_DRAWS, _BOUND = 2000, 0.05


def fit(messages: Matrix, right: Places, replies: Matrix) -> Matrix:
    """The map, (d, d), to be added to the identity, from `messages` (n, d) and the row of `replies` (m, d)
    that is right for each.

    Adam (Kingma & Ba 2015) on all examples at once, from zero: the same examples give the same map.
    """
    delta = np.zeros((messages.shape[1],) * 2, dtype=np.float32)
    mean, spread = np.zeros_like(delta), np.zeros_like(delta)
    rows = np.arange(len(messages))
    for step in range(1, STEPS + 1):
        mapped = messages + messages @ delta
        length = np.linalg.norm(mapped, axis=1, keepdims=True)
        turned = mapped / np.maximum(length, _SMALL)
        chances = SCALE * turned @ replies.T
        chances = np.exp(chances - chances.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        chances[rows, right] -= 1
        pull = SCALE / len(messages) * chances @ replies
        pull -= (pull * turned).sum(axis=1, keepdims=True) * turned
        slope = messages.T @ (pull / np.maximum(length, _SMALL)) + 2 * SHRINKAGE * delta
        mean = _MOMENTUM * mean + (1 - _MOMENTUM) * slope
        spread = _DAMPING * spread + (1 - _DAMPING) * slope**2
        size = np.sqrt(spread / (1 - _DAMPING**step)) + _SMALL
        delta = (delta - _RATE * mean / (1 - _MOMENTUM**step) / size).astype(np.float32)
    return delta


def mapped(vectors: Matrix, delta: Matrix | None) -> Matrix:
    """Message vectors, (n, d), as they are looked up with; of length one."""
    if delta is None:
        return vectors
    turned = vectors + vectors @ delta
    return np.asarray(turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), _SMALL), np.float32)


@dataclass(frozen=True, slots=True)
class Comparison:
    """On held-out decisions, without the map and with it: how often the right reply came first, and the mean
    of 1 / its place; the gain in the latter with its interval (5 % to 95 %, paired bootstrap)."""

    held_out: int
    top1_before: float
    top1_after: float
    mrr_before: float
    mrr_after: float
    gain_low: float
    gain_high: float

    @property
    def better(self) -> bool:
        """Whether it is plainly no matter of chance."""
        return self.gain_low > 0

    def card(self) -> dict[str, Any]:
        return asdict(self) | {"better": self.better}


def compare(before: Sequence[int], after: Sequence[int], *, seed: int = 0) -> Comparison:
    """From the place, 1 the first, of the right reply to each held-out message."""
    old, new = np.asarray(before, float), np.asarray(after, float)
    gains = 1 / new - 1 / old
    drawn = np.random.default_rng(seed).integers(len(gains), size=(_DRAWS, len(gains)))
    low, high = np.quantile(gains[drawn].mean(axis=1), (_BOUND, 1 - _BOUND))
    return Comparison(
        len(gains),
        float((old == 1).mean()),
        float((new == 1).mean()),
        float((1 / old).mean()),
        float((1 / new).mean()),
        float(low),
        float(high),
    )
