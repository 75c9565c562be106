"""The events of the contract: their types, what makes one valid, and their keys.

Envelope: CloudEvents 1.0, structured JSON (https://github.com/cloudevents/spec, json-format.md).
"""

import difflib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.contracts.errors import InvalidEvent
from shared.contracts.identifiers import Identifier, iter_identifiers
from shared.contracts.parsing import parse_json, parse_time
from shared.contracts.validation import check, load_schema, schema_uri

__all__ = [
    "EVENT_TYPES",
    "OUTCOMES",
    "InvalidEvent",
    "data_schema",
    "event_key",
    "parse_json",
    "parse_time",
    "partition_key",
    "validate_event",
]

EVENT_TYPES: Final = frozenset(
    {
        "crm.activity.logged",
        "crm.call.logged",
        "crm.consent.changed",
        "crm.email.bounced",
        "crm.email.clicked",
        "crm.email.opened",
        "crm.email.unsubscribed",
        "crm.form.submitted",
        "crm.lead.converted",
        "crm.lead.created",
        "crm.lead.erased",
        "crm.lead.lost",
        "crm.lead.updated",
        "crm.meeting.booked",
        "crm.meeting.cancelled",
        "crm.meeting.held",
        "crm.message.received",
        "crm.message.sent",
        "crm.page.viewed",
        "crm.stage.changed",
    }
)
OUTCOMES: Final[Mapping[str, str]] = {"crm.lead.converted": "won", "crm.lead.lost": "lost"}

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
MAX_AHEAD: Final = timedelta(days=1)
_ENVELOPE: Final = load_schema("cloudevent")["properties"]

_VERSIONED = re.compile(r"/(?P<type>[^/]+)/(?P<version>[0-9]+)")


def data_schema(event_type: str) -> str:
    """The `dataschema` of the current version of a type."""
    return schema_uri(event_type)


def validate_event(event: object, *, now: datetime | None = None, default_region: str = "FR") -> Identifier:
    """Its strongest identifier when `event` may enter crm.events.v1; else InvalidEvent, saying what to do.

    Checks the envelope, the type, the version, the data's schema, the times against `now` (the clock)
    and that at least one identifier is usable. An e-mail or phone that does not normalise identifies nobody,
    no more.
    """
    check(event, "cloudevent")
    assert isinstance(event, dict)  # noqa: S101 - the schema just said so
    _check_type(event["type"])
    _check_version(event)
    check(event["data"], event["type"], at="/data")
    _check_time(event, "time", now or datetime.now(UTC))
    if event.get("receivedat") is not None:
        _check_time(event, "receivedat", now or datetime.now(UTC))
    strongest = next(iter_identifiers(event, default_region), None)
    if strongest is None:
        raise InvalidEvent(
            "data.lead: give at least one of email, phone, external_ids in a usable form, or a subject",
            "/data/lead",
        )
    return strongest


def event_key(event: Mapping[str, Any]) -> str:
    """The deduplication key of a valid event: source|id. The first "|" ends the source, which holds none."""
    return f"{event['source']}|{event['id']}"


def readable_key(document: object) -> str | None:
    """The same of what is no valid event but names both, each no longer than the contract lets it be."""
    match document:
        case {"source": str(source), "id": str(event_id)} if (
            len(source) <= _ENVELOPE["source"]["maxLength"] and len(event_id) <= _ENVELOPE["id"]["maxLength"]
        ):
            return f"{source}|{event_id}"
        case _:
            return None


def partition_key(source: str, strongest: Identifier) -> str:
    """The Kafka key of a valid event: source|subject, else source and its strongest identifier."""
    match strongest.kind:
        case "subject":
            return f"{source}|{strongest.value}"
        case "external_id":
            return f"{source}|external_id:{strongest.source}:{strongest.value}"
        case kind:
            return f"{source}|{kind}:{strongest.value}"


def _check_type(event_type: str) -> None:
    if event_type not in EVENT_TYPES:
        close = difflib.get_close_matches(event_type, sorted(EVENT_TYPES), n=3, cutoff=0.4) or sorted(
            EVENT_TYPES
        )
        raise InvalidEvent(f"type: not a type of this contract; did you mean {', '.join(close)}?", "/type")


def _check_version(event: Mapping[str, Any]) -> None:
    dataschema = event.get("dataschema")
    if dataschema is None:
        return
    found = _VERSIONED.search(dataschema, max(0, len(dataschema) - 160))
    if (
        found is None
        or found.end() != len(dataschema)
        or found["type"] != event["type"]
        or found["version"] != "1"
    ):
        raise InvalidEvent(f"dataschema: leave it out or use {data_schema(event['type'])}", "/dataschema")


def _check_time(event: Mapping[str, Any], name: str, now: datetime) -> None:
    try:
        moment = parse_time(event[name])
    except InvalidEvent as error:
        raise InvalidEvent(f"{name}: {error.message}", f"/{name}") from error
    if moment < EARLIEST:
        raise InvalidEvent(f"{name}: before 1990; is it in seconds or in another unit?", f"/{name}")
    if moment > now + MAX_AHEAD:
        raise InvalidEvent(f"{name}: more than a day ahead; check the sender's clock and offset", f"/{name}")
