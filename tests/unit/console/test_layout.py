"""JSON laid out for reading says exactly what it said before."""

import json

from hypothesis import given
from hypothesis import strategies as st

from services.console.layout import laid_out

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(TREES)
def test_only_space_changes(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(laid_out(text)) == value
    assert laid_out(laid_out(text)) == laid_out(text)


def test_what_python_would_write_otherwise_stays() -> None:
    text = '{"a": 1.10, "a": [1e999, {}], "é\\"}": "x: [1, 2]"}'
    assert laid_out(text) == (
        '{\n  "a": 1.10,\n  "a": [\n    1e999,\n    {}\n  ],\n  "é\\"}": "x: [1, 2]"\n}'
    )


def test_what_is_no_json_or_is_laid_out_already_stays() -> None:
    for text in ("", "<Envelope/>", '{"a":', '{"a":\n1}', "[" * 100_000):
        assert laid_out(text) == text
