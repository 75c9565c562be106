"""From snapshots to the matrix a model reads."""

import math

import numpy as np
import pytest

from services.scoring.columns import Column, Columns, encode
from services.scoring.learning.columns import fit_columns


def test_kind_is_number_only_when_every_value_is_a_number_or_a_bool():
    rows = [{"n": i % 3, "b": i % 2 == 0, "mixed": "3" if i % 2 else 4} for i in range(20)]
    columns = fit_columns(rows)
    assert {column.name: column.kind for column in columns.kept} == {
        "b": "number",
        "mixed": "category",
        "n": "number",
    }


def test_what_cannot_tell_leads_apart_is_dropped_with_the_reason():
    rows = [
        {"id": i, "note": f"text {i}", "same": "x", "rare": 1.0 if i < 4 else None, "kept": i % 2}
        for i in range(200)
    ]
    columns = fit_columns(rows)
    assert columns.names == ("kept",)
    assert columns.dropped == {
        "id": "identifier",
        "note": "free_text",
        "same": "constant",
        "rare": "too_rare",
    }


def test_a_level_of_few_leads_never_becomes_a_level_of_the_model():
    rows = [{"city": city} for city in ["Lyon"] * 30 + ["Paris"] * 30 + ["Jean Dupont"] * 4 + ["Nice"] * 3]
    (column,) = fit_columns(rows).kept
    assert column.levels == ("Lyon", "Paris")
    assert column.has_other


def test_missing_unknown_and_unusable_values_are_encoded_without_error():
    columns = Columns(
        (
            Column("n", "number"),
            Column("open", "category", ("a", "b"), has_other=True),
            Column("shut", "category", ("a", "b")),
        )
    )
    rows = [
        {"n": 1, "open": "a", "shut": "b"},
        {"n": True, "open": "never seen", "shut": "never seen"},
        {"n": "text", "open": " ", "shut": None},
        {"n": 10**400, "open": " b ", "shut": math.nan},
        {},
    ]
    expected = [[1, 0, 1], [1, 2, np.nan], [np.nan] * 3, [np.nan, 1, np.nan], [np.nan] * 3]
    np.testing.assert_array_equal(encode(columns, rows), np.array(expected, dtype=np.float32))


def test_too_large_for_float32_is_missing_not_infinite():
    assert np.isnan(encode(Columns((Column("n", "number"),)), [{"n": 1e300}])).all()


@pytest.mark.parametrize("rows", [[], [{}]])
def test_no_features_gives_no_columns(rows):
    columns = fit_columns(rows)
    assert columns.kept == ()
    assert encode(columns, rows).shape == (len(rows), 0)


def test_columns_survive_their_json():
    columns = fit_columns([{"a": i % 3, "b": "xy"[i % 2], "c": f"{i}"} for i in range(40)])
    assert Columns.from_json(columns.to_json()) == columns
