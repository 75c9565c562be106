"""The Kafka topics: names, keys, retention. Names are without the installation's prefix."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CRM_EVENTS: Final = "crm.events.v1"
CRM_REJECTED: Final = "crm.rejected.v1"
LEAD_SCORED: Final = "lead.scored.v1"
LEAD_GRADE_CHANGED: Final = "lead.grade.changed.v1"
LEAD_MESSAGES: Final = "lead.messages.v1"
REPLY_EVENTS: Final = "reply.events.v1"
DELIVERY_STEPS: Final = "delivery.steps.v1"

SCORING_GROUP: Final = "scoring"
"""The consumer group whose place in crm.events.v1 tells what still waits."""

MAX_EVENT_BYTES: Final = 700_000
"""The largest event as JSON in UTF-8: if it is refused, its base64 must still fit a record of 1 MB."""

_DAY_MS = 24 * 3600 * 1000
_RECORD_BYTES = 1_048_588

# Log-append time: the broker stamps each record, so retention counts from arrival. An event's own time may be
# years old, and one more than an hour ahead, as from a host whose clock is wrong, would be refused.
_COMMON = {"message.timestamp.type": "LogAppendTime"}
_WEEK = {
    **_COMMON,
    "cleanup.policy": "delete",
    "retention.ms": str(7 * _DAY_MS),
    "max.message.bytes": str(_RECORD_BYTES),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `key` and `value` say what its records hold; `schema` names the value's JSON Schema."""

    name: str
    config: Mapping[str, str]
    key: str
    value: str
    schema: str
    partitions: int = 12


def _topic(name: str, config: dict[str, str], key: str, value: str, schema: str) -> Topic:
    return Topic(name, MappingProxyType(config), key, value, schema)


TOPICS: Final[tuple[Topic, ...]] = (
    _topic(
        CRM_EVENTS,
        _WEEK,
        "source|subject, else source and the lead's strongest identifier: order is promised per key only",
        "a CloudEvent, structured JSON, of a type in shared.contracts.events.EVENT_TYPES",
        "cloudevent",
    ),
    _topic(
        CRM_REJECTED,
        _WEEK,
        "the source it came through",
        "what could not be taken, raw, with the reason",
        "crm.rejected",
    ),
    _topic(
        LEAD_SCORED,
        {**_COMMON, "cleanup.policy": "compact", "max.message.bytes": str(_RECORD_BYTES)},
        "lead_id",
        "the lead's last score, without personal data, or the lead it is part of; empty when it was erased",
        "lead.scored",
    ),
    _topic(
        LEAD_GRADE_CHANGED,
        _WEEK,
        "lead_id",
        "that a lead has another grade, without personal data",
        "lead.grade.changed",
    ),
    _topic(
        LEAD_MESSAGES,
        _WEEK,
        "lead_id",
        "a message from a lead, for the responder; without a value: what that lead wrote is to be forgotten",
        "lead.messages",
    ),
    _topic(
        REPLY_EVENTS,
        _WEEK,
        "lead_id",
        "what became of a drafted reply",
        "reply.events",
    ),
    _topic(
        DELIVERY_STEPS,
        _WEEK,
        "the service that tells it",
        "what became of events and of what was written back, without what they say",
        "delivery.steps",
    ),
)
