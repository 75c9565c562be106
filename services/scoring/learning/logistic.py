"""Fitting logistic regression."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.logistic import Logistic

PENALTIES = (1.0, 0.1)  # scikit-learn's C, on standardised columns; the smaller, the more it holds back
_DIGITS = 9  # rounding hides the last bits, in which two machines' linear algebra differ
# From so many leads on, a number's line may bend at the quartiles: the second hour on a website says less
# than the first. With fewer, the bends are noise.
BENT_FROM_ROWS = 1000
_KNOTS = (25, 50, 75)  # percentiles
_SMALLEST = 1e-6  # below this, a number does not vary


def fit_logistic(columns: Columns, matrix: Matrix, labels: Vector, penalty: float = PENALTIES[0]) -> Logistic:
    """Maximum likelihood with an L2 `penalty`, by Newton's method (exact, no seed)."""
    low, high, centres, scales = np.array(
        [
            _spread(matrix[:, index].astype(np.float64)) if column.kind == "number" else (0.0, 0.0, 0.0, 1.0)
            for index, column in enumerate(columns.kept)
        ]
    ).T.round(_DIGITS)
    knots = tuple(
        _bends(matrix[:, index].astype(np.float64), low[index], high[index])
        if column.kind == "number" and len(labels) >= BENT_FROM_ROWS
        else ()
        for index, column in enumerate(columns.kept)
    )
    empty = np.zeros(0)
    design = Logistic(columns, centres, scales, low, high, empty, empty, 0.0, knots).design(matrix)
    with warnings.catch_warnings():
        # Where Newton's method cannot step on, scikit-learn goes on with L-BFGS by itself and says so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200).fit(design, labels)
    return Logistic(
        columns, centres, scales, low, high,
        weights=fitted.coef_[0].round(_DIGITS),
        means=design.mean(axis=0).round(_DIGITS),
        intercept=round(float(fitted.intercept_[0]), _DIGITS),
        knots=knots,
    )  # fmt: skip


def _spread(values: Vector) -> tuple[float, float, float, float]:
    """Low, high, centre and scale of a number.

    The bounds are the 1st and 99th percentiles, because counts and amounts have long tails and one lead with
    500 visits would bend the line for all; a number nearly always the same keeps its extremes.
    """
    present = values[~np.isnan(values)]
    if len(present) == 0:
        return 0.0, 0.0, 0.0, 1.0
    low, high = np.percentile(present, [1, 99])
    if high - low < _SMALLEST:
        low, high = present.min(), present.max()
    bounded = np.clip(present, low, high)
    scale = float(bounded.std())
    return float(low), float(high), float(bounded.mean()), scale if scale > _SMALLEST else 1.0


def _bends(values: Vector, low: float, high: float) -> tuple[float, ...]:
    """The quartiles strictly within the bounds, each once: a number that is mostly 0 keeps fewer."""
    present = values[~np.isnan(values)]
    if len(present) == 0:
        return ()
    places = np.unique(np.percentile(present, _KNOTS).round(_DIGITS))
    return tuple(places[(places > low) & (places < high)].tolist())
