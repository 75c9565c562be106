"""Trees or logistic regression? Both are tried on leads they did not see; the trees must earn their place.

Tested forward in time a simpler model often wins, so the trees are chosen only when their average precision
beats logistic regression's by more than chance and their Brier score is no worse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from services.scoring.calibration import Calibration, Vector, sigmoid
from services.scoring.columns import Columns, Matrix
from services.scoring.learning.calibration import fit_calibration
from services.scoring.learning.logistic import fit_logistic
from services.scoring.learning.metrics import Rows, average_precision, brier, resamples
from services.scoring.learning.splits import Validation, hold_out
from services.scoring.learning.trees import fit_trees
from services.scoring.model import Kind, Predictor

DRAWS = 400
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Encoded rows with their outcomes (1.0 won, 0.0 lost); `groups` numbers the lead of each row, None when
    every row is a lead of its own."""

    columns: Columns
    matrix: Matrix
    labels: Vector
    groups: Rows | None = None

    def part(self, rows: Rows) -> "TrainingSet":
        groups = None if self.groups is None else np.unique(self.groups[rows], return_inverse=True)[1]
        return TrainingSet(self.columns, self.matrix[rows], self.labels[rows], groups)


class Ranker(Protocol):
    """All that testing a model asks of it: `Predictor` has it, and so do the yardsticks never published."""

    def log_odds(self, matrix: Matrix) -> Vector: ...


Fitter = Callable[[TrainingSet, int], Ranker]  # the int is the seed
PublishableFitter = Callable[[TrainingSet, int], Predictor]


def _trees(training: TrainingSet, seed: int) -> Predictor:
    held_out = hold_out(training.labels, training.groups, seed=seed)
    return fit_trees(training.columns, training.matrix, training.labels, held_out, seed=seed)


def _logistic(training: TrainingSet, seed: int) -> Predictor:
    return fit_logistic(training.columns, training.matrix, training.labels)


FITTERS: dict[Kind, PublishableFitter] = {"logistic": _logistic, "xgboost": _trees}


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """One kind of model on rows it did not see: calibrated probabilities (NaN for a row never tested), and
    the calibration to publish it with, and the models of the splits, in order."""

    probabilities: Vector
    calibration: Calibration
    rankers: Sequence[Ranker] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every kind on the same test parts, and the kind chosen with the figures that decided."""

    tested: Mapping[Kind, OutOfFold]
    kind: Kind
    why: Mapping[str, Any]


def compare(
    training: TrainingSet, validation: Validation, *, seed: int, step: Callable[[], None] = lambda: None
) -> Comparison:
    """Try every kind on `validation` and choose. `step` is called after each model fitted."""
    tested = {
        kind: out_of_fold(fitter, training, validation, seed=seed, step=step)
        for kind, fitter in FITTERS.items()
    }
    rows = validation.tested
    seen = training.part(rows)
    probabilities = {kind: result.probabilities[rows] for kind, result in tested.items()}
    kind, why = choose(seen.labels, probabilities, seed=seed, groups=seen.groups)
    return Comparison(tested, kind, why)


def out_of_fold(
    fitter: Fitter,
    training: TrainingSet,
    validation: Validation,
    *,
    seed: int,
    step: Callable[[], None] = lambda: None,
) -> OutOfFold:
    """Fit on the training part of each split, predict its test part, calibrate.

    The calibration to publish learns from all the test parts; the probabilities to judge the model by are
    calibrated on rows that `Validation.calibration_rows` allows, raw when there are none.
    """
    labels = training.labels
    log_odds = np.full(len(labels), np.nan)
    rankers: list[Ranker] = []
    for train, test in validation.splits:
        ranker = fitter(training.part(train), seed)
        log_odds[test] = ranker.log_odds(training.matrix[test])
        rankers.append(ranker)
        step()
    probabilities = np.full(len(labels), np.nan)
    for index, (_, test) in enumerate(validation.splits):
        rows = validation.calibration_rows(index)
        calibration = fit_calibration(log_odds[rows], labels[rows]) if len(rows) else Calibration()
        probabilities[test] = sigmoid(calibration.apply(log_odds[test]))
    tested = validation.tested
    return OutOfFold(probabilities, fit_calibration(log_odds[tested], labels[tested]), rankers)


def choose(
    labels: Vector, probabilities: Mapping[Kind, Vector], *, seed: int, groups: Rows | None = None
) -> tuple[Kind, dict[str, Any]]:
    """Choose by a paired bootstrap of out-of-fold probabilities; a tie goes to the simpler.

    Why, as a code: `xgboost_better`, `logistic_better`, `gain_within_chance` (in fewer than 95 % of the draws
    do the trees rank better) or `brier_worse`.
    """
    trees, simple = probabilities["xgboost"], probabilities["logistic"]
    gain = average_precision(labels, trees) - average_precision(labels, simple)
    brier_change = brier(labels, trees) - brier(labels, simple)
    gains = np.array(
        [
            average_precision(labels[rows], trees[rows]) - average_precision(labels[rows], simple[rows])
            for rows in resamples(len(labels), DRAWS, seed=seed, groups=groups)
            if labels[rows].any()
        ]
    )
    certainty = float(np.mean(gains > 0))
    if gain <= 0:
        code = "logistic_better"
    elif certainty < CONFIDENCE:
        code = "gain_within_chance"
    elif brier_change > 0:
        code = "brier_worse"
    else:
        code = "xgboost_better"
    kind: Kind = "xgboost" if code == "xgboost_better" else "logistic"
    return kind, {
        "kind": kind,
        "code": code,
        "average_precision_gain": gain,
        "average_precision_gain_interval": np.percentile(gains, [2.5, 97.5]).tolist(),
        "certainty": certainty,
        "brier_change": brier_change,
    }
