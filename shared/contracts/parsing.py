"""Strict reading of JSON and of times: what passes here, Postgres and the models can hold."""

import re
from datetime import UTC, datetime
from typing import Final

import orjson

from shared.contracts.errors import InvalidEvent

MAX_DEPTH: Final = 64
MAX_NUMBER: Final = 1e30
"""Models compute in 32-bit floats, which end at 3.4e38; a lead's figure has no business near it."""

# A quick look at the bytes spares most documents the walk through every value. Ids in hexadecimal are full of
# what looks like an exponent, so those are looked at twice: a number stands after one of four characters.
_SHAPE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_LONG: Final = b"0" * 31
_EXPONENT: Final = re.compile(rb"[:,\[\s]-?\d[\d.]*[eE]|^-?\d[\d.]*[eE]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse_json(raw: bytes) -> object:
    """Parse one JSON document.

    Refuses, with InvalidEvent: bytes that are not UTF-8 JSON (NaN, infinities and lone surrogates included),
    U+0000 in a string or a name, nesting deeper than MAX_DEPTH, numbers beyond ±MAX_NUMBER. The last of two
    equal names wins.
    """
    try:
        document: object = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent(
            f"not valid JSON in UTF-8: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from error
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or _suspect(raw):
        _check_values(document)
    return document


def _suspect(raw: bytes) -> bool:
    shape = raw.translate(_SHAPE)
    return b"\\u0000" in raw or _LONG in shape or (b"0e" in shape and _EXPONENT.search(raw) is not None)


def _check_values(document: object) -> None:
    """Walk without recursion: depth is the sender's to choose."""
    waiting: list[tuple[object, str, int]] = [(document, "", 0)]
    while waiting:
        value, pointer, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth == MAX_DEPTH:
                raise InvalidEvent(f"nested deeper than {MAX_DEPTH} levels: send flatter data", pointer)
            if isinstance(value, dict):
                for name, child in value.items():
                    _check_text(name, pointer)
                    waiting.append((child, f"{pointer}/{escape_pointer(name)}", depth + 1))
            else:
                waiting.extend((child, f"{pointer}/{i}", depth + 1) for i, child in enumerate(value))
        elif isinstance(value, str):
            _check_text(value, pointer)
        elif isinstance(value, int | float) and abs(value) > MAX_NUMBER:
            raise InvalidEvent(f"a number beyond ±{MAX_NUMBER:.0e}: send it as text", pointer)


def _check_text(text: str, pointer: str) -> None:
    if "\0" in text:
        raise InvalidEvent("the character U+0000 cannot be stored: remove it", pointer)


def escape_pointer(name: str) -> str:
    """One step of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time with an offset; the answer is in UTC, fractions beyond microseconds are cut.

    Raises InvalidEvent (pointer "") on anything else, leap seconds included.
    """
    if not _RFC3339.fullmatch(text):
        raise InvalidEvent("not an RFC 3339 time with an offset: write it as 2026-03-14T09:26:53Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("not a possible date and time: check month, day, hour and offset") from error
