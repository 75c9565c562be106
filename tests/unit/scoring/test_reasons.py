"""Reasons: one per theme, adding up, and without a lead's own words."""

import math

import pytest

from services.scoring.columns import Column, Columns
from services.scoring.learning.fit import fit
from services.scoring.model import score
from services.scoring.reasons import Reason, explain
from tests.unit.scoring.leads import invented

ACTIVITY = "activity.demande.de devis"
NUMBERS = (
    *(f"{ACTIVITY}.{measure}" for measure in ("count", "count_7d", "days_since_last")),
    *("attribute.employees", "attribute.count", "days_since_first", "days_since_last", "amount"),
    *("message_waiting_days", "has_email", "has_phone", "has_company", "free_mail"),
)
COLUMNS = Columns(
    (
        *(Column(name, "number") for name in NUMBERS),
        Column("attribute.city", "category", ("Lyon", "Paris"), has_other=True),
        Column("stage", "category", ("new", "quoted")),
    )
)


def said(feature, snapshot, contribution=1.0):
    (reason,) = explain({feature: contribution}, snapshot, COLUMNS)
    return reason.code, reason.params


@pytest.mark.parametrize("interaction", [False, True])
def test_reasons_sum_to_the_log_odds(interaction):
    snapshots, labels = invented(400, interaction=interaction)
    model = fit(snapshots, labels, seed=0).model
    for snapshot, one in zip(snapshots, score(model, snapshots), strict=True):
        total = one.base_log_odds + math.fsum(
            r.contribution for r in explain(one.contributions, snapshot, model.columns)
        )
        assert total == pytest.approx(one.log_odds, abs=1e-9)


def test_the_features_of_one_activity_are_one_reason():
    snapshot = {f"{ACTIVITY}.count": 4, f"{ACTIVITY}.count_7d": 3, f"{ACTIVITY}.days_since_last": 1.2}
    one = {f"{ACTIVITY}.count": 0.2, f"{ACTIVITY}.count_7d": 0.9, f"{ACTIVITY}.days_since_last": -0.1}
    (reason,) = explain(one, snapshot, COLUMNS)
    assert (reason.code, reason.params) == (
        "activity_count",
        {"activity": "demande.de devis", "count": 3, "days": 7},
    )
    assert reason.contribution == pytest.approx(1.0)


def test_what_weighs_against_an_activity_tells_it_when_it_counts_against_the_lead():
    snapshot = {f"{ACTIVITY}.count": 4, f"{ACTIVITY}.days_since_last": 40.0}
    one = {f"{ACTIVITY}.count": 0.2, f"{ACTIVITY}.days_since_last": -0.9}
    assert explain(one, snapshot, COLUMNS)[0].code == "activity_old"


@pytest.mark.parametrize(
    ("feature", "snapshot", "contribution", "code", "params"),
    [
        ("count", {}, -1.0, "activity_none", {}),
        ("count", {"count": 5, "days_since_last": 3.0}, 1.0, "activity_total", {"count": 5}),
        ("days_since_last", {"count": 1, "days_since_last": 1.1}, 1.0, "activity_recent", {"days": 1}),
        ("days_since_last", {"count": 1, "days_since_last": 40.2}, -1.0, "activity_old", {"days": 40}),
        (
            "count_7d",
            {"count": 2, "count_7d": 0, "days_since_last": 12.0},
            -1.0,
            "activity_old",
            {"days": 12},
        ),
        ("days_since_last", {"count": 1, "days_since_last": 12.0}, 1.0, "activity_recent", {"days": 12}),
        ("days_since_last", {"count": 1, "days_since_last": 2.0}, -1.0, "activity_recent", {"days": 2}),
    ],
)
def test_an_activity_is_told_by_what_weighed_most(feature, snapshot, contribution, code, params):
    snapshot = {f"{ACTIVITY}.{name}": value for name, value in snapshot.items()}
    assert said(f"{ACTIVITY}.{feature}", snapshot, contribution) == (
        code,
        {"activity": "demande.de devis", **params},
    )


@pytest.mark.parametrize(
    ("feature", "value", "code", "params"),
    [
        ("attribute.city", "Lyon", "attribute_is", {"attribute": "city", "value": "Lyon"}),
        ("attribute.city", "jean@exemple.fr", "attribute_other", {"attribute": "city"}),
        ("attribute.city", None, "attribute_missing", {"attribute": "city"}),
        ("attribute.employees", 12.5, "attribute_number", {"attribute": "employees", "value": 12.5}),
        ("attribute.employees", "douze", "attribute_missing", {"attribute": "employees"}),
        ("attribute.employees", True, "attribute_yes", {"attribute": "employees"}),
        ("attribute.employees", False, "attribute_no", {"attribute": "employees"}),
        ("attribute.count", 3, "attribute_number", {"attribute": "count", "value": 3}),
        ("stage", "quoted", "field_is", {"field": "stage", "value": "quoted"}),
        ("stage", None, "field_missing", {"field": "stage"}),
        ("days_since_last", 12.4, "silence_days", {"days": 12}),
        ("message_waiting_days", 2.0, "message_waiting", {"days": 2}),
        ("message_waiting_days", None, "no_message_waiting", {}),
        ("amount", 1200, "amount_is", {"amount": 1200}),
        ("free_mail", True, "free_mail", {}),
        ("free_mail", False, "company_mail", {}),
        ("has_phone", False, "phone_missing", {}),
    ],
)
def test_any_other_feature_is_told_by_its_value(feature, value, code, params):
    assert said(feature, {feature: value}) == (code, params)


def test_no_address_is_said_once():
    (reason,) = explain({"has_email": -0.5, "free_mail": -0.3}, {"has_email": False}, COLUMNS)
    assert reason == Reason("email_missing", {}, -0.8)


def test_a_text_the_model_does_not_know_never_leaves_with_a_reason():
    canary = "jean.dupont@exemple.fr"
    snapshot = {column.name: canary for column in COLUMNS.kept}
    one = dict.fromkeys(COLUMNS.names, 1.0)
    assert canary not in repr(explain(one, snapshot, COLUMNS))


def test_tiny_contributions_are_kept_in_the_total_as_other():
    one = {"attribute.employees": 0.5, "has_phone": 0.015, "amount": -0.01}
    reasons = explain(one, {"attribute.employees": 3, "has_phone": True, "amount": 5}, COLUMNS)
    assert [reason.code for reason in reasons] == ["attribute_number", "other"]
    assert reasons[-1].contribution == pytest.approx(0.005)
