"""Where a query stands: the last value of its cursor, and which rows may move it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from services.ingest.sources.databases import QueryFailed
from services.ingest.sources.definition import Query

_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "int": int,
    "float": float,
    "decimal": Decimal,
    "text": str,
}


def since(query: Query, cursor: Mapping[str, str] | None, *, complete: bool) -> Any:
    """What `:since` is. After a run that read to the end, times look back over the overlap: a row may have
    been committed later than its time says. What was read before has the same ids and no second effect."""
    value = _READERS[cursor["kind"]](cursor["value"]) if cursor else _start(query.start)
    if isinstance(value, datetime) and cursor and complete:
        return value - timedelta(seconds=query.overlap_s)
    return value


def _start(written: str) -> Any:
    for read in (_READERS["int"], _READERS["float"], _READERS["time"]):
        try:
            return read(written)
        except ValueError:
            continue
    return written


def taken(rows: Sequence[Mapping[str, Any]], query: Query) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """The rows to take of those read (one more than `query.rows` when there are more), and whether they are
    all. Rows of one cursor value are taken together, or the rest of them would be passed over.

    Raises QueryFailed when the cursor cannot be followed.
    """
    for row in rows:
        if row.get(query.cursor) is None:
            raise QueryFailed(
                f"a row has no {query.cursor!r}: select that column, and only rows that have it"
            )
    values = [row[query.cursor] for row in rows]
    try:
        ordered = all(first <= second for first, second in pairwise(values))
    except TypeError as error:
        raise QueryFailed(f"the values of {query.cursor!r} are not of one kind") from error
    if not ordered:
        raise QueryFailed(f"the rows do not come in the order of the cursor: add ORDER BY {query.cursor}")
    if len(rows) <= query.rows:
        return rows, True
    kept = [row for row in rows if row[query.cursor] != values[-1]]
    if not kept:
        raise QueryFailed(f"more than {query.rows:,} rows have one value of {query.cursor!r}: raise `rows`")
    return kept, False


def after(rows: Sequence[Mapping[str, Any]], query: Query) -> dict[str, str]:
    """The cursor once these rows, at least one, are held by Kafka. Raises QueryFailed."""
    value = rows[-1][query.cursor]
    match value:
        case datetime():
            return {"kind": "time", "value": value.isoformat()}
        case date():
            return {"kind": "date", "value": value.isoformat()}
        case int():
            return {"kind": "int", "value": str(value)}
        case float():
            return {"kind": "float", "value": repr(value)}
        case Decimal():
            return {"kind": "decimal", "value": str(value)}
        case str():
            return {"kind": "text", "value": value}
        case _:
            raise QueryFailed(f"{query.cursor!r} is no time, number or text: choose another cursor")
