"""Growing gradient-boosted trees."""

from typing import Any

import numpy as np
import xgboost

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.learning.metrics import Rows
from services.scoring.trees import BoostedTrees, feature_types

MAX_TREES = 100
PATIENCE = 15
# One thread: the same rows and seed give the same bytes whatever the cores, and serving threads do not fight.
PARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.1,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 3.0,
    "reg_lambda": 3.0,
    "max_cat_to_onehot": 32,
    "nthread": 1,
    "verbosity": 0,
}


def fit_trees(columns: Columns, matrix: Matrix, labels: Vector, held_out: Rows, *, seed: int) -> BoostedTrees:
    """Grow trees on every row; how many is decided by early stopping on the `held_out` rows (indices).

    Two passes: the first grows on the rest and stops when the held-out loss has not improved for
    `PATIENCE` trees, the second grows that many on all rows, since no row of a small company is spare.
    """
    types = feature_types(columns)
    parameters = {**PARAMETERS, "seed": seed}

    def data(rows: Any) -> xgboost.DMatrix:
        return xgboost.DMatrix(
            matrix[rows], labels[rows], feature_types=list(types), nthread=1, enable_categorical=True
        )

    kept = np.ones(len(labels), dtype=bool)
    kept[held_out] = False
    first = xgboost.train(
        parameters, data(kept), MAX_TREES, evals=[(data(~kept), "held_out")],
        early_stopping_rounds=PATIENCE, verbose_eval=False,
    )  # fmt: skip
    grown = xgboost.train(parameters, data(slice(None)), first.best_iteration + 1, verbose_eval=False)
    return BoostedTrees(grown.save_raw("json").decode("utf-8"), types)
