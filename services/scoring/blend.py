"""A weighted mean of the log-odds of logistic regression and trees: each forgives the other's errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.logistic import Logistic
from services.scoring.trees import BoostedTrees


@dataclass(frozen=True, slots=True)
class Blend:
    """`weight` is the trees' share, 0 to 1. Contributions mix as the log-odds do, so they stay exact."""

    logistic: Logistic
    trees: BoostedTrees
    weight: float

    def log_odds(self, matrix: Matrix) -> Vector:
        """Raw log-odds, one per row."""
        return mix(self.logistic.log_odds(matrix), self.trees.log_odds(matrix), self.weight)

    def contributions(self, matrix: Matrix) -> tuple[float, Vector]:
        """The base log-odds and an (n, k) array: base + a row's sum = its log-odds."""
        line, line_parts = self.logistic.contributions(matrix)
        grown, grown_parts = self.trees.contributions(matrix)
        base = (1.0 - self.weight) * line + self.weight * grown
        return base, mix(line_parts, grown_parts, self.weight)

    def to_json(self) -> dict[str, Any]:
        return {
            "logistic": self.logistic.to_json(),
            "trees": self.trees.to_json(),
            "weight": self.weight,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], columns: Columns) -> "Blend":
        """Raise ValueError when a part does not fit the columns or the weight is no share."""
        weight = float(value["weight"])
        if not 0.0 <= weight <= 1.0:
            raise ValueError(f"the trees' share is {weight}")
        return cls(
            Logistic.from_json(value["logistic"], columns),
            BoostedTrees.from_json(value["trees"], columns),
            weight,
        )


def mix(line: Vector, grown: Vector, weight: float) -> Vector:
    return np.asarray((1.0 - weight) * line + weight * grown, dtype=np.float64)
