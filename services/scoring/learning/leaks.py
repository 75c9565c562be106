"""Fields that tell the outcome because they were filled after it. Proposed for exclusion, with the evidence.

A field is judged alone: its values are replaced by the share of wins they had among other leads (target
encoding, cross-fitted), and that ranking by the area under its ROC curve. Real leads rarely have a field that
says so much; a status set at closing does.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.scoring.calibration import Vector
from services.scoring.columns import Column, Matrix
from services.scoring.learning.compare import TrainingSet
from services.scoring.learning.metrics import Rows, auc
from services.scoring.learning.splits import FOLDS, stratified_folds

Code = Literal["predicts_too_well", "filled_after"]

# One field alone above 0.85 is more than whole models of real leads reach.
ALONE_AUC = 0.85
# Less is enough when whether it is filled at all already tells the outcome.
FILLED_AUC, FILLED_ALONE_AUC = 0.6, 0.75
_BINS = 20
_PRIOR_LEADS = 10.0


@dataclass(frozen=True, slots=True)
class Leak:
    """`alone_auc`: how well the field ranks by itself; `filled_auc`: whether it is filled at all; `filled`:
    the share of leads that have it."""

    column: str
    code: Code
    alone_auc: float
    filled_auc: float
    filled: float


def find_leaks(training: TrainingSet, *, seed: int) -> list[Leak]:
    """The suspicious columns, the most suspicious first."""
    splits = stratified_folds(training.labels, FOLDS, training.groups, seed=seed)
    found: list[Leak] = []
    for index, column in enumerate(training.columns.kept):
        values = training.matrix[:, index]
        filled = (~np.isnan(values)).astype(np.float64)
        alone = auc(training.labels, _cross_fitted(column, values, training.labels, splits))
        filled_auc = auc(training.labels, filled)
        filled_auc = max(filled_auc, 1.0 - filled_auc)
        if alone >= ALONE_AUC:
            code: Code = "predicts_too_well"
        elif filled_auc >= FILLED_AUC and alone >= FILLED_ALONE_AUC:
            code = "filled_after"
        else:
            continue
        found.append(Leak(column.name, code, alone, filled_auc, float(filled.mean())))
    return sorted(found, key=lambda leak: -leak.alone_auc)


def _cross_fitted(column: Column, values: Matrix, labels: Vector, splits: list[tuple[Rows, Rows]]) -> Vector:
    """The share of wins of each lead's value among the leads of the other folds, drawn to their mean."""
    bins, count = _binned(column, values)
    shares = np.zeros(len(labels))
    for train, test in splits:
        leads = np.bincount(bins[train], minlength=count)
        wins = np.bincount(bins[train], labels[train], minlength=count)
        rate = (wins + _PRIOR_LEADS * labels[train].mean()) / (leads + _PRIOR_LEADS)
        shares[test] = rate[bins[test]]
    return shares


def _binned(column: Column, values: Matrix) -> tuple[Rows, int]:
    """Each value's bin, the missing ones in the last, and how many bins there are."""
    missing = np.isnan(values)
    present = np.nan_to_num(values.astype(np.float64))
    if column.kind == "category":
        bins, count = present.astype(np.intp), column.level_count
    else:
        edges = np.unique(np.quantile(present[~missing], np.arange(1, _BINS) / _BINS))
        bins, count = np.searchsorted(edges, present, side="left"), len(edges) + 1
    return np.where(missing, count, bins), count + 1
