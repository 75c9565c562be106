"""The OpenAPI document of a service: what the code says, and what its `api.yaml` adds.

From the code come routes, parameters, bodies, the scope of each route and the words of its docstring; from
api.yaml what only a person knows: examples, the theme, the answer's status, French words. The schema of an
answer is made of its example: each of its members must be there, of its kind (or those of `another` example).

Format: https://spec.openapis.org/oas/v3.1.0
"""

import copy
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from flask import Flask
from flask_openapi3.openapi import OpenAPI

from shared.auth.scopes import SCOPES
from shared.http import PUBLIC, authorization_rule

Notes = Mapping[str, Any]
PROBLEM: Final = "application/problem+json"
JSON: Final = "application/json"
RAW_IS_TEXT: Final = ("text/", "message/", "application/x-ndjson", "application/x-yaml")
REFUSALS: Final = {
    400: "What was sent cannot be read",
    401: "No key, or one that is unknown, revoked or expired",
    403: "The key does not have the scope, or is another source's",
    404: "There is none, or it is another source's",
    409: "Not in this state; nothing was changed",
    411: "The length of the body is not given",
    413: "The body is too large",
    415: "The content type or encoding is not known",
    422: "Some fields are not right; each is named",
    429: "Too many calls: come again after Retry-After",
    503: "Nothing was taken: send the same again after Retry-After",
}
PROBLEM_SCHEMA: Final = {
    "type": "object",
    "description": "RFC 9457: what happened, what was kept and what to do",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def read_notes(path: Path) -> Notes:
    """An api.yaml: `about`, `themes` and `operations` by "METHOD /path"."""
    notes: Notes = yaml.safe_load(path.read_text(encoding="utf-8"))
    return notes


def describe(app: OpenAPI, notes: Notes) -> dict[str, Any]:
    """The whole document, ready to serialise. A route without notes is described by its code alone."""
    document = copy.deepcopy(app.api_doc)
    document["info"]["description"] = notes["about"]["en"]
    document["tags"] = [{"name": theme["en"]} for theme in notes["themes"]]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("ValidationErrorModel", None)
    schemas["Problem"] = PROBLEM_SCHEMA
    themes = {theme["id"]: theme["en"] for theme in notes["themes"]}
    endpoints = _endpoints(app)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            endpoint = endpoints[method.upper(), path]
            note = notes["operations"].get(f"{method.upper()} {path}", {})
            rule = authorization_rule(app, endpoint)
            operation["tags"] = [themes.get(note.get("theme"), "Other")]
            _say(operation, app.view_functions[endpoint], rule)
            operation["security"] = [] if rule == PUBLIC else [{"bearer": [rule]}]
            _bodies(operation, note)
            operation["responses"] = _responses(operation, note, rule, path)
    return document


def _endpoints(app: Flask) -> dict[tuple[str, str], str]:
    return {
        (method, re.sub(r"<(?:[^<:>]+:)?(\w+)>", r"{\1}", rule.rule)): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def _say(operation: dict[str, Any], view: Any, rule: str | None) -> None:
    """The docstring's first sentence is the summary; the rest and the scope are the description."""
    said = " ".join((inspect.getdoc(view) or "").split())
    summary, _, rest = said.partition(". ")
    operation["summary"] = summary.rstrip(".")
    needs = "Needs no key." if rule == PUBLIC else f"Needs the scope `{rule}`: {SCOPES.get(rule or '')}."
    operation["description"] = f"{rest} {needs}".strip()


def _bodies(operation: dict[str, Any], note: Mapping[str, Any]) -> None:
    """The examples of the bodies; of a body that is read raw, its content types too."""
    for content_type, example in note.get("body", {}).items():
        content = operation.setdefault("requestBody", {"required": True}).setdefault("content", {})
        media = content.setdefault(content_type, {"schema": _raw_schema(content_type, example)})
        media["example"] = example


def _raw_schema(content_type: str, example: Any) -> dict[str, Any]:
    if isinstance(example, str) or content_type.startswith(RAW_IS_TEXT):
        return {"type": "string"}
    return {"type": "array" if isinstance(example, list) else "object"}


def _responses(
    operation: dict[str, Any], note: Mapping[str, Any], rule: str | None, path: str
) -> dict[str, Any]:
    status = note.get("status", 200)
    content_type = note.get("answer_type", JSON)
    example = note.get("answer")
    schema = {"type": "string"} if isinstance(example, str) else schema_of(example)
    if "another" in note:
        schema = {"anyOf": [schema, schema_of(note["another"])]}
    media: dict[str, Any] = {"schema": schema}
    if example is not None:
        media["example"] = example
    answers = {str(status): {"description": note.get("then", "Done"), "content": {content_type: media}}}
    for other, told in note.get("or", {}).items():
        answers[str(other)] = {"description": told["then"], "content": {told["answer_type"]: {"schema": {}}}}
    refused = {503, *note.get("refuses", ())}
    if rule != PUBLIC:
        refused |= {401, 403}
    if operation.get("parameters") or "requestBody" in operation:
        refused |= {400, 422}
    if "requestBody" in operation:
        refused |= {413, 415}
    if "{" in path:
        refused.add(404)
    for one in sorted(refused - {status}):
        answers[str(one)] = {
            "description": REFUSALS[one],
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return answers


def schema_of(example: Any) -> dict[str, Any]:
    """What an answer promises: the members of its example, each of its kind or null, and perhaps more."""
    if not isinstance(example, dict):
        return _kind(example)
    return {
        "type": "object",
        "required": sorted(example),
        "properties": {name: _kind(value) for name, value in example.items()},
    }


def _kind(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": ["number", "null"]}
        case str():
            return {"type": ["string", "null"]}
        case list():
            return {"type": "array"}
        case dict():
            return {"type": ["object", "null"]}
        case _:
            return {}
