"""Gradient-boosted trees (XGBoost) with native categories and exact contributions."""

import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import orjson

from services.scoring.calibration import Vector
from services.scoring.columns import Columns, Matrix
from services.scoring.treeshap import contributions
from services.scoring.treeshap.tables import NoTable, Tables, tables_of

# xgboost imports scikit-learn where it is installed: 65 MB and a second that serving has no use for.
_HIDDEN = "sklearn" not in sys.modules
if _HIDDEN:
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # which makes its import fail
import xgboost  # noqa: E402

if _HIDDEN:
    del sys.modules["sklearn"]


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
        return np.asarray(self.booster.predict(self.data(matrix), output_margin=True), dtype=np.float64)

    def contributions(self, matrix: Matrix) -> tuple[float, Vector]:
        """The base log-odds and an (n, k) array: exact SHAP values, base + a row's sum = its log-odds."""
        if len(matrix) == 0:
            return 0.0, np.zeros(matrix.shape)
        if tables := _tables(self.trees):
            return tables.base, contributions(tables, matrix)
        values = np.asarray(self.booster.predict(self.data(matrix), pred_contribs=True), dtype=np.float64)
        return float(values[0, -1]), values[:, :-1]

    def to_json(self) -> dict[str, Any]:
        return {"xgboost": self.trees}

    @classmethod
    def from_json(cls, value: dict[str, Any], columns: Columns) -> "BoostedTrees":
        """Ready to score: the tables are made and their code is compiled before the first lead comes."""
        loaded = cls(value["xgboost"], feature_types(columns))
        loaded.contributions(np.full((1, len(columns.kept)), np.nan))
        return loaded

    def data(self, matrix: Matrix) -> xgboost.DMatrix:
        """The rows as the booster reads them."""
        return xgboost.DMatrix(
            matrix, feature_types=list(self.feature_types), nthread=1, enable_categorical=True
        )


def feature_types(columns: Columns) -> tuple[Literal["q", "c"], ...]:
    """XGBoost's letter for each column: quantity or category."""
    return tuple("c" if column.kind == "category" else "q" for column in columns.kept)


@lru_cache(4)
def _tables(trees: str) -> Tables | None:
    """None for trees that are too deep for tables: XGBoost's own contributions are as exact, and slow."""
    try:
        return tables_of(orjson.loads(trees)["learner"])
    except NoTable:
        return None
