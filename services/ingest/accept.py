"""From the body of a request to events that may enter crm.events.v1, and what is refused and why. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import orjson

from shared.contracts.errors import InvalidEvent
from shared.contracts.events import event_key, parse_json, partition_key, validate_event
from shared.contracts.topics import CRM_EVENTS, MAX_EVENT_BYTES
from shared.records import Outgoing

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
CONTENT_TYPES = {SINGLE, BATCH, NDJSON, "application/json"}
TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that was not taken. `index` is its place in the request, from 0."""

    index: int
    id: str | None
    error: str
    pointer: str
    raw: bytes


@dataclass(slots=True)
class Accepted:
    """The events of one request: what to publish, what to refuse, and how many repeat another of it."""

    outgoing: list[Outgoing] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Sender:
    """What the caller may say: for which source (any when None), and whether of the past."""

    source: str | None
    history: bool
    traceparent: str | None = None


def split(body: bytes, content_type: str) -> Iterator[tuple[bytes, Callable[[], object]]]:
    """Each event of a body: its raw bytes, and how to parse them.

    Raises InvalidEvent when the body as a whole cannot be read.
    """
    if content_type == NDJSON:
        lines = (line for line in body.split(b"\n") if line.strip())
        return ((line, lambda line=line: parse_json(line)) for line in lines)  # type: ignore[misc]
    try:
        document = parse_json(body)
    except InvalidEvent:
        # One event that Postgres could not hold must not cost the others: each is then judged by itself.
        document = _loose(body)
        if not isinstance(document, list):
            raise
        items = (orjson.dumps(item) for item in document)
        return ((raw, lambda raw=raw: parse_json(raw)) for raw in items)  # type: ignore[misc]
    if isinstance(document, list) and content_type != SINGLE:
        return ((orjson.dumps(item), lambda item=item: item) for item in document)  # type: ignore[misc]
    if content_type == BATCH:
        raise InvalidEvent(f"a body of type {BATCH} is a JSON array of events")
    return iter([(body, lambda: document)])


def _loose(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def accept(
    events: Iterable[tuple[bytes, Callable[[], object]]], sender: Sender, received_at: datetime
) -> Accepted:
    """Check each event against the contract and what `sender` may say. A bad one never costs the others."""
    result = Accepted()
    seen: set[str] = set()
    for index, (raw, parse) in enumerate(events):
        document: object = None
        try:
            document = parse()
            outgoing, key = _outgoing(document, sender, received_at)
        except InvalidEvent as error:
            event_id = document.get("id") if isinstance(document, Mapping) else None
            result.refused.append(
                Refused(
                    index,
                    event_id if isinstance(event_id, str) else None,
                    error.message,
                    error.pointer,
                    raw,
                )
            )
            continue
        if key in seen:
            result.duplicates += 1
            continue
        seen.add(key)
        result.outgoing.append(outgoing)
    return result


def _outgoing(document: object, sender: Sender, received_at: datetime) -> tuple[Outgoing, str]:
    validate_event(document, now=received_at)
    event = cast(dict[str, Any], document)
    if sender.source is not None and event["source"] != sender.source:
        raise InvalidEvent(f"source: this key may only post for {sender.source!r}", "/source")
    if event.get("declaredhistory") and not sender.history:
        raise InvalidEvent(
            "declaredhistory: this key may not declare history; it needs the scope events:history",
            "/declaredhistory",
        )
    event = {**event, "receivedat": received_at.isoformat()}
    if not TRACEPARENT.match(str(event.get("traceparent", ""))):
        event.pop("traceparent", None)
        if sender.traceparent:
            event["traceparent"] = sender.traceparent
    value = orjson.dumps(event)
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent(f"the event is larger than {MAX_EVENT_BYTES // 1000} kB: leave attachments out")
    headers = {"content-type": SINGLE}
    if "traceparent" in event:
        headers["traceparent"] = event["traceparent"]
    return Outgoing(CRM_EVENTS, partition_key(event), value, headers), event_key(event)
