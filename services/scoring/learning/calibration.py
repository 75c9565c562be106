"""Fitting a calibration to log-odds that a model gave to leads it did not see."""

import numpy as np

from services.scoring.calibration import Calibration, Vector, sigmoid

_RIDGE = 1e-9  # keeps Newton's system solvable when every score is the same
_MAX_STEPS = 100


def fit_calibration(log_odds: Vector, labels: Vector) -> Calibration:
    """Platt scaling (Platt 1999, with the smoothed targets of section 2.2) by Newton's method.

    `log_odds` must be out of fold: a model's scores on its own training rows are too sure of themselves.
    A slope at or below zero means the scores rank no better than chance; the answer is then slope 0 and the
    base rate for everyone, never a ranking turned upside down.
    """
    wins = float(labels.sum())
    losses = float(len(labels)) - wins
    targets = np.where(labels > 0, (wins + 1.0) / (wins + 2.0), 1.0 / (losses + 2.0))
    base_rate = Calibration(0.0, float(np.log((wins + 1.0) / (losses + 1.0))))
    # Newton on standardised scores: the raw ones may lie far from zero.
    centre, scale = float(log_odds.mean()), float(log_odds.std())
    if scale < _RIDGE:
        return base_rate
    design = np.column_stack([(log_odds - centre) / scale, np.ones(len(log_odds))])
    weights = np.array([0.0, base_rate.intercept])
    loss = _loss(design @ weights, targets)
    for _ in range(_MAX_STEPS):
        chances = sigmoid(design @ weights)
        gradient = design.T @ (chances - targets)
        curvature = (design * (chances * (1.0 - chances))[:, None]).T @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (new_loss := _loss(design @ (weights - step), targets)) > loss and np.abs(step).max() > _RIDGE:
            step = step / 2.0
        weights, improved = weights - step, loss - new_loss
        loss = new_loss
        if improved < 1e-12 * max(1.0, loss):
            break
    slope = float(weights[0]) / scale
    if slope <= 0.0:
        return base_rate
    return Calibration(slope, float(weights[1]) - slope * centre)


def _loss(log_odds: Vector, targets: Vector) -> float:
    """Cross-entropy, summed."""
    return float(np.sum(np.logaddexp(0.0, log_odds) - targets * log_odds))
