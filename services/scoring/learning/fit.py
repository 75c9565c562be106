"""Fitting the model to publish: compare, choose, learn from every row, propose grades, and write the card."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

import numpy as np
import sklearn
import xgboost

from services.scoring.calibration import Vector
from services.scoring.columns import encode
from services.scoring.features import Features
from services.scoring.learning.columns import fit_columns
from services.scoring.learning.compare import DRAWS, SEARCHED, Comparison, TrainingSet, compare
from services.scoring.learning.field_costs import field_costs
from services.scoring.learning.leaks import find_leaks
from services.scoring.learning.metrics import Rows, intervals, measure
from services.scoring.learning.splits import Validation, count_outcomes, plan_validation
from services.scoring.model import Model
from shared.errors import UserError

MIN_OUTCOMES = 20  # leads won, and leads lost
GRADE_QUANTILES = {"A": 0.9, "B": 0.7, "C": 0.4}

Progress = Callable[[int, int], None]


class NotEnoughOutcomes(UserError):
    """Too few leads were won or lost for a model to learn from."""

    def __init__(self, wins: int, losses: int, needed: int = MIN_OUTCOMES) -> None:
        self.wins, self.losses, self.needed = wins, losses, needed
        super().__init__(
            f"{wins} leads won and {losses} lost so far; a model needs {needed} of each. "
            f"Missing: {max(0, needed - wins)} won, {max(0, needed - losses)} lost."
        )


class NoUsableFeature(UserError):
    """No field tells one lead from another."""


@dataclass(frozen=True, slots=True)
class FitResult:
    """`grade_cuts`: the lowest probability of grades A, B and C; below the last is D.
    `out_of_fold`: the published kind's probability of each row, NaN where it was never tested."""

    model: Model
    grade_cuts: Mapping[str, float]
    out_of_fold: Vector = field(repr=False)


def fit(
    rows: Sequence[Features],
    labels: Sequence[float],
    *,
    seed: int,
    groups: Sequence[str | int] | None = None,
    times: Sequence[float] | None = None,
    known: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Fit, compare, calibrate and choose; the model returned has learnt from every row.

    `labels`: 1 won, 0 lost. `groups`: the lead of each row; a lead's rows are never on both sides of a split.
    `times`: any number that grows with time, per row; when they carry it the models are tested forward in
    time (rolling origin) instead of on folds. `known`: when each outcome became known, on the same scale; a
    window learns from no outcome still to come. `progress(done, total)` is called after each model fitted.
    Raises NotEnoughOutcomes below 20 leads won or 20 lost, NoUsableFeature when no column varies.
    """
    training = training_set(rows, labels, groups)
    validation = plan_validation(
        training.labels,
        training.groups,
        None if times is None else np.asarray(times, dtype=np.float64),
        None if known is None else np.asarray(known, dtype=np.float64),
        seed=seed,
    )
    step = counter(SEARCHED * len(validation.splits) + 1, progress)
    comparison = compare(training, validation, seed=seed, step=step)
    predictor = comparison.fit((comparison.kind,), training, seed)[comparison.kind]
    step()
    chosen = comparison.tested[comparison.kind]
    cuts = np.quantile(chosen.probabilities[validation.tested], list(GRADE_QUANTILES.values())).tolist()
    card = _card(training, validation, comparison, seed)
    return FitResult(
        model=Model(comparison.kind, training.columns, predictor, chosen.calibration, card),
        grade_cuts=dict(zip(GRADE_QUANTILES, cuts, strict=True)),
        out_of_fold=chosen.probabilities,
    )


def counter(total: int, progress: Progress | None) -> Callable[[], None]:
    """A function to call after each of `total` steps; it tells `progress` how far the work is."""
    done = count(1)

    def step() -> None:
        if progress is not None:
            progress(next(done), total)

    return step


def training_set(
    rows: Sequence[Features], labels: Sequence[float], groups: Sequence[str | int] | None = None
) -> TrainingSet:
    """Infer the columns and encode. Raises as `fit` does."""
    outcomes = np.asarray(labels, dtype=np.float64)
    numbers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    wins, losses = count_outcomes(outcomes, numbers)
    if min(wins, losses) < MIN_OUTCOMES:
        raise NotEnoughOutcomes(wins, losses)
    columns = fit_columns(rows)
    if not columns.kept:
        raise NoUsableFeature(
            "No field varies among the leads won and lost: there is nothing to learn from yet. "
            "Import more fields, or exclude fewer."
        )
    return TrainingSet(columns, encode(columns, rows), outcomes, numbers)


def _card(training: TrainingSet, validation: Validation, comparison: Comparison, seed: int) -> dict[str, Any]:
    """What the model was made from and how well each kind did. No date: the same rows give the same file."""
    rows = validation.tested
    seen = training.part(rows)
    return {
        "rows": len(training.labels),
        "positives": int(training.labels.sum()),
        "features": list(training.columns.names),
        "features_dropped": dict(training.columns.dropped),
        "validation": validation.method,
        "rows_tested": len(rows),
        "metrics": {
            kind: _with_intervals(seen.labels, result.probabilities[rows], seed, seen.groups)
            for kind, result in comparison.tested.items()
        },
        "choice": dict(comparison.why),
        "settings": asdict(comparison.settings),
        "suspected_leaks": [asdict(leak) for leak in find_leaks(training, seed=seed)],
        "field_costs": field_costs(
            comparison.tested[comparison.kind].rankers,
            validation,
            training.columns,
            training.matrix,
            training.labels,
            seed=seed,
        ),
        "seed": seed,
        "libraries": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "xgboost": xgboost.__version__,
        },
    }


def _with_intervals(
    labels: Vector, probabilities: Vector, seed: int, groups: Rows | None
) -> dict[str, dict[str, Any]]:
    ranges = intervals(labels, probabilities, DRAWS // 2, seed=seed, groups=groups)
    return {
        name: {"value": value, "interval": list(ranges[name])}
        for name, value in measure(labels, probabilities).items()
    }
