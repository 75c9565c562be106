"""Gradient-boosted trees (XGBoost) with native categories and exact contributions.

A hundred trees of depth four at most: explaining a score costs trees x leaves x depth squared (TreeSHAP,
Lundberg 2020), and the exact explanation of every score is the dearest thing the worker does.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xgboost

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.metrics import Rows

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


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """Loaded trees. The booster is built once, when the model is; scoring only reads it."""

    trees: str
    feature_types: tuple[Literal["q", "c"], ...]
    booster: xgboost.Booster = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ValueError when `trees` is not XGBoost's JSON."""
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(self.trees, "utf-8"))
        except xgboost.core.XGBoostError as error:
            raise ValueError("the trees cannot be read") from error
        if booster.num_features() != len(self.feature_types):
            raise ValueError(
                f"the trees read {booster.num_features()} columns, not {len(self.feature_types)}"
            )
        object.__setattr__(self, "booster", booster)

    def log_odds(self, matrix: Matrix) -> Vector:
        """Raw log-odds, one per row."""
        return np.asarray(self.booster.predict(self._data(matrix), output_margin=True), dtype=np.float64)

    def contributions(self, matrix: Matrix) -> tuple[float, Vector]:
        """The base log-odds and an (n, k) array: exact SHAP values, base + a row's sum = its log-odds."""
        if len(matrix) == 0:
            return 0.0, np.zeros(matrix.shape)
        values = np.asarray(self.booster.predict(self._data(matrix), pred_contribs=True), dtype=np.float64)
        return float(values[0, -1]), values[:, :-1]

    def to_json(self) -> dict[str, Any]:
        return {"xgboost": self.trees}

    @classmethod
    def from_json(cls, value: dict[str, Any], columns: Columns) -> "BoostedTrees":
        return cls(value["xgboost"], feature_types(columns))

    def _data(self, matrix: Matrix) -> xgboost.DMatrix:
        return xgboost.DMatrix(
            matrix, feature_types=list(self.feature_types), nthread=1, enable_categorical=True
        )


def feature_types(columns: Columns) -> tuple[Literal["q", "c"], ...]:
    """XGBoost's letter for each column: quantity or category."""
    return tuple("c" if column.kind == "category" else "q" for column in columns.kept)


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
