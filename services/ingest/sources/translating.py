"""From a payload to events, as a definition's expressions say. Pure; never raises, whatever JSON comes."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import orjson

from services.ingest.connectors import parse_body
from services.ingest.connectors.reading import (
    NotUnderstood,
    Translated,
    amount,
    as_list,
    attributes,
    event,
    from_seconds,
    identity,
    is_scalar,
    short,
    text,
    translate_each,
)
from services.ingest.connectors.webhook_call import Event, Untranslatable, WebhookCall
from services.ingest.sources.definition import (
    IGNORE,
    REFUSE,
    EventType,
    Mapped,
    Moment,
    SqlSource,
)
from services.ingest.sources.expressions import Evaluator, plain_path
from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import parse_time

Find = Callable[[str, str], Any]
"""What an expression finds in an item, and the field's name for a refusal."""

MAX_ITEMS: Final = 1_000
ENVELOPE: Final = "_envelope"
"""The body, beside the fields of each of its items."""


def parse(call: WebhookCall) -> object:
    """A JSON body, or a form's fields: one text, or several of a name. Raises InvalidEvent."""
    if call.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return parse_body(call)
    try:
        fields = parse_qs(call.body.decode(), max_num_fields=1_000, keep_blank_values=True)
    except ValueError as error:
        raise InvalidEvent("not a form in UTF-8 with at most 1,000 fields") from error
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def translate(source: Mapped, payload: Any, call: WebhookCall) -> Translated:
    """The events of each item, or of the body; what is not understood is kept to be read again."""
    evaluator = Evaluator()
    if source.items is None:
        items = as_list(payload)
    else:
        try:
            items = evaluator.find(source.items, payload, "items")
        except NotUnderstood as refusal:
            return [Untranslatable(str(refusal), call.body)]
        if not isinstance(items, list):
            return [Untranslatable("items: the expression finds no list in this payload", call.body)]
    if len(items) > MAX_ITEMS:
        return [Untranslatable(f"more than {MAX_ITEMS:,} items: send fewer at once", call.body)]

    def raw_of(item: Any) -> bytes:
        return _alone(source, payload, item, call.body) if len(items) > 1 else call.body

    def events_of(item: Any) -> Iterator[Event]:
        context = {**item, ENVELOPE: payload} if isinstance(item, dict) and source.items else item
        return _events(source, partial(_found, evaluator, context), item, call)

    return translate_each(items, events_of, call, raw_of=raw_of)


def _found(evaluator: Evaluator, context: Any, path: str, name: str) -> Any:
    return evaluator.find(path, context, name)


def _alone(source: Mapped, payload: Any, item: Any, body: bytes) -> bytes:
    """The body with this item only; the whole body where nobody can say how items lie in it."""
    path = () if source.items is None else plain_path(source.items)
    if path is None:
        return body
    return orjson.dumps(_placed(payload, path, item))


def _placed(value: Any, path: tuple[str, ...], item: Any) -> Any:
    return {**value, path[0]: _placed(value[path[0]], path[1:], item)} if path else [item]


def _events(source: Mapped, find: Find, item: Any, call: WebhookCall) -> Iterator[Event]:
    event_type = _type(source.event.type, find)
    if event_type == IGNORE:
        return
    fields = source.event
    made = event(
        event_type,
        source=source.name,
        event_id=_id(source, find, item),
        time=_time(fields.time, find) if fields.time else call.received_at.isoformat(),
        subject=identity(find(fields.subject, "event.subject")) if fields.subject else None,
        lead=_lead(source, find, item),
    )
    told = {name: find(path, f"data.{name}") for name, path in source.data.items()}
    made["data"] |= {name: value for name, value in told.items() if value is not None and name != "lead"}
    yield made


def _type(wanted: EventType, find: Find) -> str:
    if wanted.path is None:
        return wanted.otherwise
    value = find(wanted.path, "event.type")
    key = str(value).lower() if isinstance(value, bool) else identity(value)
    event_type = wanted.table.get(key or "", wanted.otherwise)
    if event_type == REFUSE:
        raise NotUnderstood(f"event.type: {short(key)} is not in the table")
    return event_type


def _id(source: Mapped, find: Find, item: Any) -> str:
    """What `event.id` finds, else a hash of the item: the same content sent again is the same event.

    A row that changes keeps its id: its cursor tells one state from another.
    """
    path = source.event.id
    if path is None:
        return hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()
    found = identity(find(path, "event.id"))
    if found is None:
        raise NotUnderstood("event.id: the expression finds no text or whole number")
    if not isinstance(source, SqlSource):
        return found
    if not isinstance(item, dict) or item.get(source.sql.cursor) is None:
        raise NotUnderstood(f"the row has no column {source.sql.cursor!r}")
    return f"{found}:{item[source.sql.cursor]}"


def _time(moment: Moment, find: Find) -> str:
    value = find(moment.path, "event.time")
    if moment.format in ("epoch_s", "epoch_ms"):
        number = amount(value)
        found = (
            None if number is None else from_seconds(number / (1000 if moment.format == "epoch_ms" else 1))
        )
    else:
        found = _from_text(text(value) or "", moment)
    if found is None:
        raise NotUnderstood(f"event.time: no time of the format {moment.format} is there")
    return found


def _from_text(written: str, moment: Moment) -> str | None:
    try:
        if moment.format == "iso":
            found = datetime.fromisoformat(written.strip())
        else:
            found = datetime.strptime(written.strip(), moment.format)  # noqa: DTZ007 - the zone follows
    except ValueError:
        return None
    if found.tzinfo is None:
        if moment.zone is None:
            raise NotUnderstood("event.time: it has no offset; name its zone in the definition")
        found = found.replace(tzinfo=ZoneInfo(moment.zone))
    try:
        return parse_time(found.isoformat()).isoformat()
    except (InvalidEvent, OverflowError, ValueError):
        return None


def _lead(source: Mapped, find: Find, item: Any) -> dict[str, Any]:
    fields = source.lead
    profile = {"email": fields.email, "phone": fields.phone, "name": fields.name, "company": fields.company}
    lead: dict[str, Any] = {
        name: identity(find(path, f"lead.{name}")) for name, path in profile.items() if path
    }
    ids = {
        system: identity(find(path, f"lead.external_ids.{system}"))
        for system, path in fields.external_ids.items()
    }
    lead["external_ids"] = {system: value for system, value in ids.items() if value is not None}
    named = {name: find(path, f"lead.attributes.{name}") for name, path in fields.attributes.items()}
    lead["attributes"] = {
        **(_everything_else(source, item) if fields.everything_else else {}),
        # An emptied field is a null, which is not the same as one that was never told.
        **{name: value if is_scalar(value) else None for name, value in named.items()},
    }
    return lead


def _everything_else(source: Mapped, item: Any) -> dict[str, Any]:
    used = {".".join(path) for text in _expressions(source) if (path := plain_path(text))}
    left_out = used | set(source.lead.leave_out)
    return {
        name: value
        for name, value in attributes(item, leave_out=source.lead.leave_out).items()
        if name not in left_out
    }


def _expressions(source: Mapped) -> Iterator[str]:
    event_fields, lead = source.event, source.lead
    found = (event_fields.type.path, event_fields.id, event_fields.subject,
             event_fields.time.path if event_fields.time else None,
             lead.email, lead.phone, lead.name, lead.company)  # fmt: skip
    yield from (path for path in found if path is not None)
    for group in (lead.external_ids, lead.attributes, source.data):
        yield from group.values()
