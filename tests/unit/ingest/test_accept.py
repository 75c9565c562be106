"""What is taken of a request, what repeats another event of it, and what contradicts one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.ingest.accept import NDJSON, Accepted, Sender, accept, array_items, split

NOW = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "forms",
        "type": "crm.form.submitted",
        "time": "2026-03-14T09:26:53Z",
        "data": {"lead": {"email": "a@example.fr"}, "form": "contact"},
        **changes,
    }


def taken(*lines: bytes | dict[str, Any], sender: Sender | None = None) -> Accepted:
    body = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    return accept(split(body, NDJSON), sender or Sender(None, history=False), NOW)


def test_an_identical_repeat_is_a_duplicate_however_it_is_spelt() -> None:
    spelt_differently = orjson.dumps(dict(reversed(event().items())), option=orjson.OPT_INDENT_2)
    result = taken(event(), spelt_differently.replace(b"\n", b" "), event(source="crm"))
    assert (len(result.outgoing), result.duplicates, result.refused) == (2, 1, [])


@pytest.mark.parametrize("value", [True, 1.5, "1", None])
def test_the_same_id_with_another_body_is_reported_and_kept_not_counted_as_a_duplicate(value: object) -> None:
    def with_size(size: object) -> dict[str, Any]:
        return event(data={"lead": {"email": "a@example.fr", "attributes": {"size": size}}})

    result = taken(with_size(1), with_size(value), with_size(1))
    assert (len(result.outgoing), result.duplicates) == (1, 1)
    (refused,) = result.refused
    assert (refused.index, refused.id, refused.reason, refused.pointer) == (1, "1", "id_reused", "/id")
    assert orjson.loads(refused.raw) == with_size(value)


def test_an_event_that_was_refused_does_not_take_the_id() -> None:
    result = taken(event(type="crm.nothing"), event())
    assert (len(result.outgoing), result.duplicates, len(result.refused)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("own", "callers", "carried"),
    [
        (TRACE, None, TRACE),
        (None, TRACE, TRACE),
        ("bad\r\nX-Injected: 1", TRACE, TRACE),
        (TRACE + "\n", "bad\r\nX-Injected: 1", None),
        (None, None, None),
    ],
)
def test_only_a_well_formed_traceparent_is_carried(
    own: str | None, callers: str | None, carried: str | None
) -> None:
    sender = Sender(None, history=False, traceparent=callers)
    (outgoing,) = taken(event(**({"traceparent": own} if own else {})), sender=sender).outgoing
    assert outgoing.headers.get("traceparent") == carried
    assert orjson.loads(outgoing.value or b"").get("traceparent") == carried


def test_a_receipt_that_the_sender_claims_is_replaced() -> None:
    (outgoing,) = taken(event(receivedat="2026-01-01T00:00:00Z")).outgoing
    assert orjson.loads(outgoing.value or b"")["receivedat"] == NOW.isoformat()


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_ten_minutes_off_is_taken_as_it_says(minutes: int) -> None:
    moment = (NOW + timedelta(minutes=minutes)).isoformat()
    (outgoing,) = taken(event(time=moment)).outgoing
    stored = orjson.loads(outgoing.value or b"")
    assert (stored["time"], stored["receivedat"]) == (moment, NOW.isoformat())


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b'[{"a": NaN}, {"b": "],["}]', [b'{"a": NaN}', b' {"b": "],["}']),
        (b' ["\\"", [1, 2], \xff]\n', [b'"\\""', b" [1, 2]", b" \xff"]),
        (b"[NaN]", [b"NaN"]),
        (b"[1, 2", None),
        (b"[1,, 2]", None),
        (b"[1] [2]", None),
        (b'{"a": [NaN]}', None),
        (b'["unended]', [b'"unended']),
        (b"[{]", None),
        (b"", None),
    ],
)
def test_an_array_that_is_no_json_is_taken_apart_if_its_ends_can_be_told(
    body: bytes, items: list[bytes] | None
) -> None:
    assert array_items(body) == items
