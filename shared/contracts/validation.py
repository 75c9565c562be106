"""JSON Schemas of this folder, and what they refuse said in words.

Two libraries read the same schemas: a compiled one says yes, a hundred times faster; what it does not pass
the other judges, since its findings can be put into words. A test holds them against each other.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import jsonschema_rs
import orjson
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import escape_pointer, parse_json

SCHEMAS: Final = Path(__file__).parent / "schemas"
EXAMPLES: Final = Path(__file__).parent / "examples"
SCHEMA_BASE: Final = "https://eclaireur.example/schemas/"
"""A name, not an address: nothing is ever fetched from it."""

_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "const": "must be {!r}",
    "minLength": "must not be empty",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "additionalProperties": "has a name that is not allowed here",
}


def schema_uri(name: str, version: int = 1) -> str:
    """The `$id` of a schema, which is also the `dataschema` of its events."""
    return f"{SCHEMA_BASE}{name}/{version}"


@cache
def load_schema(name: str, version: int = 1) -> dict[str, Any]:
    """One schema as a dict. Raises FileNotFoundError when there is none. Do not change what is returned."""
    schema: dict[str, Any] = orjson.loads((SCHEMAS / name / f"{version}.json").read_bytes())
    return schema


def schema_names() -> Iterator[tuple[str, int]]:
    """(name, version) of every schema, sorted."""
    for path in sorted(SCHEMAS.glob("*/*.json")):
        yield path.parent.name, int(path.stem)


def load_examples(name: str, version: int = 1) -> Iterator[tuple[str, Any]]:
    """(name, value) of every example of a schema, sorted."""
    for path in sorted((EXAMPLES / name / str(version)).glob("*.json")):
        yield path.stem, orjson.loads(path.read_bytes())


@cache
def _validator(name: str, version: int) -> Draft202012Validator:
    return Draft202012Validator(_inlined(load_schema(name, version)))


@cache
def _compiled(name: str, version: int) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_inlined(load_schema(name, version)))


def passes(value: object, name: str, version: int = 1) -> bool:
    """Whether the compiled schema has nothing against `value`; a value that is not JSON never passes."""
    try:
        return _compiled(name, version).is_valid(value)
    except (TypeError, ValueError):
        return False


def _inlined(schema: Any) -> Any:
    """The schema with what it refers to in its place: following references costs as much as validating."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            name, version = schema["$ref"].removeprefix(SCHEMA_BASE).split("/")
            return _inlined(load_schema(name, int(version)))
        return {
            keyword: _inlined(value) for keyword, value in schema.items() if keyword not in ("$id", "$schema")
        }
    return [_inlined(item) for item in schema] if isinstance(schema, list) else schema


def check(value: object, name: str, version: int = 1, *, at: str = "") -> None:
    """Raise InvalidEvent when the schema refuses `value`. `at` is the pointer of `value` in its document."""
    if passes(value, name, version):
        return
    error = best_match(_validator(name, version).iter_errors(value))
    if error is not None:
        steps = [escape_pointer(str(step)) for step in error.absolute_path]
        pointer = "/".join([at, *steps])
        raise InvalidEvent(_in_words(error, pointer), pointer)


def read(raw: bytes | None, name: str) -> dict[str, Any]:
    """The JSON object of a topic's record, held against the schema `name`. Raises InvalidEvent."""
    value = parse_json(raw or b"")
    check(value, name)
    return cast(dict[str, Any], value)


def _in_words(error: ValidationError, pointer: str) -> str:
    """What to do, without the refused value: it may be personal."""
    where = pointer.strip("/").replace("/", ".") or "the document"
    return f"{where}: {_advice(error)}"


def _advice(error: ValidationError) -> str:
    expected: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    match error.validator:
        case "type":
            wanted = [expected] if isinstance(expected, str) else expected
            advice = f"give {' or '.join(_KINDS[kind] for kind in wanted)}, not {_kind_of(instance)}"
        case "required":
            missing = next(name for name in expected if name not in instance)
            hint = schema["properties"].get(missing, {}).get("description", "")
            advice = f"add {missing}. {hint}".rstrip()
        case "enum":
            advice = f"must be one of {', '.join(map(str, expected))}"
        case str(keyword) if keyword in _LIMITS:
            advice = _LIMITS[keyword].format(expected)
        case _:
            advice = f"not as the contract says. {schema.get('description', '')}".rstrip()
    return advice


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"
