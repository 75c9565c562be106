"""The topic table, and the document generated from it."""

from collections.abc import Iterator
from typing import Any

import orjson

from shared.contracts.asyncapi import asyncapi
from shared.contracts.events import EVENT_TYPES
from shared.contracts.topics import CRM_EVENTS, LEAD_SCORED, TOPICS


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def test_every_topic_has_twelve_partitions_and_broker_timestamps() -> None:
    for topic in TOPICS:
        assert topic.partitions == 12
        assert topic.config["message.timestamp.type"] == "LogAppendTime"


def test_scores_are_compacted_and_everything_else_is_kept_a_week() -> None:
    for topic in TOPICS:
        if topic.name == LEAD_SCORED:
            assert topic.config["cleanup.policy"] == "compact"
            assert "retention.ms" not in topic.config
        else:
            assert topic.config["retention.ms"] == str(7 * 24 * 3600 * 1000)


def test_asyncapi_has_a_channel_per_topic_and_a_message_per_type() -> None:
    document = asyncapi("1.2.3")
    assert document["asyncapi"] == "3.0.0"
    assert document["info"]["version"] == "1.2.3"
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    assert set(document["channels"][CRM_EVENTS]["messages"]) == EVENT_TYPES


def test_asyncapi_serialises_and_every_reference_resolves_inside_it() -> None:
    document = orjson.loads(orjson.dumps(asyncapi("1")))
    for reference in _references(document):
        assert reference.startswith("#/"), reference
        node: Any = document
        for step in reference[2:].split("/"):
            node = node[step]
