"""How well each kind of model does on a file of closed leads: nested, seeded, stratified folds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.scoring.calibration import Vector, sigmoid
from services.scoring.columns import encode
from services.scoring.features import Features
from services.scoring.learning.compare import FITTERS, Fitter, OutOfFold, compare, out_of_fold
from services.scoring.learning.fit import Progress, counter, training_set
from services.scoring.learning.metrics import measure
from services.scoring.learning.naive_bayes import fit_naive_bayes
from services.scoring.learning.splits import FOLDS, plan_validation, stratified_folds
from shared.errors import UserError
from shared.tabular import Table, parse_scalar, read_rows

PUBLISHED = "published"
_LISTED_VALUES = 10


class EvaluationRefused(UserError):
    """The outcome column does not say which leads were won; the message says what it holds."""


def evaluate_file(
    path: str | Path,
    label: str,
    positive: str,
    exclude: Sequence[str] = (),
    *,
    seed: int = 0,
    folds: int = FOLDS,
    delimiter: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure every kind on the rows of a CSV file, each row a closed lead, won when `label` is `positive`.

    Raise TableError for a file or a column that cannot be used, EvaluationRefused, and NotEnoughOutcomes and
    NoUsableFeature as `fit` does. The answer is what `eclaireur evaluate --json` prints.
    """
    table = read_rows(path, delimiter=delimiter)
    table.require([label, *exclude])
    leads, labels = _leads(table, label, positive, {label, *exclude})
    probabilities, choices = nested_out_of_fold(leads, labels, seed=seed, folds=folds, progress=progress)
    return {
        "models": {name: measure(labels, chances) for name, chances in probabilities.items()},
        "published_kinds": choices,
        "rows": len(labels),
        "positives": int(labels.sum()),
        "excluded": list(exclude),
        "folds": folds,
        "seed": seed,
    }


def nested_out_of_fold(
    leads: Sequence[Features], labels: Vector, *, seed: int, folds: int, progress: Progress | None = None
) -> tuple[dict[str, Vector], list[str]]:
    """Calibrated out-of-fold probabilities of each kind and of what would have been published, and the kind
    published in each fold.

    Honest by nesting: columns, trees, calibration and the choice itself are made inside the training part of
    each fold, by the same code as `fit`, and the test part is only predicted.
    """
    yardsticks: dict[str, Fitter] = {"naive_bayes": fit_naive_bayes}
    fitters: dict[str, Fitter] = dict(FITTERS.items()) | yardsticks
    names = [*fitters, PUBLISHED]
    probabilities = {name: np.full(len(labels), np.nan) for name in names}
    choices: list[str] = []
    step = counter(folds * len(fitters) * (FOLDS + 1), progress)
    for train, test in stratified_folds(labels, folds, seed=seed):
        training = training_set([leads[row] for row in train], labels[train].tolist())
        validation = plan_validation(training.labels, None, seed=seed)
        comparison = compare(training, validation, seed=seed, step=step)
        tested: dict[str, OutOfFold] = dict(comparison.tested.items())
        for name, fitter in yardsticks.items():
            tested[name] = out_of_fold(fitter, training, validation, seed=seed, step=step)
        matrix = encode(training.columns, [leads[row] for row in test])
        for name, fitter in fitters.items():
            log_odds = fitter(training, seed).log_odds(matrix)
            probabilities[name][test] = sigmoid(tested[name].calibration.apply(log_odds))
            step()
        probabilities[PUBLISHED][test] = probabilities[comparison.kind][test]
        choices.append(comparison.kind)
    return probabilities, choices


def _leads(table: Table, label: str, positive: str, excluded: set[str]) -> tuple[list[Features], Vector]:
    """Each row's cells as attributes, and its outcome. Raise EvaluationRefused when the outcome never, or
    always, is `positive`, or is empty on a row."""
    used = [name for name in table.columns if name not in excluded]
    leads: list[Features] = []
    outcomes: list[str] = []
    for row in table.rows():
        outcomes.append(row[label].strip())
        values = ((name, parse_scalar(row[name])) for name in used)
        leads.append({f"attribute.{name}": value for name, value in values if value is not None})
    found = set(outcomes)
    if positive not in found or len(found) < 2:
        listed = ", ".join(f'"{value}"' for value in sorted(found)[:_LISTED_VALUES])
        raise EvaluationRefused(
            f'In {table.path.name}, "{label}" must be "{positive}" on the leads won, something else on the '
            f"others. The values found are: {listed or 'none, there are no rows'}."
        )
    if "" in found:
        raise EvaluationRefused(
            f'In {table.path.name}, "{label}" is empty on {outcomes.count("")} rows: an evaluation needs '
            "closed leads only. Remove those rows."
        )
    return leads, np.array([float(outcome == positive) for outcome in outcomes])
