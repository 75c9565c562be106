"""How likely the first passage is the right answer. Pure.

A prior fitted on the development sets, moved by the house's own decisions once it has some. Both are logistic
(Platt 1999); the house's is affine in the prior's log-odds, so that it never changes an order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

WORTH: Final = 20.0
"""Decisions that the prior is worth beside the house's own."""
MOST_MARGIN: Final = 1.5
LEAST_SLOPE: Final = 0.2
_CERTAIN: Final = 1e-4
CARE: Final = 0.54
"""Log-odds that a learnt passage must have beyond the mean of both views: with it 0.7 tells right from wrong
as well as where nothing is learnt (0.8 would without it; development messages, four folds)."""


@dataclass(frozen=True, slots=True)
class Support:
    """What speaks for a passage.

    `cosine`, `shared`: how like the message it is, by the embedding and by pieces; `topical`: how like what
    both are about, None where no trade's topics are known; `margin`: how far it is ahead of the next;
    `chance`: the head's, of its label (1 without a head); `nearest`: the cosine of the nearest message that
    it, or another of its label, answered; None when the head does not know it.
    """

    cosine: float
    shared: float
    topical: float | None
    margin: float
    chance: float = 1.0
    nearest: float | None = None


# Log-odds, one row per (does the head know the passage, are topics known): offset, then what each counts.
_FITTED: Final = {
    (False, False): {"offset": -2.9, "cosine": 3.4, "shared": 2.0, "margin": 2.2},
    (False, True): {"offset": -4.3, "cosine": 2.4, "topical": 5.2, "margin": 0.7},
    (True, False): {"offset": -1.3, "chance": 0.65, "nearest": 1.2},
    (True, True): {"offset": -2.25, "chance": 0.49, "nearest": 0.4, "topical": 3.7},
}


def prior(support: Support) -> float:
    """The probability that the passage is right, as fitted on the development sets.

    Of a passage that the head knows: the mean of two log-odds, of what its text says for it and of what was
    learnt. Of another: the head's chance that it is one of those, times how likely its text makes it.
    """
    told = {
        "offset": 1.0,
        "cosine": support.cosine,
        "shared": support.shared,
        "topical": support.topical or 0.0,
        "margin": min(support.margin, MOST_MARGIN),
        "chance": float(logit(np.clip(support.chance, _CERTAIN, 1 - _CERTAIN))),
        "nearest": support.nearest or 0.0,
    }

    def log_odds(known: bool) -> float:
        fitted = _FITTED[known, support.topical is not None]
        return sum(weight * told[name] for name, weight in fitted.items())

    if support.nearest is None:
        return support.chance * float(expit(log_odds(known=False)))
    return float(expit((log_odds(known=False) + log_odds(known=True)) / 2 - CARE))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The house's own: `slope` × the prior's log-odds + `offset`, resting on so many `decisions`."""

    slope: float = 1.0
    offset: float = 0.0
    decisions: int = 0

    def of(self, probability: float) -> float:
        if not 0 < probability < 1:
            return probability
        return float(expit(self.slope * logit(probability) + self.offset))


def calibrated(probabilities: Sequence[float], right: Sequence[bool]) -> Calibration:
    """From the prior's probability of first passages before a person decided, and whether they were right.

    Shrunk to the prior as by WORTH decisions that agree with it.
    """
    if not probabilities:
        return Calibration()
    odds = logit(np.clip(probabilities, _CERTAIN, 1 - _CERTAIN))
    told = np.asarray(right, dtype=np.float64)

    def loss(fitted: np.ndarray) -> float:
        slope, offset = fitted
        likely = np.clip(expit(slope * odds + offset), _CERTAIN, 1 - _CERTAIN)
        lost = -(told * np.log(likely) + (1 - told) * np.log(1 - likely)).sum()
        return float(lost + WORTH / 8 * ((slope - 1) ** 2 * float((odds**2).mean()) + offset**2))

    found = minimize(loss, (1.0, 0.0), method="L-BFGS-B", bounds=((LEAST_SLOPE, None), (None, None)))
    slope, offset = map(float, found.x)
    return Calibration(slope, offset, len(told))
