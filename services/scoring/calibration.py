"""Calibration: from a model's raw log-odds to chances that come true as often as they say."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Affine in log-odds, so that the ranking stays and the reasons still add up."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, log_odds: Vector) -> Vector:
        return self.slope * log_odds + self.intercept


def sigmoid(log_odds: Vector) -> Vector:
    """Probability of each log-odds, without overflow at either end."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)), dtype=np.float64)
