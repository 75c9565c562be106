"""From a topic's record to what is posted, and to the event that tells what became of it. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

from shared.contracts.approval import content_hash
from shared.contracts.errors import InvalidEvent
from shared.contracts.topics import REPLY_EVENTS
from shared.contracts.validation import read
from shared.records import Outgoing

Kind = Literal["score", "reply"]

MAX_SCORE_VERSION: Final = 2**63 - 1
_NAMESPACE: Final = uuid.UUID("6f0c3f0e-0d5b-5c86-9a53-7a4a3f1b7c11")
# Named one by one: what a later version adds to the topic does not leave the premises by itself.
_SCORE_FIELDS: Final = (
    "lead_id", "score_version", "external_ids", "probability", "grade", "log_odds", "reasons",
    "model_version", "as_of", "status", "demo",
)  # fmt: skip
_REPLY_FIELDS: Final = ("draft_id", "version", "lead_id", "user", "message", "content", "sha256", "demo")


class ApprovalMismatch(InvalidEvent):
    """What is to be sent is not what was approved."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """Something to send. `body` is JSON, UTF-8; `outcome` a reply's event without `event` and `at`."""

    kind: Kind
    dedupe_key: str
    lead_id: str
    body: bytes
    score_version: int | None = None
    outcome: Mapping[str, Any] | None = None

    def id_at(self, destination: str) -> uuid.UUID:
        """The same for the same thing at the same destination, even after the database was restored."""
        return uuid.uuid5(_NAMESPACE, f"{destination}|{self.kind}|{self.dedupe_key}")


def read_score(raw: bytes | None) -> NewDelivery:
    """The delivery of a record of lead.scored.v1. Raises InvalidEvent."""
    score = read(raw, "lead.scored")
    version = int(score["score_version"])
    if version > MAX_SCORE_VERSION:
        raise InvalidEvent("score_version: does not fit 64 bits", "/score_version")
    data = {name: score[name] for name in _SCORE_FIELDS}
    if score["status"] == "merged":
        data["merged_into"] = score.get("merged_into")
    return NewDelivery(
        kind="score",
        dedupe_key=f"{score['lead_id']}:{version}",
        lead_id=score["lead_id"],
        score_version=version,
        body=_body("lead.scored", score["as_of"], data),
    )


def read_reply(raw: bytes | None) -> NewDelivery | None:
    """The delivery of a record of reply.events.v1; None unless it is an approval.

    Raises InvalidEvent, and its ApprovalMismatch when the content is not the approved one.
    """
    reply = read(raw, "reply.events")
    if reply["event"] != "approved":
        return None
    content = reply["content"]
    if content_hash(content) != reply["sha256"]:
        raise ApprovalMismatch("content: is not what sha256 was computed from; approve it again", "/sha256")
    if (content["draft_id"], content["version"]) != (reply["draft_id"], reply["version"]):
        raise ApprovalMismatch(
            "content: is of another draft or version; approve it again", "/content/draft_id"
        )
    return NewDelivery(
        kind="reply",
        dedupe_key=reply["draft_id"],
        lead_id=reply["lead_id"],
        body=_body("reply.approved", reply["at"], {name: reply[name] for name in _REPLY_FIELDS}),
        outcome={**{name: reply[name] for name in _REPLY_FIELDS}, "content": None},
    )


def outcome_event(outcome: Mapping[str, Any], event: Literal["sent", "failed"], at: datetime) -> Outgoing:
    """The record of reply.events.v1 that tells what became of a reply."""
    value = {**outcome, "event": event, "at": at.astimezone(UTC).isoformat()}
    return Outgoing(REPLY_EVENTS, outcome["lead_id"], orjson.dumps(value))


def _body(event_type: str, timestamp: str, data: Mapping[str, Any]) -> bytes:
    """Payload of Standard Webhooks 1.0.0, "Payload structure"."""
    return orjson.dumps({"type": event_type, "timestamp": timestamp, "data": data})
