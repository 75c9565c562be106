"""From a rejection back to what it should have been: the same way as the delivery came. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from services.ingest.accept import Accepted, Sender, accept
from services.ingest.connectors import Connector, read_call
from services.ingest.connectors.webhook_call import WebhookCall
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import readable_key
from shared.contracts.parsing import parse_json
from shared.contracts.topics import CRM_EVENTS, MAX_EVENT_BYTES, TOPICS
from shared.contracts.validation import read
from shared.records import Outgoing

INVALID, ID_REUSED, TOO_LARGE = "invalid_event", "id_reused", "too_large"
OTHER_TOPICS: Final = {topic.name: topic.schema for topic in TOPICS if topic.name != CRM_EVENTS}


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was refused. `body` is what is to be replayed: the raw bytes, or the latest edit when `edited`."""

    rejected_id: int
    received_at: datetime
    source: str
    connector: str
    reason: str
    detail: str
    event_key: str | None
    content_type: str | None
    headers: Mapping[str, str]
    status: str
    body: bytes
    edited: bool

    @property
    def editable(self) -> bool:
        """What is on the topics of leads and replies was made by a service, an approval by a person: nobody
        changes it here."""
        return self.connector not in OTHER_TOPICS


class StillRefused(Exception):
    """It stays in quarantine; `reason` and `detail` as those of a rejection."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def again(
    rejection: Rejection,
    sender: Sender,
    now: datetime,
    find_connector: Callable[[str], Connector | None],
    *,
    new_id: bool = False,
) -> list[Outgoing]:
    """What to publish for a rejection, received anew at `now` by whoever replays it. Raises StillRefused.

    The ids stay those of the original, so that consumers drop what they already took; `new_id` gives another
    one, always the same, to an event whose id was taken with another content.
    """
    if len(rejection.body) >= MAX_EVENT_BYTES and not rejection.edited:
        raise StillRefused(
            TOO_LARGE,
            f"Only its first {MAX_EVENT_BYTES:,} bytes were kept: replay it with a whole, smaller body.",
        )
    if (schema := OTHER_TOPICS.get(rejection.connector)) is not None:
        return [_as_it_was(rejection, schema)]
    connector = find_connector(rejection.connector)
    accepted = (
        _event(rejection, sender, now, new_id=new_id)
        if connector is None
        else _call(rejection, connector, sender, now)
    )
    if accepted.refused:
        raise StillRefused(INVALID, accepted.refused[0].error)
    if not accepted.outgoing:
        raise StillRefused(INVALID, "It says nothing that the contract knows.")
    return accepted.outgoing


def key_of(body: bytes) -> str | None:
    """source|id when `body` is JSON that names both."""
    try:
        return readable_key(parse_json(body))
    except InvalidEvent:
        return None


def _as_it_was(rejection: Rejection, schema: str) -> Outgoing:
    try:
        read(rejection.body, schema)
    except InvalidEvent as error:
        raise StillRefused(INVALID, error.message) from error
    return Outgoing(rejection.connector, rejection.source, rejection.body)


def _call(rejection: Rejection, connector: Connector, sender: Sender, now: datetime) -> Accepted:
    """Its signature was verified when it came."""
    call = WebhookCall(
        method="POST",
        url="",
        headers={"content-type": rejection.content_type or "", **rejection.headers},
        body=rejection.body,
        received_at=rejection.received_at,
    )
    return accept(read_call(connector, call), Sender(sender.source, history=False), now)


def _event(rejection: Rejection, sender: Sender, now: datetime, *, new_id: bool) -> Accepted:
    def parse() -> object:
        document = parse_json(rejection.body)
        if new_id and isinstance(document, dict):
            document["id"] = f"{document.get('id')}~{rejection.rejected_id}"
        return document

    if rejection.reason == ID_REUSED and not new_id and key_of(rejection.body) == rejection.event_key:
        raise StillRefused(
            ID_REUSED,
            "An event with this source and id was already taken with another content, and counts. Replay "
            "this one under a new id if both happened.",
        )
    if rejection.connector == CRM_EVENTS and not rejection.edited:
        # Ingest let it in once, history or not; only a worker refused it.
        sender = replace(sender, history=True)
    return accept([(rejection.body, parse)], sender, now)


def shown_body(body: bytes) -> dict[str, Any]:
    """A body for JSON: as text when it is text, else in hexadecimal as far as a person would look."""
    try:
        return {"text": body.decode(), "bytes": len(body)}
    except UnicodeDecodeError:
        return {"hex": body[:4096].hex(" "), "bytes": len(body)}


def decision(rejection: Rejection, status: str, action: str, **detail: Any) -> dict[str, Any]:
    """One row for `store.settle`: where the rejection then stands, and what is written down of it."""
    return {
        "rejected_id": rejection.rejected_id,
        "status": status,
        "reason": detail.get("reason", rejection.reason),
        "detail": detail.get("detail", rejection.detail),
        "action": action,
        "said": orjson.loads(orjson.dumps(detail)),
    }
