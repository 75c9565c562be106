"""From a record of crm.events.v1 to an event that can be stored and folded. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson

from services.scoring.state import Event
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import event_key, parse_json, parse_time, validate_event
from shared.contracts.identifiers import Identifier, identifiers, merged_into_of, value_hash
from shared.records import Record


@dataclass(frozen=True, slots=True)
class Intake:
    """A valid event, its deduplication key and the identifiers of its lead, strongest first.

    `merged_into`: the record, one of the identifiers, of which the source says that its subject became part.
    """

    record: Record
    event: Event
    received_at: datetime
    history: bool
    key_hash: bytes
    body_hash: bytes
    identifiers: tuple[Identifier, ...]
    traceparent: str | None
    merged_into: Identifier | None = None


def _body_hash(document: Mapping[str, Any]) -> bytes:
    body = {name: value for name, value in document.items() if name not in {"receivedat", "traceparent"}}
    return value_hash(orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode())


def read(record: Record) -> Intake:
    """Raises InvalidEvent when the record is no event of the contract: it goes to quarantine."""
    if record.value is None:
        raise InvalidEvent("an empty record is no event")
    document = parse_json(record.value)
    validate_event(document)
    valid = cast(dict[str, Any], document)
    occurred_at = parse_time(valid["time"])
    if "receivedat" not in valid:
        raise InvalidEvent("receivedat: missing; events enter through ingest, which sets it", "/receivedat")
    received_at = parse_time(valid["receivedat"])
    history = valid.get("declaredhistory") is True
    found = tuple(identifiers(valid))
    return Intake(
        record=record,
        event=Event(
            source=valid["source"],
            id=valid["id"],
            type=valid["type"],
            subject=valid.get("subject"),
            occurred_at=occurred_at,
            known_at=occurred_at if history else received_at,
            data=valid["data"],
            anonymous=found[0].anonymous,
        ),
        received_at=received_at,
        history=history,
        key_hash=value_hash(event_key(valid)),
        body_hash=_body_hash(valid),
        identifiers=found,
        traceparent=valid.get("traceparent"),
        merged_into=merged_into_of(valid),
    )
