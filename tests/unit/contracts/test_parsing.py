"""Strict JSON and times."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.errors import InvalidEvent
from shared.contracts.parsing import MAX_DEPTH, parse_json, parse_time


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"", ""),
        (b"{", ""),
        (b"NaN", ""),
        (b"[Infinity]", ""),
        (b"1e999", ""),
        (b'"\\ud800"', ""),
        (b'"\xff"', ""),
        (b'\xef\xbb\xbf{"a":1}', ""),
        (b'{"a":["x","\\u0000"]}', "/a/1"),
        (b'{"a/b":{"\\u0000":1}}', "/a~1b"),
        (b'{"a":1e31}', "/a"),
        (b'{"a":-12345678901234567890123456789012}', "/a"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "/0" * MAX_DEPTH),
        (b"[" * 2000 + b"]" * 2000, ""),
    ],
)
def test_what_cannot_be_stored_is_refused_where_it_is(raw: bytes, pointer: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse_json(raw)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    "raw",
    [
        b'"\\\\u0000"',
        b'"1e999 and 1234567890123456789012345678901234567890"',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b"[" + b"{}," * 100 + b"{}]",
        b"[18446744073709551615, 1e29, -1.5e-300]",
    ],
)
def test_what_only_looks_wrong_is_taken(raw: bytes) -> None:
    assert parse_json(raw) == orjson.loads(raw)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e29, 1e29) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_values)
def test_any_document_is_read_as_it_was_or_refused_for_u0000(value: object) -> None:
    raw = orjson.dumps(value)
    if b"\\u0000" in raw.replace(b"\\\\", b""):
        with pytest.raises(InvalidEvent, match=r"U\+0000"):
            parse_json(raw)
    else:
        assert parse_json(raw) == orjson.loads(raw)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14T09:26:53Z", datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)),
        ("2026-03-14t09:26:53z", datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)),
        ("2026-03-14T09:26:53.1+01:00", datetime(2026, 3, 14, 8, 26, 53, 100000, tzinfo=UTC)),
        ("2026-03-14T09:26:53.123456789-00:00", datetime(2026, 3, 14, 9, 26, 53, 123456, tzinfo=UTC)),
    ],
)
def test_rfc3339_times_are_read_in_utc(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-14",
        "2026-03-14 09:26:53Z",
        "2026-03-14T09:26:53",
        "20260314T092653Z",
        "2026-W11-6T09:26:53Z",
        "2026-03-14T09:26:60Z",
        "2026-03-14T09:26:53Z\n",
        "٢٠٢٦-03-14T09:26:53Z",
        "0001-01-01T00:00:00+14:00",
        "2026-03-14T09:26:53+99:00",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InvalidEvent):
        parse_time(text)
