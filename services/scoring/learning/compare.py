"""Which model is published? Every kind is tried on leads it did not see; a more complex one must earn it.

Logistic regression and trees each come in a few settings, and the best of each by log loss goes on. The blend
is their weighted mean. Tested forward in time a simpler model often wins, so the blend must rank better than
logistic regression without worse chances, and the trees alone must beat what stands by more than chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from services.scoring.blend import Blend, mix
from services.scoring.calibration import Calibration, Vector, sigmoid
from services.scoring.columns import Columns, Matrix
from services.scoring.learning.calibration import fit_calibration
from services.scoring.learning.logistic import PENALTIES, fit_logistic
from services.scoring.learning.metrics import Rows, average_precision, brier, log_loss, resamples
from services.scoring.learning.splits import Validation, hold_out
from services.scoring.learning.trees import DEPTHS, fit_trees
from services.scoring.logistic import Logistic
from services.scoring.model import Kind, Predictor
from services.scoring.trees import BoostedTrees

DRAWS = 400
CONFIDENCE = 0.95
TREE_SHARES = (0.25, 0.5, 0.75)


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


def logistic(penalty: float) -> Callable[[TrainingSet, int], Logistic]:
    def fit(training: TrainingSet, _seed: int) -> Logistic:
        return fit_logistic(training.columns, training.matrix, training.labels, penalty)

    return fit


def trees(depth: int) -> Callable[[TrainingSet, int], BoostedTrees]:
    def fit(training: TrainingSet, seed: int) -> BoostedTrees:
        held_out = hold_out(training.labels, training.groups, seed=seed)
        return fit_trees(training.columns, training.matrix, training.labels, held_out, seed=seed, depth=depth)

    return fit


SEARCHED = len(PENALTIES) + len(DEPTHS)


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """One model on rows it did not see: raw log-odds and calibrated probabilities (NaN for a row never
    tested), the calibration to publish it with, and the models of the splits, in order."""

    log_odds: Vector
    probabilities: Vector
    calibration: Calibration
    rankers: Sequence[Ranker] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the search settled on; `losses` has the log loss of everything tried, by name."""

    penalty: float
    depth: int
    tree_share: float
    losses: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every kind on the same test parts, and the kind chosen with the figures that decided."""

    tested: Mapping[Kind, OutOfFold]
    settings: Settings
    kind: Kind
    why: Mapping[str, Any]

    def fit(self, kinds: tuple[Kind, ...], training: TrainingSet, seed: int) -> dict[Kind, Predictor]:
        """Models of `kinds` with the settings found, fitted on all of `training`; a part is fitted once."""
        found: dict[Kind, Predictor] = {}
        line = grown = None
        if {"logistic", "blend"} & set(kinds):
            found["logistic"] = line = logistic(self.settings.penalty)(training, seed)
        if {"xgboost", "blend"} & set(kinds):
            found["xgboost"] = grown = trees(self.settings.depth)(training, seed)
        if line and grown:
            found["blend"] = Blend(line, grown, self.settings.tree_share)
        return {kind: found[kind] for kind in kinds}


def compare(
    training: TrainingSet, validation: Validation, *, seed: int, step: Callable[[], None] = lambda: None
) -> Comparison:
    """Try every kind on `validation` and choose. `step` is called after each of the `SEARCHED` models that
    are fitted on each split."""

    def tried(fitter: Fitter) -> OutOfFold:
        return out_of_fold(fitter, training, validation, seed=seed, step=step)

    lines = {penalty: tried(logistic(penalty)) for penalty in PENALTIES}
    grown = {depth: tried(trees(depth)) for depth in DEPTHS}
    rows, labels = validation.tested, training.labels

    def loss(result: OutOfFold) -> float:
        return log_loss(labels[rows], result.probabilities[rows])

    penalty = min(lines, key=lambda setting: loss(lines[setting]))
    depth = min(grown, key=lambda setting: loss(grown[setting]))
    line, tree = lines[penalty].log_odds, grown[depth].log_odds
    blends = {
        share: calibrated(
            mix(line, tree, share), labels, validation, _blended(lines[penalty], grown[depth], share)
        )
        for share in TREE_SHARES
    }
    share = min(blends, key=lambda setting: loss(blends[setting]))
    losses = (
        {f"logistic, penalty {setting}": loss(result) for setting, result in lines.items()}
        | {f"xgboost, depth {setting}": loss(result) for setting, result in grown.items()}
        | {f"blend, {setting} trees": loss(result) for setting, result in blends.items()}
    )
    tested: dict[Kind, OutOfFold] = {
        "logistic": lines[penalty],
        "xgboost": grown[depth],
        "blend": blends[share],
    }
    seen = training.part(rows)
    probabilities = {kind: result.probabilities[rows] for kind, result in tested.items()}
    kind, why = choose(seen.labels, probabilities, seed=seed, groups=seen.groups)
    return Comparison(tested, Settings(penalty, depth, share, losses), kind, why)


def _blended(line: OutOfFold, tree: OutOfFold, share: float) -> list[Ranker]:
    """The blends of the splits' models."""
    return [
        Blend(cast(Logistic, one), cast(BoostedTrees, other), share)
        for one, other in zip(line.rankers, tree.rankers, strict=True)
    ]


