"""`eclaireur evaluate`: nested, seeded, honest."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.scoring.learning.closed_leads import EvaluationRefused, read_closed_leads
from services.scoring.learning.evaluate import evaluate_folds, evaluate_forward
from services.scoring.learning.fit import NotEnoughOutcomes, training_set
from services.scoring.learning.leaks import find_leaks
from shared.tabular import TableError
from tests.harness import x_education
from tests.unit.scoring.leads import invented

MEASURES = {"auc", "average_precision", "brier", "ece", "lift_at_10"}


def evaluate_file(path, label, positive, exclude=(), **options):
    return evaluate_folds(read_closed_leads(path, label, positive, exclude), folds=2, **options)


def csv_of(tmp_path, count=300, extra=lambda label: ""):
    snapshots, labels = invented(count)
    names = sorted({name for snapshot in snapshots for name in snapshot})
    lines = [",".join([*names, "extra", "won"])]
    lines += [
        ",".join([*(str(snapshot.get(name, "")) for name in names), extra(label), str(int(label))])
        for snapshot, label in zip(snapshots, labels, strict=True)
    ]
    path = tmp_path / "closed.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_kind_is_measured_and_the_same_seed_gives_the_same_figures(tmp_path):
    path = csv_of(tmp_path)
    seen: list[tuple[int, int]] = []
    result = evaluate_file(path, "won", "1", progress=lambda done, total: seen.append((done, total)))
    assert set(result["models"]) == {"naive_bayes", "scorecard", "logistic", "xgboost", "blend", "published"}
    assert all(set(measures) == MEASURES for measures in result["models"].values())
    assert (result["rows"], result["folds"], result["seed"]) == (300, 2, 0)
    assert seen[-1][0] == seen[-1][1] == len(seen)
    assert evaluate_file(path, "won", "1") == result


def test_an_excluded_column_is_not_read(tmp_path):
    path = csv_of(tmp_path, extra=lambda label: "signed" if label else "open")
    assert evaluate_file(path, "won", "1")["models"]["published"]["auc"] > 0.99
    assert evaluate_file(path, "won", "1", ["extra"])["models"]["published"]["auc"] < 0.95


def test_labels_without_meaning_are_not_predicted(tmp_path):
    path = csv_of(tmp_path, count=600)
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    outcomes = np.random.default_rng(0).integers(0, 2, len(lines))
    lines = [f"{line[:-1]}{outcome}" for line, outcome in zip(lines, outcomes, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    models = evaluate_file(path, "won", "1")["models"]
    assert all(abs(measures["auc"] - 0.5) < 0.1 for measures in models.values())
    assert all(measures["brier"] < 0.27 for measures in models.values())


def test_a_wrong_outcome_value_lists_those_found(tmp_path):
    with pytest.raises(EvaluationRefused, match='The values found are: "0", "1"'):
        evaluate_file(csv_of(tmp_path), "won", "yes")


def test_an_unknown_label_or_exclusion_is_refused(tmp_path):
    with pytest.raises(TableError, match="Did you mean: won"):
        evaluate_file(csv_of(tmp_path), "Won", "1")
    with pytest.raises(TableError, match='no column "extras"'):
        evaluate_file(csv_of(tmp_path), "won", "1", ["extras"])


def test_a_lead_without_outcome_is_refused(tmp_path):
    path = csv_of(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n")[:-1] + "\n", encoding="utf-8")
    with pytest.raises(EvaluationRefused, match='"won" is empty on 1 rows'):
        evaluate_file(path, "won", "1")


def test_too_few_closed_leads_are_refused(tmp_path):
    with pytest.raises(NotEnoughOutcomes):
        evaluate_file(csv_of(tmp_path, count=40), "won", "1")


@pytest.mark.long
def test_x_education_reaches_the_reference():
    if not x_education.PATH.is_file():
        pytest.skip(x_education.ABSENT)
    result = evaluate_folds(x_education.closed_leads())
    models = result["models"]
    assert (result["rows"], result["positives"]) == (9240, 3561)
    assert models["xgboost"]["auc"] >= 0.875
    assert models["xgboost"]["brier"] <= 0.135
    assert models["xgboost"]["auc"] < 0.95, "a figure this high means a leak"
    assert models["scorecard"]["auc"] < models["naive_bayes"]["auc"] < models["logistic"]["auc"]
    assert models["published"]["auc"] >= 0.877
    assert models["published"]["ece"] <= 0.015


def test_fields_filled_after_the_outcome_are_named_with_the_evidence():
    if not x_education.PATH.is_file():
        pytest.skip(x_education.ABSENT)
    closed = x_education.closed_leads(exclude=())
    leaks = find_leaks(training_set(closed.leads, closed.labels.tolist()), seed=0)
    assert {leak.column: leak.code for leak in leaks} == {
        "attribute.Tags": "predicts_too_well",
        "attribute.Lead Quality": "filled_after",
    }


def dated(tmp_path, moment, count=400):
    """Leads whose dates follow their order in the file, each written by `moment`."""
    path = csv_of(tmp_path, count)
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    lines = [f"{moment(index)},{line}" for index, line in enumerate(lines)]
    path.write_text("\n".join([f"seen on,{header}", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%S+02:00", "%s"])
def test_each_kind_of_date_keeps_the_order_and_is_no_feature(tmp_path, form):
    start = datetime(2025, 1, 1, tzinfo=UTC)
    path = dated(tmp_path, lambda index: (start + timedelta(days=index)).strftime(form))
    closed = read_closed_leads(path, "won", "1", time_column="seen on")
    assert list(closed.times) == sorted(set(closed.times))
    assert not any("seen on" in name for lead in closed.leads for name in lead)


def test_dated_leads_are_tested_on_those_that_came_last(tmp_path):
    closed = read_closed_leads(dated(tmp_path, str), "won", "1", time_column="seen on")
    result = evaluate_forward(closed)
    assert (result["method"], result["rows"], result["trained_on"]) == ("forward", 80, 320)
    low, high = result["intervals"]["published"]["auc"]
    assert low < result["models"]["published"]["auc"] < high


def test_dates_that_cannot_be_read_are_refused(tmp_path):
    path = dated(tmp_path, lambda index: "2025-01-01" if index else "soon")
    with pytest.raises(EvaluationRefused, match='"seen on" must hold one kind of date'):
        read_closed_leads(path, "won", "1", time_column="seen on")


def test_an_end_with_one_outcome_only_cannot_be_tested(tmp_path):
    closed = read_closed_leads(dated(tmp_path, str), "won", "1", time_column="seen on")
    closed.labels[300:] = 0.0
    with pytest.raises(EvaluationRefused, match="both outcomes are needed"):
        evaluate_forward(closed)
