"""The two documents, OpenAPI and AsyncAPI, as one page for people. Pure: documents in, HTML out."""

import json
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

Document = Mapping[str, Any]
LANGUAGES: Final = ("en", "fr")
BASE_URL: Final = "http://127.0.0.1:{port}"
PROBLEM: Final = "application/problem+json"
_HERE = Path(__file__).parent


@cache
def _words(language: str) -> Mapping[str, str]:
    if language == "en":
        return {}
    found: dict[str, str] = json.loads((_HERE / "locale" / f"{language}.json").read_text(encoding="utf-8"))
    return found


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("shared.openapi"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(openapi: Document, notes: Document, asyncapi: Document | None, language: str, port: int) -> str:
    """One page: routes by theme, then topics. `port` is where the examples call the service."""
    words = _words(language)

    def say(text: str, **values: object) -> str:
        return words.get(text, text).format(**values)

    return (
        _environment()
        .get_template("docs.html")
        .render(
            _=say,
            language=language,
            title=openapi["info"]["title"],
            version=openapi["info"]["version"],
            about=notes["about"][language],
            themes=list(_themes(openapi, notes, language, port)),
            topics=list(_topics(asyncapi)) if asyncapi else [],
        )
    )


def operations(openapi: Document) -> Iterator[tuple[str, str, Document]]:
    """(method, path, operation) of each."""
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def _themes(openapi: Document, notes: Document, language: str, port: int) -> Iterator[dict[str, Any]]:
    for number, tag in enumerate(openapi["tags"]):
        routes = [
            _route(openapi, method, path, operation, notes, language, port)
            for method, path, operation in operations(openapi)
            if operation["tags"] == [tag["name"]]
        ]
        yield {
            "name": notes["themes"][number][language],
            "id": notes["themes"][number]["id"],
            "routes": routes,
        }


def _route(
    openapi: Document, method: str, path: str, operation: Document, notes: Document, language: str, port: int
) -> dict[str, Any]:
    note = notes["operations"].get(f"{method} {path}", {})
    said = note.get(language, "")
    summary, _, text = said.partition(". ") if said else (operation["summary"], "", "")
    if language == "en":
        summary, text = operation["summary"], operation["description"].partition("Needs ")[0].strip()
    scopes = [scope for rule in operation["security"] for scope in rule["bearer"]]
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": summary.rstrip("."),
        "text": text,
        "scope": scopes[0] if scopes else None,
        "parameters": [_parameter(one) for one in operation.get("parameters", ())],
        "fields": list(_body_fields(openapi, operation)),
        "commands": commands(method, path, operation, port),
        "answers": [
            (status, one["description"], _shown(_example(one)))
            for status, one in operation["responses"].items()
            if PROBLEM not in one["content"]
        ],
        "refusals": [
            (status, one["description"])
            for status, one in operation["responses"].items()
            if PROBLEM in one["content"]
        ],
    }


def _parameter(parameter: Document) -> dict[str, Any]:
    schema = parameter["schema"]
    return {
        "name": parameter["name"],
        "where": parameter["in"],
        "required": parameter.get("required", False),
        "kind": kind(schema),
        "default": schema.get("default"),
        "description": parameter.get("description", ""),
    }


def _body_fields(openapi: Document, operation: Document) -> Iterator[dict[str, Any]]:
    """The members of the body, where a model names them."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = resolved(openapi, media.get("schema", {}))
        for name, member in schema.get("properties", {}).items():
            yield {
                "name": name,
                "required": name in schema.get("required", ()),
                "kind": kind(member),
                "description": member.get("description", ""),
            }


def resolved(document: Document, schema: Document) -> Document:
    """The schema that a reference of the document points to; the schema itself without one."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def kind(schema: Document) -> str:
    """What a value is, shortly: "integer, 1 to 500", "A, B or null"."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(kind(one) for one in schema[several])
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    name = schema.get("format") or schema.get("type", "any")
    said = " | ".join(name) if isinstance(name, list) else str(name)
    if schema.get("type") == "array" and schema.get("items"):
        said = f"[{kind(schema['items'])}]"
    low, high = schema.get("minimum"), schema.get("maximum")
    return f"{said} {low}…{high}" if low is not None and high is not None else said


def commands(method: str, path: str, operation: Document, port: int) -> list[str]:
    """A curl command for each form of body, or one."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", _sample(parameter["schema"]))
    asked = "&".join(
        f"{one['name']}={_sample(one['schema'])}"
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one.get("required")
    )
    address = BASE_URL.format(port=port) + path + (f"?{asked}" if asked else "")
    begin = ["curl"] + (["-X", method] if method != "GET" else []) + [_quoted(address)]
    lines = [" ".join(begin)]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $KEY"')
    contents = operation.get("requestBody", {}).get("content", {})
    return [" \\\n  ".join([*lines, *_sent(*content)]) for content in contents.items()] or [
        " \\\n  ".join(lines)
    ]


def _quoted(text: str) -> str:
    return f"'{text}'" if "?" in text else text


def _sent(content_type: str, media: Document) -> list[str]:
    example = media.get("example", {})
    if content_type == "multipart/form-data":
        return [f"-F {shlex.quote(f'{name}={value}')}" for name, value in example.items()]
    text = example if isinstance(example, str) else _shown(example)
    return [f"-H 'Content-Type: {content_type}'", f"--data-binary {shlex.quote(text)}"]


def _sample(schema: Document) -> str:
    if "example" in schema:
        return str(schema["example"])
    if schema.get("format") == "uuid":
        return "0197a3f2-5c1e-7b60-9d2a-3f6c8e1b4a70"
    return "1" if schema.get("type") == "integer" else "hubspot"


def _example(response: Document) -> Any:
    (media,) = response["content"].values()
    return media.get("example")


def _shown(example: Any) -> str:
    if example is None or isinstance(example, str):
        return example or ""
    return json.dumps(example, ensure_ascii=False, indent=2)


def _topics(asyncapi: Document) -> Iterator[dict[str, Any]]:
    for name, channel in asyncapi["channels"].items():
        kafka = channel["bindings"]["kafka"]
        messages = (resolved(asyncapi, one) for one in channel["messages"].values())
        yield {
            "name": name,
            "description": channel["description"],
            "key": channel["x-key"],
            "partitions": kafka["partitions"],
            "policy": kafka["topicConfiguration"]["cleanup.policy"],
            "retention_ms": kafka["topicConfiguration"].get("retention.ms"),
            "messages": [_message(asyncapi, one) for one in messages],
        }


def _message(asyncapi: Document, message: Document) -> dict[str, Any]:
    schema = resolved(asyncapi, {"$ref": f"#/components/schemas/{message['name']}"})
    return {
        "name": message["name"],
        "title": message["title"],
        "fields": [
            {
                "name": name,
                "required": name in schema.get("required", ()),
                "kind": kind(member),
                "description": member.get("description", ""),
            }
            for name, member in schema.get("properties", {}).items()
        ],
        "examples": [(one["name"], _shown(one["payload"])) for one in message.get("examples", ())],
    }
