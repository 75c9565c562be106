"""A scorecard as companies write one by hand: points, no outcomes. A yardstick, never published."""

from dataclasses import dataclass

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Matrix
from services.scoring.learning.compare import TrainingSet

STEPS = 10  # a number gives 0 to 10 points, by tenths of the leads
FILLED = 5.0  # points for a category that is filled in: the lead said something of itself
# Numbers that speak against interest the larger they are.
AGAINST = ("days_since", "waiting_days", "unsubscribed", "bounced", "cancelled")


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Two axes, added: interest (numbers, more is better) and fit (what is known). `edges` are the tenths of
    each number, None for a category; `signs` turn what speaks against."""

    edges: list[Vector | None]
    signs: Vector
    centre: float
    scale: float

    def points(self, matrix: Matrix) -> Vector:
        """The points of each row."""
        total = np.zeros(len(matrix))
        for index, (edges, sign) in enumerate(zip(self.edges, self.signs, strict=True)):
            values = matrix[:, index].astype(np.float64)
            known = ~np.isnan(values)
            if edges is None:
                total += FILLED * known
            else:
                total += sign * np.where(known, np.searchsorted(edges, np.nan_to_num(values), side="left"), 0)
        return total

    def log_odds(self, matrix: Matrix) -> Vector:
        """Standardised points, to be calibrated like any model's log-odds."""
        return np.asarray((self.points(matrix) - self.centre) / self.scale, dtype=np.float64)


def fit_scorecard(training: TrainingSet, seed: int) -> Scorecard:
    """Reads the values to know what is much and what little, never an outcome."""
    edges: list[Vector | None] = []
    signs: list[float] = []
    for index, column in enumerate(training.columns.kept):
        values = training.matrix[:, index].astype(np.float64)
        present = values[~np.isnan(values)]
        tenths = np.quantile(present, np.arange(1, STEPS) / STEPS) if len(present) else np.zeros(0)
        edges.append(np.unique(tenths) if column.kind == "number" else None)
        signs.append(-1.0 if any(word in column.name for word in AGAINST) else 1.0)
    unscaled = Scorecard(edges, np.array(signs), 0.0, 1.0)
    points = unscaled.points(training.matrix)
    return Scorecard(edges, unscaled.signs, float(points.mean()), float(points.std()) or 1.0)
