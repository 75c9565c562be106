"""Growing gradient-boosted trees."""

from typing import Any

import numpy as np
import xgboost

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.learning.metrics import Rows
from services.scoring.trees import BoostedTrees, feature_types

DEPTHS = (4, 2)
# Up to so many rows: the learning rate, the most trees, and how many in vain before it stops. Many rows repay
# slower steps; with few, the same is noise at four times the cost.
FEW_ROWS = 2000
FEW, MANY = (0.1, 100, 15), (0.05, 400, 30)
# One thread: the same rows and seed give the same bytes whatever the cores, and serving threads do not fight.
PARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "min_child_weight": 3.0,
    "reg_lambda": 3.0,
    "max_cat_to_onehot": 32,
    "nthread": 1,
    "verbosity": 0,
}


def fit_trees(
    columns: Columns,
    matrix: Matrix,
    labels: Vector,
    held_out: Rows,
    *,
    seed: int,
    depth: int = DEPTHS[0],
) -> BoostedTrees:
    """Grow trees of at most `depth` on every row; early stopping on the `held_out` rows says how many.

    Two passes: the first grows on the rest and stops when the held-out loss has not improved for
    its patience, the second grows that many on all rows, since no row of a small company is spare.
    """
    types = feature_types(columns)
    eta, most, patience = FEW if len(labels) <= FEW_ROWS else MANY
    parameters = {**PARAMETERS, "max_depth": depth, "eta": eta, "seed": seed}

    def data(rows: Any) -> xgboost.DMatrix:
        return xgboost.DMatrix(
            matrix[rows], labels[rows], feature_types=list(types), nthread=1, enable_categorical=True
        )

    kept = np.ones(len(labels), dtype=bool)
    kept[held_out] = False
    first = xgboost.train(
        parameters, data(kept), most, evals=[(data(~kept), "held_out")],
        early_stopping_rounds=patience, verbose_eval=False,
    )  # fmt: skip
    grown = xgboost.train(parameters, data(slice(None)), first.best_iteration + 1, verbose_eval=False)
    return BoostedTrees(grown.save_raw("json").decode("utf-8"), types)
