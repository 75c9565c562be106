"""Reading payloads that may hold anything: what is not of the expected kind is absent, never an error."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.ingest.connectors.webhook_call import Event, Untranslatable, WebhookCall
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import validate_event
from shared.contracts.topics import MAX_EVENT_BYTES

Translated = list[Event | Untranslatable]
MAX_NAME_CHARS = 200


class NotUnderstood(Exception):
    """One notification says nothing that the contract knows. The message repeats no personal value."""


def translate_each(
    notifications: Sequence[Any],
    events_of: Callable[[Any], Iterable[Event]],
    call: WebhookCall,
    *,
    raw_of: Callable[[Any], bytes] | None = None,
) -> Translated:
    """The valid events of each notification; one that gives a bad one costs no other.

    What is refused is kept as `raw_of` gives it, else as the body came when it held nothing else, else as
    JSON.
    """
    translated: Translated = []
    alone = call.body if len(notifications) == 1 else None
    for notification in notifications:
        try:
            events = list(events_of(notification))
            for event in events:
                validate_event(event, now=call.received_at)
        except (NotUnderstood, InvalidEvent) as refusal:
            if raw_of is not None:
                raw = raw_of(notification)
            else:
                raw = json.dumps(notification).encode() if alone is None else alone
            translated.append(Untranslatable(str(refusal), raw))
        else:
            translated += events
    return translated


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def as_object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def field(value: Any, *path: str) -> Any:
    """What lies at `path` in nested objects, or None."""
    for name in path:
        value = as_object(value).get(name)
    return value


def text(value: Any) -> str | None:
    """A text that says something; None for all else."""
    return value if isinstance(value, str) and value.strip() else None


def identity(value: Any) -> str | None:
    """An id, which vendors give as a text or as a whole number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else None
    return text(value)


def number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= 1e30 else None  # not NaN, nor an integer that no float can hold


def amount(value: Any) -> float | int | None:
    """A number, or a text that is one, as XML and HubSpot have it."""
    if isinstance(value, str) and len(value) < 40 and "_" not in value:
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)


def required(value: str | None, name: str) -> str:
    if value is None:
        raise NotUnderstood(f"{name} is missing or not an id")
    return value


def attributes(values: Any, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """The scalars of an object, those of objects within it under "outer.inner". Lists are left out."""
    found: dict[str, Any] = {}
    for name, value in as_object(values).items():
        if name in leave_out:
            continue
        inner = value.items() if isinstance(value, dict) else ()
        candidates = [
            (name, value),
            *((f"{name}.{inner_name}", inner_value) for inner_name, inner_value in inner),
        ]
        found |= {key: kept for key, kept in candidates if is_scalar(kept) and len(key) <= MAX_NAME_CHARS}
    return found


def is_scalar(value: Any) -> bool:
    return isinstance(value, bool | str) or number(value) is not None


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """The named values that are there: absent and empty ones must not overwrite what is known."""
    return {name: value for name, value in values.items() if value is not None and value != {}}


def from_seconds(value: Any) -> str | None:
    """RFC 3339 of seconds since 1970; None when it is no such moment."""
    seconds = number(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def required_time(value: Any, name: str, *, per_second: int = 1) -> str:
    """RFC 3339 of a Unix time in 1/`per_second` s. Raises NotUnderstood when it is missing or no moment."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotUnderstood(f"{name} is missing or not a number")
    found = number(value)
    moment = None if found is None else from_seconds(found / per_second)
    if moment is None:
        unit = "milliseconds" if per_second == 1000 else "seconds"
        raise NotUnderstood(f"{name} is no date: as {unit} since 1970 it lies beyond any calendar")
    return moment


def from_naive(value: Any) -> str | None:
    """RFC 3339 of a time without an offset that is known to be UTC, as Odoo writes it."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def event(
    event_type: str,
    *,
    source: str,
    event_id: str,
    time: str,
    subject: str | None = None,
    lead: Mapping[str, Any] | None = None,
    title: str | None = None,
    **data: Any,
) -> Event:
    """A CloudEvent of the contract; what is None is left out.

    `subject` is the lead's id at the source, `title` the subject of a message (`data.subject`).
    """
    made: Event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event_type,
        "time": time,
        "data": {"lead": without_none(lead or {}), **without_none({**data, "subject": title})},
    }
    return made if subject is None else {**made, "subject": subject}


def hydrate(system: str, kind: str, object_id: str) -> dict[str, str]:
    """`data.hydrate`: the payload held an id only, the rest is to be pulled from `system`."""
    return {"system": system, "object": kind, "id": object_id}


def short(value: Any) -> str:
    """A vendor's own word for a kind of notification, fit for a message."""
    return repr(value)[:80] if isinstance(value, str) else type(value).__name__


def cut(value: str) -> str:
    """Long text so that its event fits a record, with room for the rest."""
    return value if len(value) <= MAX_EVENT_BYTES // 8 else value[: MAX_EVENT_BYTES // 8]
