"""Logistic regression: the simpler model that the trees must beat."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix

_ARRAYS = ("centres", "scales", "low", "high", "weights", "means")


@dataclass(frozen=True, slots=True)
class Logistic:
    """Each feature spreads over some columns of a design matrix (see `design`).

    `centres` and `scales` standardise the numbers, `low` and `high` stop a value from being extrapolated
    beyond what training saw; all four have one entry per feature, of use for numbers only. `weights` and
    `means` have one entry per design column. `knots` are the values at which a number's line may bend, per
    feature; none in models of earlier releases, nor in those of few leads.
    """

    columns: Columns
    centres: Vector
    scales: Vector
    low: Vector
    high: Vector
    weights: Vector
    means: Vector
    intercept: float
    knots: tuple[tuple[float, ...], ...]

    def log_odds(self, matrix: Matrix) -> Vector:
        """Raw log-odds, one per row."""
        return np.asarray(self.design(matrix) @ self.weights + self.intercept, dtype=np.float64)

    def contributions(self, matrix: Matrix) -> tuple[float, Vector]:
        """The base log-odds (a lead average in everything) and an (n, k) array of weight x (value - mean)."""
        parts = (self.design(matrix) - self.means) * self.weights
        starts = np.cumsum([0, *self._widths()[:-1]])
        return self.intercept + float(self.weights @ self.means), np.add.reduceat(parts, starts, axis=1)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name).tolist() for name in _ARRAYS} | {
            "intercept": self.intercept,
            "knots": self.knots,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], columns: Columns) -> "Logistic":
        """Raise ValueError when the numbers do not fit the columns."""
        arrays = {name: np.array(value[name], dtype=np.float64) for name in _ARRAYS}
        straight: list[list[float]] = [[] for _ in columns.kept]
        knots = tuple(tuple(map(float, places)) for places in value.get("knots", straight))
        if {len(knots), len(arrays["centres"])} != {len(columns.kept)}:
            raise ValueError("the coefficients do not fit the columns")
        loaded = cls(columns=columns, intercept=float(value["intercept"]), knots=knots, **arrays)
        if len(loaded.weights) != sum(loaded._widths()):
            raise ValueError("the coefficients do not fit the columns")
        return loaded

    def design(self, matrix: Matrix) -> Vector:
        """Per number: the standardised value, how far it is beyond each knot (0 when missing) and a missing
        mark. Per category: one mark per level and a missing mark."""
        marks = np.zeros((len(matrix), sum(self._widths())))
        at = 0
        for index, column in enumerate(self.columns.kept):
            values = matrix[:, index].astype(np.float64)
            missing = np.isnan(values)
            if column.kind == "number":
                bounded = np.clip(values, self.low[index], self.high[index])
                marks[:, at] = np.where(missing, 0.0, (bounded - self.centres[index]) / self.scales[index])
                at += 1
                for knot in self.knots[index]:
                    beyond = np.maximum(bounded - knot, 0.0) / self.scales[index]
                    marks[:, at] = np.where(missing, 0.0, beyond)
                    at += 1
            else:
                rows = np.flatnonzero(~missing)
                marks[rows, at + values[rows].astype(np.intp)] = 1.0
                at += column.level_count
            marks[:, at] = missing
            at += 1
        return marks

    def _widths(self) -> list[int]:
        """Design columns per feature."""
        return [
            2 + len(knots) if column.kind == "number" else column.level_count + 1
            for column, knots in zip(self.columns.kept, self.knots, strict=True)
        ]
