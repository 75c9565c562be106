"""`make bench-choice`: what it invents, how it judges, what it says when it cannot measure."""

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bench.choice import (
    DRAWS,
    PARTS,
    X_EDUCATION,
    Block,
    invented,
    loss_bound,
    main,
    misses,
    share_of_best,
    to_measure,
)
from services.scoring.learning.metrics import auc
from tests.harness import x_education


def run(*arguments):
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, list(arguments))


def block(bound):
    return Block(tested=100, won=30, kind="logistic", best="blend", lost=0.0, bound=bound, auc={})


def silence_of_the_last_quarter(closed):
    """AUC of silence alone; below a half while silent leads are lost more often."""
    rows = [row for row in range(3_000, 4_000) if "silent_days" in closed.leads[row]]
    silence = np.array([closed.leads[row]["silent_days"] for row in rows])
    return auc(closed.labels[rows], silence)


def test_the_same_seed_invents_the_same_leads():
    one, again, other = invented(50, 3), invented(50, 3), invented(50, 4)
    assert one.leads == again.leads
    assert one.leads != other.leads
    assert one.labels.tolist() == again.labels.tolist()


def test_with_drift_what_predicts_has_turned_by_the_end():
    assert silence_of_the_last_quarter(invented(4_000, 1)) < 0.45
    assert silence_of_the_last_quarter(invented(4_000, 1, drift=1.0)) > 0.55


def test_values_are_missing_as_often_as_asked():
    leads = invented(1_000, 1, missing=0.6).leads
    assert 0.37 < np.mean([len(lead) for lead in leads]) / 6 < 0.43


def test_a_part_of_closed_leads_keeps_their_dates():
    closed = invented(50, 1)
    part = closed.part(np.array([4, 2]))
    assert part.leads == [closed.leads[4], closed.leads[2]]
    assert part.labels.tolist() == [closed.labels[4], closed.labels[2]]
    assert part.times.tolist() == part.known.tolist() == [4.0, 2.0]


def test_the_best_loses_nothing_and_a_worse_model_more_than_it_seems_to():
    labels = np.tile([0.0, 1.0], 100)
    random = np.random.default_rng(0)
    good = labels + random.normal(size=200)
    worse = good + random.normal(size=200)
    assert loss_bound(labels, good, good, seed=0) == 0.0
    assert loss_bound(labels, good, worse, seed=0) > auc(labels, good) - auc(labels, worse) > 0


def test_what_is_invented_is_made_anew_from_each_seed():
    assert to_measure(["dated_800", X_EDUCATION, DRAWS], 2, 7) == [
        ("dated_800", 7),
        ("dated_800", 8),
        (X_EDUCATION, 7),
    ]


def test_yardsticks_are_no_candidates():
    means = {"naive_bayes": 0.9, "scorecard": 0.9, "logistic": 0.7, "xgboost": 0.5, "blend": 0.8}
    assert share_of_best(means | {"published": 0.7}) == pytest.approx(0.875)


def test_what_misses_its_target_is_named():
    blocks = {"near": block(0.01), "far": block(0.0101)}
    assert misses(blocks, {"share_of_best": 0.97}) == ["far"]
    assert misses(blocks, {"share_of_best": 0.96}) == ["far", DRAWS]
    assert misses({}, None) == []


def test_a_part_that_is_not_known_is_refused_with_those_that_are():
    result = run("--only", "else")
    assert result.exit_code == 2
    assert all(name in result.output for name in PARTS)


def test_without_x_education_it_says_what_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(x_education, "PATH", tmp_path / "Leads.csv")
    result = run("--only", X_EDUCATION, "--only", DRAWS)
    assert result.exit_code == 2
    assert "Left out: x_education, draws. X Education is no part of the product" in result.output
