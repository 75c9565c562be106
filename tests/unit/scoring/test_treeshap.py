"""Contributions from tables are those of XGBoost, on whatever trees grow."""

import numpy as np
import orjson
import pytest
import xgboost

from services.scoring import trees
from services.scoring.trees import BoostedTrees
from services.scoring.treeshap.tables import MAX_PATH, NoTable, tables_of

CATEGORIES = (3, 40)


def grown(
    seed: int, *, rounds: int = 20, depth: int = 6, **parameters: float
) -> tuple[BoostedTrees, np.ndarray]:
    """Trees over twelve columns, two of them categories, with gaps; and rows to explain, odd ones too."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(600, 12)).round(2)
    for column, count in enumerate(CATEGORIES):
        rows[:, column] = rng.integers(0, count, len(rows))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    hidden = np.nan_to_num(rows[:, 2] * rows[:, 3]) + (np.nan_to_num(rows[:, 1]) % 7 > 3)
    labels = (hidden + rng.normal(size=len(rows)) > 0.4).astype(float)
    types = ("c",) * len(CATEGORIES) + ("q",) * (rows.shape[1] - len(CATEGORIES))
    data = xgboost.DMatrix(rows, labels, feature_types=list(types), enable_categorical=True, nthread=1)
    settings = {
        "objective": "binary:logistic", "max_depth": depth, "eta": 0.3, "seed": seed, "nthread": 1,
        "max_cat_to_onehot": 8, **parameters,
    }  # fmt: skip
    booster = xgboost.train(settings, data, rounds)
    odd = rows[:40].copy()
    odd[:10] = np.nan
    odd[10:20, 2:] *= 1e6
    odd[20:30, 1] = 39  # the last category
    return BoostedTrees(booster.save_raw("json").decode(), types), np.concatenate([rows, odd])


def by_xgboost(model: BoostedTrees, rows: np.ndarray) -> np.ndarray:
    return np.asarray(model.booster.predict(model.data(rows), pred_contribs=True), dtype=np.float64)


@pytest.mark.parametrize("seed", range(6))
def test_contributions_are_those_of_xgboost_and_sum_to_the_log_odds(seed: int) -> None:
    model, rows = grown(seed, depth=2 + seed, subsample=0.7 if seed % 2 else 1.0, gamma=0.5 * (seed % 3))
    base, parts = model.contributions(rows)
    expected = by_xgboost(model, rows)
    assert np.abs(parts - expected[:, :-1]).max() < 1e-4
    assert base == pytest.approx(expected[0, -1], abs=1e-5)
    assert np.abs(base + parts.sum(axis=1) - model.log_odds(rows)).max() < 1e-4


def test_a_value_on_the_threshold_goes_where_xgboost_sends_it() -> None:
    model, rows = grown(1)
    splits = orjson.loads(model.trees)["learner"]["gradient_booster"]["model"]["trees"][0]
    feature, threshold = splits["split_indices"][0], splits["split_conditions"][0]
    rows = np.repeat(rows[:1], 3, axis=0)
    rows[:, feature] = [threshold, np.nextafter(threshold, 9), np.nextafter(threshold, -9)]
    _, parts = model.contributions(rows)
    assert np.abs(parts - by_xgboost(model, rows)[:, :-1]).max() < 1e-4


def test_trees_that_never_split_explain_nothing() -> None:
    model, rows = grown(0, gamma=1e9)
    base, parts = model.contributions(rows)
    assert not parts.any()
    assert base == pytest.approx(float(model.log_odds(rows[:1])[0]), abs=1e-6)


def test_a_row_alone_is_explained_as_among_others() -> None:
    model, rows = grown(2)
    _, together = model.contributions(rows)
    _, alone = model.contributions(rows[300:301])
    assert alone[0].tolist() == together[300].tolist()


def test_trees_too_deep_for_tables_are_explained_by_xgboost(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rows = grown(3, rounds=3, depth=12, min_child_weight=0)
    with pytest.raises(NoTable, match=str(MAX_PATH)):
        tables_of(orjson.loads(model.trees)["learner"])
    _, parts = model.contributions(rows[:50])
    assert np.allclose(parts, by_xgboost(model, rows[:50])[:, :-1])
    monkeypatch.setattr("services.scoring.treeshap.tables.MAX_CELLS", 10)
    trees._tables.cache_clear()
    shallow, rows = grown(4)
    _, parts = shallow.contributions(rows[:50])
    assert np.allclose(parts, by_xgboost(shallow, rows[:50])[:, :-1])
    trees._tables.cache_clear()
