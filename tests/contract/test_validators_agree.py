"""The compiled schemas and the ones that refusals are worded from say yes and no to the same documents."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.errors import InvalidEvent
from shared.contracts.events import EVENT_TYPES
from shared.contracts.validation import SCHEMAS, _validator, check, passes

EXAMPLES = [
    (path.parts[-3], orjson.loads(path.read_bytes()))
    for path in sorted((SCHEMAS.parent / "examples").glob("*/*/*.json"))
]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 1, 1.0, 0.0, 2**63, 1e300, "", " ", "a|b", "x" * 401, "é" * 512, "1.0", [], {}]),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=101), st.none() | st.integers() | st.text(max_size=3), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for name, child in children for place in places(child, (*path, name)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """An example with one or two values replaced, added or taken away."""
    name, document = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(document)))
        document = replaced(document, path, draw(odd))
    return name, document


@given(mutated())
def test_both_validators_say_the_same_of_damaged_examples(case: tuple[str, Any]) -> None:
    name, document = case
    parts = [(name, document)]
    if name in EVENT_TYPES:
        parts = [("cloudevent", document)]
        if isinstance(document, dict) and "data" in document:
            parts.append((name, document["data"]))
    for schema, value in parts:
        assert passes(value, schema) is _validator(schema, 1).is_valid(value)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*/*.json")), ids=lambda path: Path(path).parts[-2])
def test_every_schema_compiles_and_is_used(path: Path) -> None:
    assert not passes([[1]], path.parts[-2])
    with pytest.raises(InvalidEvent):
        check([[1]], path.parts[-2])
