"""The AsyncAPI 3.0 document of the topics, generated from the table and the schemas.

Format: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from typing import Any

from shared.contracts.events import EVENT_TYPES
from shared.contracts.topics import CRM_EVENTS, TOPICS, Topic
from shared.contracts.validation import SCHEMA_BASE, load_examples, load_schema, schema_names


def asyncapi(version: str) -> dict[str, Any]:
    """The document, ready to serialise. `version` is the product's."""
    names = {topic.name: _message_names(topic) for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Éclaireur",
            "version": version,
            "description": "Topics of one installation; its topic prefix, if any, comes before each address.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, names[topic.name]) for topic in TOPICS},
        "operations": {
            _operation_name(topic): {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": topic.value,
            }
            for topic in TOPICS
        },
        "components": {
            "messages": {name: _message(topic, name) for topic in TOPICS for name in names[topic.name]},
            "schemas": {name: _relink(load_schema(name, number)) for name, number in schema_names()},
        },
    }


def _message_names(topic: Topic) -> list[str]:
    return sorted(EVENT_TYPES) if topic.name == CRM_EVENTS else [topic.schema]


def _operation_name(topic: Topic) -> str:
    return "publish_" + topic.name.replace(".", "_")


def _channel(topic: Topic, messages: list[str]) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.value[:1].upper()}{topic.value[1:]}.",
        "x-key": topic.key,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _topic_configuration(topic),
            }
        },
    }


def _topic_configuration(topic: Topic) -> dict[str, Any]:
    """The names the Kafka binding 0.5.0 knows, with its types; the timestamp type is not among them."""
    configuration: dict[str, Any] = {"cleanup.policy": topic.config["cleanup.policy"].split(",")}
    for name in ("retention.ms", "max.message.bytes"):
        if name in topic.config:
            configuration[name] = int(topic.config[name])
    return configuration


def _message(topic: Topic, name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    payload: dict[str, Any] = schema
    if topic.name == CRM_EVENTS:
        payload = {
            "allOf": [
                {"$ref": "#/components/schemas/cloudevent"},
                {"properties": {"type": {"const": name}, "data": schema}},
            ]
        }
    return {
        "name": name,
        "title": load_schema(name)["title"],
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY}},
        "examples": [{"name": example, "payload": payload} for example, payload in load_examples(name)],
    }


_KEY = {"type": "string"}


def _relink(schema: Any) -> Any:
    """The schema with its references pointing into the document and without what names it as a document."""
    if isinstance(schema, dict):
        return {
            name: f"#/components/schemas/{value.removeprefix(SCHEMA_BASE).split('/')[0]}"
            if name == "$ref"
            else _relink(value)
            for name, value in schema.items()
            if name not in ("$id", "$schema")
        }
    if isinstance(schema, list):
        return [_relink(item) for item in schema]
    return schema
