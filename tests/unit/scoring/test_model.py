"""A model's scores add up, and its file is the model, the whole model and nothing that runs."""

import dataclasses
import math

import numpy as np
import orjson
import pytest
import xgboost

from services.scoring.blend import Blend
from services.scoring.calibration import Calibration
from services.scoring.columns import encode
from services.scoring.learning.compare import logistic, trees
from services.scoring.learning.fit import training_set
from services.scoring.model import Model, ModelCorrupt, digest, from_bytes, score, to_bytes
from services.scoring.trees import feature_types
from tests.unit.scoring.leads import invented


def fitted(kind: str) -> Model:
    snapshots, labels = invented()
    training = training_set(snapshots, labels)
    line, grown = logistic(1.0)(training, 3), trees(4)(training, 3)
    predictor = {"logistic": line, "xgboost": grown, "blend": Blend(line, grown, 0.25)}[kind]
    return Model(kind, training.columns, predictor, Calibration(0.8, -0.2), {"rows": 400})


@pytest.fixture(params=["xgboost", "logistic", "blend"], scope="module")
def model(request):
    return fitted(request.param)


SNAPSHOTS = [
    *invented(50, seed=9)[0],
    {},
    {"source_channel": "never seen", "activity.page_viewed.count": "a text", "attribute.unknown": 3},
]


def test_reasons_add_up_to_the_calibrated_log_odds(model):
    direct = model.calibration.apply(model.predictor.log_odds(encode(model.columns, SNAPSHOTS)))
    for one, expected in zip(score(model, SNAPSHOTS), direct, strict=True):
        total = one.base_log_odds + math.fsum(one.contributions.values())
        assert total == pytest.approx(one.log_odds, abs=1e-9)
        assert one.log_odds == pytest.approx(expected, abs=1e-4)
        assert one.probability == pytest.approx(1 / (1 + math.exp(-one.log_odds)), abs=1e-12)
        assert set(one.contributions) == set(model.columns.names)


def test_a_lead_scores_the_same_alone_and_in_a_batch(model):
    assert [score(model, [snapshot])[0] for snapshot in SNAPSHOTS] == score(model, SNAPSHOTS)


def test_no_lead_gives_no_score(model):
    assert score(model, []) == []


def test_a_loaded_model_scores_identically(model):
    data = to_bytes(model)
    loaded = from_bytes(data, digest(data))
    assert score(loaded, SNAPSHOTS) == score(model, SNAPSHOTS)
    assert (loaded.version, loaded.card, loaded.columns) == (model.version, model.card, model.columns)
    assert to_bytes(loaded) == data


def test_the_file_holds_the_trees_as_xgboost_json():
    trees = orjson.loads(orjson.loads(to_bytes(fitted("xgboost")))["predictor"]["xgboost"])
    assert trees["learner"]["gradient_booster"]["name"] == "gbtree"


@pytest.mark.parametrize("kind", ["xgboost", "logistic", "blend"])
def test_same_rows_and_seed_give_the_same_bytes(kind):
    assert to_bytes(fitted(kind)) == to_bytes(fitted(kind))


def test_the_order_in_which_a_card_was_written_is_no_other_version(model):
    one, other = ({"rows": 1, "seed": 2}, {"seed": 2, "rows": 1})
    assert dataclasses.replace(model, card=one).version == dataclasses.replace(model, card=other).version


def test_the_reasons_of_trees_are_exact_not_approximate():
    model = fitted("xgboost")
    matrix = encode(model.columns, SNAPSHOTS)
    types = list(feature_types(model.columns))
    data = xgboost.DMatrix(matrix, feature_types=types, enable_categorical=True)
    approximate, exact = (
        model.predictor.booster.predict(data, pred_contribs=True, approx_contribs=flag)[:, :-1]
        for flag in (True, False)
    )
    found = model.predictor.contributions(matrix)[1]
    np.testing.assert_allclose(found, exact, atol=1e-6)
    assert np.abs(found - approximate).max() > 0.01


def test_another_calibration_is_another_version(model):
    assert dataclasses.replace(model, calibration=Calibration()).version != model.version


def test_a_changed_file_is_refused(model):
    data = to_bytes(model)
    with pytest.raises(ModelCorrupt, match=r"changed or cut short.*train again"):
        from_bytes(data[:-1], digest(data))


def without(model: Model, *path: str, value: object) -> bytes:
    content = orjson.loads(to_bytes(model))
    part = content
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return orjson.dumps(content)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "something-else/9"),
        (("kind",), "forest"),
        (("calibration",), {"slope": 1.0, "unknown": 2.0}),
        (("columns", "kept"), [["n", "number", [], False]]),
        (("predictor",), {}),
        (("predictor",), {"xgboost": "not trees", "intercept": "x"}),
    ],
)
def test_a_file_that_is_not_a_model_is_refused_with_what_to_do(model, path, value):
    data = without(model, *path, value=value)
    with pytest.raises(ModelCorrupt, match=r"not a model.*Train again"):
        from_bytes(data, digest(data))


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", b"[]", b"null", b'{"format":"eclaireur-model/1"}'])
def test_any_bytes_are_refused_cleanly(data):
    with pytest.raises(ModelCorrupt):
        from_bytes(data, digest(data))


def test_an_outlier_does_not_carry_the_line_away():
    model = fitted("logistic")
    usual, outlier = ({"activity.page_viewed.count": visits} for visits in (9, 10_000))
    far = score(model, [outlier])[0].log_odds - score(model, [usual])[0].log_odds
    assert np.abs(far) < 0.5


def bent(count: int = 1200) -> Model:
    """A model of leads that are won in the middle of a number only, which no straight line can see."""
    random = np.random.default_rng(0)
    visits = random.uniform(0, 10, count)
    labels = (np.abs(visits - 5) + random.normal(0, 0.5, count) < 2.5).astype(float).tolist()
    training = training_set([{"attribute.visits": value} for value in visits.tolist()], labels)
    return Model("logistic", training.columns, logistic(1.0)(training, 0), Calibration(), {"rows": count})


def test_a_line_bends_where_leads_are_many():
    few, middle, many = score(bent(), [{"attribute.visits": value} for value in (0, 5, 10)])
    assert middle.probability > 0.9
    assert max(few.probability, many.probability) < 0.1


def test_a_line_of_few_leads_stays_straight():
    few, middle, many = score(bent(900), [{"attribute.visits": value} for value in (0, 5, 10)])
    assert min(few.log_odds, many.log_odds) <= middle.log_odds <= max(few.log_odds, many.log_odds)


def test_a_bent_line_adds_up_and_is_loaded_as_it_was():
    model = bent()
    data = to_bytes(model)
    leads = [{"attribute.visits": value} for value in (-3, 0, 2.4, 7, 99)] + [{}]
    direct = model.predictor.log_odds(encode(model.columns, leads))
    assert [one.log_odds for one in score(model, leads)] == pytest.approx(direct.tolist(), abs=1e-9)
    assert score(from_bytes(data, digest(data)), leads) == score(model, leads)


def test_a_line_kept_before_lines_could_bend_is_read():
    model = fitted("logistic")
    older = orjson.loads(to_bytes(model))
    del older["predictor"]["knots"]
    data = orjson.dumps(older)
    assert score(from_bytes(data, digest(data)), SNAPSHOTS) == score(model, SNAPSHOTS)
