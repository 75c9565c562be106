"""Naive Bayes as Odoo scores leads: frequencies per field, won against lost. A yardstick, never published."""

from dataclasses import dataclass

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Matrix
from services.scoring.learning.compare import TrainingSet

BINS = 5  # Odoo reads categories only; numbers are cut at quantiles to be fair to it
SMOOTHING = 1.0


@dataclass(frozen=True, slots=True)
class NaiveBayes:
    """Per feature: its bins' edges (None for a category) and the log-odds each bin adds, missing last."""

    edges: list[Vector | None]
    weights: list[Vector]
    prior: float

    def log_odds(self, matrix: Matrix) -> Vector:
        """Raw log-odds, one per row."""
        total = np.full(len(matrix), self.prior)
        for index, (edges, weights) in enumerate(zip(self.edges, self.weights, strict=True)):
            total += weights[_bins(matrix[:, index].astype(np.float64), edges, len(weights) - 1)]
        return total


def fit_naive_bayes(training: TrainingSet, seed: int) -> NaiveBayes:
    """Laplace-smoothed frequencies of each bin among the won and among the lost; there is no chance in it."""
    all_edges: list[Vector | None] = []
    all_weights: list[Vector] = []
    for index, column in enumerate(training.columns.kept):
        values = training.matrix[:, index].astype(np.float64)
        edges, size = None, column.level_count
        if column.kind == "number":
            present = values[~np.isnan(values)]
            edges = (
                np.unique(np.quantile(present, np.arange(1, BINS) / BINS)) if len(present) else np.zeros(0)
            )
            size = len(edges) + 1
        bins = _bins(values, edges, size)
        won = np.bincount(bins, training.labels, minlength=size + 1) + SMOOTHING
        lost = np.bincount(bins, 1.0 - training.labels, minlength=size + 1) + SMOOTHING
        all_edges.append(edges)
        all_weights.append(np.log(won / won.sum()) - np.log(lost / lost.sum()))
    wins = training.labels.sum()
    return NaiveBayes(all_edges, all_weights, float(np.log(wins / (len(training.labels) - wins))))


def _bins(values: Vector, edges: Vector | None, missing: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    present = np.nan_to_num(values)
    bins = present.astype(np.intp) if edges is None else np.searchsorted(edges, present, side="left")
    return np.where(np.isnan(values), missing, bins)
