"""The measures, against scikit-learn's and by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from services.scoring.learning.metrics import (
    auc,
    average_precision,
    brier,
    ece,
    intervals,
    lift_at_10,
    resamples,
)


@pytest.mark.parametrize("decimals", [1, 6], ids=["many_ties", "few_ties"])
def test_measures_agree_with_scikit_learn(decimals):
    random = np.random.default_rng(0)
    scores = random.random(800).round(decimals)
    labels = (random.random(800) < scores).astype(float)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))
    assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores))


def test_ece_is_the_gap_between_said_and_seen():
    labels = np.array([1.0, 0.0] * 50)
    assert ece(labels, np.full(100, 0.5)) == pytest.approx(0.0)
    assert ece(labels, np.full(100, 0.8)) == pytest.approx(0.3)


def test_lift_counts_the_wins_of_the_best_tenth():
    labels = np.array([1.0] * 10 + [0.0] * 10 + [1.0] * 10 + [0.0] * 70)
    assert lift_at_10(labels, np.arange(100.0)[::-1]) == pytest.approx(5.0)


def test_lift_of_leads_all_tied_is_one_whatever_their_order():
    labels = np.array([1.0] * 10 + [0.0] * 90)
    assert lift_at_10(labels, np.zeros(100)) == pytest.approx(1.0)


def test_measures_without_both_outcomes_are_not_numbers():
    assert np.isnan(auc(np.ones(3), np.arange(3.0)))
    assert np.isnan(average_precision(np.zeros(3), np.arange(3.0)))
    assert np.isnan(lift_at_10(np.zeros(3), np.arange(3.0)))


def test_snapshots_of_one_lead_are_drawn_together():
    groups = np.array([0, 0, 0, 1, 2, 2])
    for rows in resamples(6, 50, seed=0, groups=groups):
        drawn = np.bincount(rows, minlength=6)
        assert drawn[0] == drawn[1] == drawn[2]
        assert drawn[4] == drawn[5]


def test_intervals_hold_the_value_and_narrow_with_more_leads():
    random = np.random.default_rng(0)

    def width(count: int) -> float:
        scores = random.random(count)
        labels = (random.random(count) < scores).astype(float)
        low, high = intervals(labels, scores, 200, seed=0)["average_precision"]
        assert low < average_precision(labels, scores) < high
        return high - low

    assert width(4_000) < width(200) / 2
