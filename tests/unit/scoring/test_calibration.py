"""Calibrated chances come true as often as they say, and never turn a ranking round."""

import numpy as np
import pytest

from services.scoring.calibration import Calibration, sigmoid
from services.scoring.learning.calibration import fit_calibration


def test_overconfident_log_odds_are_brought_back():
    random = np.random.default_rng(0)
    true = random.normal(0, 1.5, 20_000)
    labels = (random.random(20_000) < sigmoid(true)).astype(float)
    calibration = fit_calibration(3.0 * true + 2.0, labels)
    assert calibration.slope == pytest.approx(1 / 3, abs=0.02)
    assert calibration.intercept == pytest.approx(-2 / 3, abs=0.05)


def test_the_mean_probability_is_the_base_rate():
    random = np.random.default_rng(1)
    scores = random.normal(0, 1, 5_000)
    labels = (random.random(5_000) < 0.1 + 0.1 * (scores > 0)).astype(float)
    calibration = fit_calibration(scores, labels)
    assert sigmoid(calibration.apply(scores)).mean() == pytest.approx(labels.mean(), abs=0.002)


@pytest.mark.parametrize(
    "scores", [np.arange(100.0)[::-1], np.full(100, 7.0)], ids=["upside_down", "constant"]
)
def test_scores_without_signal_give_everyone_the_base_rate(scores):
    labels = (np.arange(100) >= 75).astype(float)
    calibration = fit_calibration(scores, labels)
    assert calibration.slope == 0.0
    assert sigmoid(calibration.apply(scores)) == pytest.approx(0.25, abs=0.01)


def test_perfect_separation_stays_finite():
    labels = (np.arange(60) >= 30).astype(float)
    calibration = fit_calibration(np.where(labels > 0, 50.0, -50.0), labels)
    assert np.isfinite([calibration.slope, calibration.intercept]).all()
    assert calibration.slope > 0


def test_sigmoid_does_not_overflow():
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


def test_an_uncalibrated_score_is_left_as_it_is():
    assert Calibration().apply(np.array([1.5])).tolist() == [1.5]
