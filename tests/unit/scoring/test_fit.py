"""Which model is published, how it was tested, and what its card says."""

import numpy as np
import pytest

from services.scoring.learning.compare import choose
from services.scoring.learning.fit import NotEnoughOutcomes, NoUsableFeature, fit
from services.scoring.learning.splits import count_outcomes, rolling_origin, stratified_folds
from services.scoring.model import score, to_bytes
from tests.unit.scoring.leads import invented


def test_too_few_wins_says_how_many_are_missing():
    snapshots, _ = invented(100)
    with pytest.raises(NotEnoughOutcomes, match="Missing: 1 won, 0 lost") as caught:
        fit(snapshots, [1.0] * 19 + [0.0] * 81, seed=0)
    assert (caught.value.wins, caught.value.losses, caught.value.needed) == (19, 81, 20)


def test_many_snapshots_of_few_leads_are_few_outcomes():
    snapshots, _ = invented(200)
    with pytest.raises(NotEnoughOutcomes, match=r"^10 leads won and 10 lost"):
        fit(snapshots, [1.0] * 100 + [0.0] * 100, groups=[f"lead {i // 10}" for i in range(200)], seed=0)


def test_leads_all_alike_cannot_be_learnt_from():
    with pytest.raises(NoUsableFeature):
        fit([{"stage": "new"}] * 60, [1.0, 0.0] * 30, seed=0)


def test_the_simpler_model_is_published_when_trees_bring_nothing():
    result = fit(*invented(300), seed=0)
    assert result.model.kind == "logistic"
    assert result.model.card["choice"]["code"] == "logistic_better"


def test_trees_are_published_when_they_rank_better():
    result = fit(*invented(800, interaction=True), seed=0)
    assert result.model.kind == "xgboost"
    assert result.model.card["choice"]["code"] == "xgboost_better"


def test_trees_alone_need_more_than_chance():
    labels = np.tile([0.0, 1.0, 1.0, 0.0], 15)
    simple = np.tile([0.2, 0.8, 0.4, 0.6], 15)
    trees = simple.copy()
    trees[2] = 0.65  # one lead of sixty stands higher, rightly
    kind, why = choose(labels, {"logistic": simple, "xgboost": trees, "blend": simple}, seed=0)
    assert (kind, why["code"]) == ("logistic", "logistic_better")
    assert why["average_precision"]["xgboost"] > why["average_precision"]["logistic"]


def test_the_blend_is_published_when_it_ranks_better():
    labels = np.tile([0.0, 1.0, 1.0, 0.0], 15)
    simple = np.tile([0.2, 0.8, 0.4, 0.6], 15)
    blend = np.tile([0.2, 0.8, 0.55, 0.5], 15)
    kind, _ = choose(labels, {"logistic": simple, "xgboost": simple, "blend": blend}, seed=0)
    assert kind == "blend"


def test_a_better_ranking_with_worse_chances_is_not_published():
    labels = np.array([0.0, 1.0] * 200)
    order = np.random.default_rng(0).random(400)
    simple = np.clip(0.5 + 0.2 * (labels - 0.5) + 0.3 * (order - 0.5), 0.01, 0.99)
    trees = np.where(labels > 0, 0.99, 0.98)
    assert choose(labels, {"logistic": simple, "xgboost": trees, "blend": trees}, seed=0)[0] == "logistic"


def test_same_rows_and_seed_publish_the_same_file():
    rows = invented(300)
    assert to_bytes(fit(*rows, seed=4).model) == to_bytes(fit(*rows, seed=4).model)


def test_card_and_grades_tell_what_was_done():
    snapshots, labels = invented(300)
    seen: list[tuple[int, int]] = []
    result = fit(snapshots, labels, seed=7, progress=lambda done, total: seen.append((done, total)))
    card = result.model.card
    assert (card["rows"], card["positives"], card["seed"]) == (300, int(sum(labels)), 7)
    assert card["validation"] == "stratified_folds"
    low, high = card["metrics"]["logistic"]["auc"]["interval"]
    assert low < card["metrics"]["logistic"]["auc"]["value"] < high
    assert set(card["libraries"]) == {"python", "numpy", "scikit-learn", "xgboost"}
    assert seen == [(done, 61) for done in range(1, 62)]
    cuts = result.grade_cuts
    assert 1 > cuts["A"] > cuts["B"] > cuts["C"] > 0
    assert np.mean(result.out_of_fold >= cuts["A"]) == pytest.approx(0.1, abs=0.02)
    assert np.mean([one.probability for one in score(result.model, snapshots)]) == pytest.approx(
        np.mean(labels), abs=0.05
    )


def test_with_dates_models_are_tested_forward_in_time():
    snapshots, labels = invented(400)
    result = fit(snapshots, labels, times=list(range(400)), seed=0)
    assert result.model.card["validation"] == "rolling_origin"
    assert result.model.card["rows_tested"] == 300
    assert np.isnan(result.out_of_fold[:100]).all()
    assert not np.isnan(result.out_of_fold[100:]).any()


def test_dates_all_alike_fall_back_to_folds():
    snapshots, labels = invented(200)
    assert fit(snapshots, labels, times=[5.0] * 200, seed=0).model.card["validation"] == "stratified_folds"


def test_no_training_row_is_later_than_a_test_row_nor_of_the_same_lead():
    random = np.random.default_rng(0)
    times, labels = random.integers(0, 50, 500).astype(float), random.integers(0, 2, 500).astype(float)
    groups = random.integers(0, 250, 500)
    splits = rolling_origin(labels, times, groups)
    assert len(splits) == 3
    for train, test in [*splits, *rolling_origin(labels, times)]:
        assert times[train].max() < times[test].min()
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])


def test_no_window_learns_from_an_outcome_still_to_come():
    random = np.random.default_rng(0)
    times, labels = np.arange(400.0), random.integers(0, 2, 400).astype(float)
    known = times + random.exponential(60, 400)
    for train, test in rolling_origin(labels, times, known=known):
        assert known[train].max() < times[test].min()


def test_outcomes_all_known_too_late_fall_back_to_folds():
    snapshots, labels = invented(200)
    result = fit(snapshots, labels, times=list(range(200)), known=[1e9] * 200, seed=0)
    assert result.model.card["validation"] == "stratified_folds"


def test_a_lead_is_never_on_both_sides_of_a_fold():
    groups = np.arange(300) // 3
    labels = (groups % 3 == 0).astype(float)
    assert count_outcomes(labels, groups) == (34, 66)
    for train, test in stratified_folds(labels, 5, groups, seed=0):
        assert not set(groups[train]) & set(groups[test])


def test_several_snapshots_a_lead_can_be_fitted():
    snapshots, labels = invented(150)
    groups = [f"lead {i}" for i in range(150)] * 2
    result = fit(snapshots * 2, labels * 2, groups=groups, times=list(range(300)), seed=0)
    assert result.model.card["rows"] == 300
