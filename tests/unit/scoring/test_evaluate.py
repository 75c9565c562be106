"""`eclaireur evaluate`: nested, seeded, honest."""

from pathlib import Path

import numpy as np
import pytest

from services.scoring.learning.evaluate import EvaluationRefused, evaluate_file
from services.scoring.learning.fit import NotEnoughOutcomes
from shared.tabular import TableError
from tests.unit.scoring.leads import invented

X_EDUCATION = Path(__file__).parents[4] / "shared" / "data" / "xeducation" / "Leads.csv"
LEAKS = [
    *("Prospect ID", "Lead Number", "Tags", "Lead Quality", "Lead Profile"),
    *("Last Activity", "Last Notable Activity"),
    *(f"Asymmetrique {of} {kind}" for of in ("Activity", "Profile") for kind in ("Index", "Score")),
]
MEASURES = {"auc", "average_precision", "brier", "ece", "lift_at_10"}


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
    assert set(result["models"]) == {"naive_bayes", "logistic", "xgboost", "published"}
    assert all(set(measures) == MEASURES for measures in result["models"].values())
    assert (result["rows"], result["folds"], result["seed"]) == (300, 5, 0)
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


def test_x_education_reaches_the_reference():
    if not X_EDUCATION.is_file():
        pytest.skip(
            "X Education is no part of the product: put Leads.csv in ../shared/data/xeducation to run this"
        )
    result = evaluate_file(X_EDUCATION, "Converted", "1", LEAKS)
    models = result["models"]
    assert (result["rows"], result["positives"]) == (9240, 3561)
    assert models["xgboost"]["auc"] >= 0.875
    assert models["xgboost"]["brier"] <= 0.135
    assert models["xgboost"]["auc"] < 0.95, "a figure this high means a leak"
    assert models["naive_bayes"]["auc"] < models["logistic"]["auc"] < models["published"]["auc"]
    assert models["published"]["ece"] < 0.015
