"""Pages by key: the cursor holds the last row's sort key, so that a page costs the same wherever it is."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

Row = TypeVar("Row")


class InvalidCursor(ValueError):
    """The cursor was not made by this API."""


def page(
    rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[Any]]
) -> tuple[Sequence[Row], str | None]:
    """The first `limit` of `rows`, asked with one more, and the next page's cursor if there is one."""
    if len(rows) <= limit:
        return rows, None
    values = orjson.dumps(list(key(rows[limit - 1])))
    return rows[:limit], base64.urlsafe_b64encode(values).decode().rstrip("=")


def read_cursor(cursor: str | None, *readers: Callable[[Any], Any]) -> list[Any]:
    """The key that `cursor` holds, each value read by its reader; all None without a cursor.

    Raises InvalidCursor.
    """
    if cursor is None:
        return [None] * len(readers)
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [read(value) for read, value in zip(readers, values, strict=True)]
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        raise InvalidCursor from error
