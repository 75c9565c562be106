"""Which reply draft a lead shows, from what reply.events.v1 says of its drafts. Pure.

Records may come twice, and those of write-back (`sent`, `failed`) beside those of the responder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_time
from shared.contracts.validation import read
from shared.records import Record

STATUS = {
    "drafted": "waiting",
    "stale": "stale",
    "approved": "approved",
    "rejected": "rejected",
    "failed": "failed",
    "sent": "sent",
}
_FORWARD = {"waiting": 0, "stale": 1, "approved": 1, "rejected": 1, "failed": 2, "sent": 3}


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """What happened to a draft, and when."""

    lead_id: UUID
    draft_id: UUID
    event: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """The draft a lead shows. `since` is the time of the event that brought it."""

    draft_id: UUID
    status: str
    since: datetime


def read_reply(record: Record) -> ReplyEvent:
    """Raises InvalidEvent."""
    value: Mapping[str, Any] = read(record.value, "reply.events")
    return ReplyEvent(
        _uuid(value, "lead_id"), _uuid(value, "draft_id"), value["event"], parse_time(value["at"])
    )


def follow(shown: ShownDraft | None, reply: ReplyEvent) -> ShownDraft | None:
    """The draft to show after `reply`.

    A draft's status only moves forward. Another draft takes its place when it was drafted later; or when a
    person decides on it, unless the one shown still waits. That another draft was sent, or failed, changes
    nothing: its approval came before.
    """
    status = STATUS[reply.event]
    if shown is None:
        return ShownDraft(reply.draft_id, status, reply.at)
    if reply.draft_id == shown.draft_id:
        forward = _FORWARD[status] > _FORWARD[shown.status]
        return ShownDraft(shown.draft_id, status, shown.since) if forward else shown
    decided = status in ("approved", "rejected") and shown.status != "waiting"
    if reply.at > shown.since and (status == "waiting" or decided):
        return ShownDraft(reply.draft_id, status, reply.at)
    return shown


def _uuid(value: Mapping[str, Any], name: str) -> UUID:
    try:
        return UUID(value[name])
    except ValueError as error:
        raise InvalidEvent(f"{name}: give a UUID", f"/{name}") from error
