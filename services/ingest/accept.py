"""From the body of a request to events that may enter crm.events.v1, and what is refused and why. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

import orjson

from shared.contracts.errors import InvalidEvent
from shared.contracts.events import event_key, parse_json, partition_key, validate_event
from shared.contracts.identifiers import Identifier
from shared.contracts.topics import CRM_EVENTS, MAX_EVENT_BYTES
from shared.records import Outgoing

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
CONTENT_TYPES = {SINGLE, BATCH, NDJSON, "application/json"}
HEADERS: Final = {"content-type": SINGLE}
ID_REUSED: Final = "id_reused"
ID_REUSED_WORDS: Final = (
    "id: another event of this request has it and says something else; give each event an id of its own"
)
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_MARKS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)
"""Strings, since brackets in them do not count, and what gives JSON its structure."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One event that was not taken. `index` is its place in the request, from 0; `reason` a code."""

    index: int
    id: str | None
    error: str
    pointer: str
    raw: bytes
    reason: str = "invalid_event"


@dataclass(slots=True)
class Accepted:
    """The events of one request: what to publish, what to refuse, and how many repeat another of it."""

    outgoing: list[Outgoing] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0

    @property
    def events(self) -> int:
        """How many there were, taken or not."""
        return len(self.outgoing) + len(self.refused) + self.duplicates


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
        # One event that cannot be read must not cost the others: each is then judged by itself.
        items = array_items(body)
        if items is None or content_type == SINGLE:
            raise
        return ((raw, lambda raw=raw: parse_json(raw)) for raw in items)  # type: ignore[misc]
    if isinstance(document, list) and content_type != SINGLE:
        return ((orjson.dumps(item), lambda item=item: item) for item in document)  # type: ignore[misc]
    if content_type == BATCH:
        raise InvalidEvent(f"a body of type {BATCH} is a JSON array of events")
    return iter([(body, lambda: document)])


def array_items(body: bytes) -> list[bytes] | None:
    """The items of a JSON array as they were sent, whatever is wrong within them; None when it is no array.

    Only strings and brackets are read, so an item may hold NaN, bad UTF-8 or ten thousand brackets.
    """
    text = body.strip()
    items: list[bytes] = []
    begin, depth = 1, 0
    for token in _MARKS.finditer(text):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if depth == 0:
            break
        if mark == b"," and depth == 1:
            items.append(text[begin : token.start()])
            begin = token.end()
    else:
        return None
    if text[:1] != b"[" or text[-1:] != b"]" or token.end() != len(text):
        return None
    items.append(text[begin:-1])
    return items if all(map(bytes.strip, items)) else None


def accept(
    events: Iterable[tuple[bytes, Callable[[], object]]], sender: Sender, received_at: datetime
) -> Accepted:
    """Check each event against the contract and what `sender` may say. A bad one never costs the others.

    An identical repeat is a duplicate; one that has the id of another event of the request and says something
    else is refused, and kept.
    """
    result = Accepted()
    taken: dict[str, object] = {}
    stamp = received_at.isoformat()
    for index, (raw, parse) in enumerate(events):
        document: object = None
        try:
            document = parse()
            strongest = _check(document, sender, received_at)
            event = cast(dict[str, Any], document)
            key = event_key(event)
            if key not in taken:
                result.outgoing.append(_outgoing(event, strongest, sender.traceparent, stamp))
                taken[key] = event
            elif _canonical(event) == _canonical(taken[key]):
                result.duplicates += 1
            else:
                result.refused.append(Refused(index, event["id"], ID_REUSED_WORDS, "/id", raw, ID_REUSED))
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
    return result


def _check(document: object, sender: Sender, received_at: datetime) -> Identifier:
    strongest = validate_event(document, now=received_at)
    event = cast(dict[str, Any], document)
    if sender.source is not None and event["source"] != sender.source:
        raise InvalidEvent(f"source: this sender may only post for {sender.source!r}", "/source")
    if event.get("declaredhistory") and not sender.history:
        raise InvalidEvent(
            "declaredhistory: this key may not declare history; it needs the scope events:history",
            "/declaredhistory",
        )
    return strongest


def _canonical(event: object) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def _outgoing(event: dict[str, Any], strongest: Identifier, traceparent: str | None, stamp: str) -> Outgoing:
    stamped = {**event, "receivedat": stamp}
    headers = HEADERS
    if traceparent is not None or "traceparent" in event:
        given = (str(stamped.pop("traceparent", None)), str(traceparent))
        traced = next(filter(TRACEPARENT.fullmatch, given), None)
        if traced is not None:
            stamped["traceparent"] = traced
            headers = {**HEADERS, "traceparent": traced}
    value = orjson.dumps(stamped)
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent(f"the event is larger than {MAX_EVENT_BYTES // 1000} kB: leave attachments out")
    return Outgoing(CRM_EVENTS, partition_key(event["source"], strongest), value, headers)
