"""How well each kind of model ranks closed leads that it did not see: nested folds, or forward in time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from services.scoring.calibration import Vector, sigmoid
from services.scoring.columns import encode
from services.scoring.features import Features
from services.scoring.learning.closed_leads import ClosedLeads, EvaluationRefused
from services.scoring.learning.compare import SEARCHED, Fitter, compare, out_of_fold
from services.scoring.learning.fit import Progress, counter, training_set
from services.scoring.learning.leaks import find_leaks
from services.scoring.learning.metrics import intervals, measure
from services.scoring.learning.naive_bayes import fit_naive_bayes
from services.scoring.learning.scorecard import fit_scorecard
from services.scoring.learning.splits import FOLDS, plan_validation, repeats, stratified_folds
from services.scoring.model import Kind

TRAINED_SHARE = 0.8
INTERVAL_DRAWS = 200
YARDSTICKS: Mapping[str, Fitter] = {"naive_bayes": fit_naive_bayes, "scorecard": fit_scorecard}
KINDS: tuple[Kind, ...] = ("logistic", "xgboost", "blend")
PUBLISHED = "published"
NAMES = (*YARDSTICKS, *KINDS, PUBLISHED)


@dataclass(frozen=True, slots=True)
class Tested:
    """Calibrated probabilities of the rows of a test part, by name, and the kind that would be published."""

    probabilities: Mapping[str, Vector]
    kind: Kind


def evaluate_folds(
    closed: ClosedLeads, *, seed: int = 0, folds: int = FOLDS, progress: Progress | None = None
) -> dict[str, Any]:
    """Measure every kind on nested, seeded, stratified folds of leads that carry no dates.

    Raises NotEnoughOutcomes and NoUsableFeature as `fit` does.
    """
    labels = closed.labels
    probabilities = {name: np.full(len(labels), np.nan) for name in NAMES}
    choices: list[str] = []
    step = _step(folds, len(labels) * (folds - 1) // folds, progress)
    for train, test in stratified_folds(labels, folds, seed=seed):
        tested = learn_and_predict(
            closed.part(train), [closed.leads[row] for row in test], seed=seed, step=step
        )
        for name in NAMES:
            probabilities[name][test] = tested.probabilities[name]
        choices.append(tested.kind)
    return _told("stratified_folds", labels, probabilities, choices, closed, seed=seed) | {"folds": folds}


def evaluate_forward(
    closed: ClosedLeads,
    *,
    seed: int = 0,
    share: float = TRAINED_SHARE,
    tested_on: ClosedLeads | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learn from the first `share` of dated leads, measure on what came after.

    `tested_on`: the rows to measure on, when they are other looks at the leads than those to learn from.
    Raises EvaluationRefused when the dates leave nothing to test, and as `evaluate_folds`.
    """
    test = tested_on or closed
    if closed.times is None or test.times is None:
        raise ValueError("the leads carry no dates")
    cut = float(np.quantile(closed.times, share, method="higher"))
    train = closed.times < cut
    if closed.known is not None:
        train &= closed.known < cut
    rows = np.flatnonzero(test.times >= cut)
    labels = test.labels[rows]
    if len(np.unique(labels)) < 2 or not train.any():
        raise EvaluationRefused(
            f"After the first {share:.0%} of the time {len(labels)} looks at leads remain, "
            f"{int(labels.sum())} of them at leads won: both outcomes are needed on both sides."
        )
    step = _step(1, int(train.sum()), progress)
    training = closed.part(np.flatnonzero(train))
    tested = learn_and_predict(training, [test.leads[row] for row in rows.tolist()], seed=seed, step=step)
    groups = None if test.groups is None else [test.groups[row] for row in rows.tolist()]
    told = _told("forward", labels, tested.probabilities, [tested.kind], training, seed=seed, groups=groups)
    return told | {"trained_on": int(train.sum()), "cut": cut}


def learn_and_predict(
    train: ClosedLeads, test: Sequence[Features], *, seed: int, step: Callable[[], None] = lambda: None
) -> Tested:
    """Every kind and yardstick, tested on leads it did not see. Raises as `training_set`.

    Honest by nesting: columns, settings, calibration and the choice itself are made inside `train`, by the
    same code as `fit`, and `test` is only predicted.
    """
    training = training_set(train.leads, train.labels.tolist(), train.groups)
    validation = plan_validation(training.labels, training.groups, train.times, train.known, seed=seed)
    comparison = compare(training, validation, seed=seed, step=step)
    matrix = encode(training.columns, test)
    calibrations = {kind: tested.calibration for kind, tested in comparison.tested.items()}
    found = {
        str(kind): sigmoid(calibrations[kind].apply(model.log_odds(matrix)))
        for kind, model in comparison.fit(KINDS, training, seed).items()
    }
    for name, fitter in YARDSTICKS.items():
        calibration = out_of_fold(fitter, training, validation, seed=seed).calibration
        found[name] = sigmoid(calibration.apply(fitter(training, seed).log_odds(matrix)))
    found[PUBLISHED] = found[comparison.kind]
    step()
    return Tested(found, comparison.kind)


def _step(parts: int, rows: int, progress: Progress | None) -> Callable[[], None]:
    """One step for each model that the search fits, and one more a part."""
    return counter(parts * (SEARCHED * FOLDS * repeats(rows) + 1), progress)


def _told(
    method: Literal["stratified_folds", "forward"],
    labels: Vector,
    probabilities: Mapping[str, Vector],
    choices: Sequence[str],
    learnt_from: ClosedLeads,
    *,
    seed: int,
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    numbers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    training = training_set(learnt_from.leads, learnt_from.labels.tolist(), learnt_from.groups)
    return {
        "models": {name: measure(labels, probabilities[name]) for name in NAMES},
        "intervals": {
            name: {
                measured: list(interval)
                for measured, interval in intervals(
                    labels, probabilities[name], INTERVAL_DRAWS, seed=seed, groups=numbers
                ).items()
            }
            for name in NAMES
        },
        "published_kinds": list(choices),
        "suspected_leaks": [asdict(leak) for leak in find_leaks(training, seed=seed)],
        "method": method,
        "rows": len(labels),
        "positives": int(labels.sum()),
        "seed": seed,
    }