def out_of_fold(
    fitter: Fitter,
    training: TrainingSet,
    validation: Validation,
    *,
    seed: int,
    step: Callable[[], None] = lambda: None,
) -> OutOfFold:
    """Fit on the training part of each split, predict its test part, calibrate. A row tested several times
    gets the mean of its log-odds."""
    total, times = np.zeros(len(training.labels)), np.zeros(len(training.labels))
    rankers: list[Ranker] = []
    for train, test in validation.splits:
        ranker = fitter(training.part(train), seed)
        total[test] += ranker.log_odds(training.matrix[test])
        times[test] += 1
        rankers.append(ranker)
        step()
    log_odds = np.divide(total, times, out=np.full_like(total, np.nan), where=times > 0)
    return calibrated(log_odds, training.labels, validation, rankers)


def calibrated(
    log_odds: Vector, labels: Vector, validation: Validation, rankers: Sequence[Ranker]
) -> OutOfFold:
    """The calibration to publish learns from all the test parts; the probabilities to judge the model by are
    calibrated on rows that `Validation.calibration_rows` allows, raw when there are none."""
    probabilities = np.full(len(labels), np.nan)
    for index, (_, test) in enumerate(validation.splits):
        rows = validation.calibration_rows(index)
        calibration = fit_calibration(log_odds[rows], labels[rows]) if len(rows) else Calibration()
        probabilities[test] = sigmoid(calibration.apply(log_odds[test]))
    tested = validation.tested
    calibration = fit_calibration(log_odds[tested], labels[tested])
    return OutOfFold(log_odds, probabilities, calibration, rankers)


def choose(
    labels: Vector, probabilities: Mapping[Kind, Vector], *, seed: int, groups: Rows | None = None
) -> tuple[Kind, dict[str, Any]]:
    """Choose by out-of-fold probabilities; a tie goes to the simpler.

    The blend takes the place of logistic regression when it ranks better (average precision) and its Brier
    score is no worse; the trees alone take the place of what then stands when they do so in 95 % of the
    draws of a paired bootstrap. Why, as a code: `blend_better`, `xgboost_better`, `logistic_better`.
    """
    precision = {kind: average_precision(labels, chances) for kind, chances in probabilities.items()}
    briers = {kind: brier(labels, chances) for kind, chances in probabilities.items()}

    def better(challenger: Kind, champion: Kind) -> bool:
        return precision[challenger] > precision[champion] and briers[challenger] <= briers[champion]

    kind: Kind = "blend" if better("blend", "logistic") else "logistic"
    gains = np.array(
        [
            average_precision(labels[rows], probabilities["xgboost"][rows])
            - average_precision(labels[rows], probabilities[kind][rows])
            for rows in resamples(len(labels), DRAWS, seed=seed, groups=groups)
            if labels[rows].any()
        ]
    )
    certainty = float(np.mean(gains > 0))
    why = {
        "average_precision": precision,
        "brier": briers,
        "trees_alone_against": kind,
        "trees_alone_gain_interval": np.percentile(gains, [2.5, 97.5]).tolist(),
        "trees_alone_certainty": certainty,
    }
    if better("xgboost", kind) and certainty >= CONFIDENCE:
        kind = "xgboost"
    return kind, {"kind": kind, "code": f"{kind}_better", **why}
