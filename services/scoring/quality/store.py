"""The figures of data quality, and owners, in Postgres. Rows go in as one JSON document a statement."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from services.scoring.quality.rules import UNCOMPARED
from services.scoring.quality.tally import WHOLE, Key, Tally, Value, gaps
from shared.postgres import Connection, load_queries

_QUERIES = load_queries(Path(__file__).parent / "queries.sql")
Row = dict[str, Any]

KEPT_DAYS = 35
MOST_LEVELS = 60


def _run(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(_QUERIES[name], _document(rows))


def _document(rows: Iterable[Mapping[str, Any]]) -> Row:
    return {"rows": orjson.dumps(list(rows)).decode()}


def next_events(connection: Connection, limit: int) -> list[Row]:
    """The next events to count, at most `limit`; they are locked from other counters in this transaction,
    which must be new (see `settle`). None when another one counts."""
    # First of all, before this transaction has an id: see `settle`.
    last = connection.execute(_QUERIES["last_number"]).fetchall()[0]
    cursor = connection.execute(_QUERIES["cursor"]).fetchone()
    if cursor is None:
        return []
    settled = connection.execute(_QUERIES["settle"], last).fetchone() or cursor
    values = {"counted": cursor["counted"], "settled": settled["settled"], "limit": limit}
    # Planned for these values: the end of the index, whatever the table's size.
    return connection.execute(_QUERIES["next_events"], values, prepare=False).fetchall()


def move_cursor(connection: Connection, number: int) -> None:
    connection.execute(_QUERIES["move_cursor"], {"number": number})


def add(connection: Connection, tally: Tally) -> None:
    """Add what `tally` counted. Only one transaction at a time does (see `next_events`)."""
    fields = _meet_fields(connection, tally)
    ids = {key: row["field_id"] for key, row in fields.items()}
    _add_values(connection, tally, fields)
    _run(
        connection,
        "count_days",
        [
            {"field_id": ids[key], "day": day, "kind": kind, "events": events}
            for (key, day, kind), events in tally.days.items()
        ],
    )
    _add_levels(connection, tally, ids)
    _run(
        connection,
        "count_gaps",
        [
            {"field_id": ids[key], "hours": length, "gaps": count}
            for key, hours in tally.hours.items()
            for length, count in gaps(fields[key]["spoke_at"], hours).items()
        ],
    )


def _meet_fields(connection: Connection, tally: Tally) -> dict[Key, Row]:
    rows = [
        {
            "source": source,
            "field": name,
            "first_at": times.first_at,
            "received_at": times.received_at,
            "last_at": times.last_at,
            "live_at": times.live_at,
            "events": tally.events[source, name],
        }
        for (source, name), times in tally.times.items()
    ]
    if not rows:
        return {}
    met = connection.execute(_QUERIES["meet_fields"], _document(rows)).fetchall()
    return {(row["source"], row["field"]): row for row in met}


def _add_values(connection: Connection, tally: Tally, fields: Mapping[Key, Row]) -> None:
    ids = {key: row["field_id"] for key, row in fields.items()}
    told = {(identity, ids[key]): (key, value) for (identity, key), value in tally.values.items()}
    if not told:
        return
    asked = [{"identity_id": identity, "field_id": field_id} for identity, field_id in told]
    known = {
        (row["identity_id"], row["field_id"]): Value(row["value_hash"], row["occurred_at"], row["problem"])
        for row in connection.execute(_QUERIES["known_values"], _document(asked)).fetchall()
    }
    newer = {
        at: (key, value)
        for at, (key, value) in told.items()
        if at not in known or value.occurred_at >= known[at].occurred_at
    }
    _run(
        connection,
        "store_values",
        [
            {
                "identity_id": identity,
                "field_id": field_id,
                "value_hash": value.value_hash,
                "occurred_at": value.occurred_at,
                "problem": value.problem,
            }
            for (identity, field_id), (_, value) in newer.items()
        ],
    )
    records: Counter[Key] = Counter()
    problems: dict[Key, Counter[str]] = {key: Counter(row["problems"]) for key, row in fields.items()}
    changed: list[Row] = []
    for at, (key, value) in newer.items():
        before = known.get(at)
        records[key] += before is None
        if before and before.problem:
            problems[key][before.problem] -= 1
        if value.problem:
            problems[key][value.problem] += 1
        moved = before is None or before.value_hash != value.value_hash
        if moved and key[1] != WHOLE and key[1] not in UNCOMPARED:
            changed.append({"identity_id": at[0], "field_id": at[1]})
    _run(
        connection,
        "count_records",
        [
            {
                "field_id": ids[key],
                "records": records[key],
                "problems": {code: count for code, count in problems[key].items() if count},
            }
            for key in {key for key, _ in newer.values()}
        ],
    )
    _run(connection, "forget_conflicts", changed)
    _run(connection, "find_conflicts", changed)


def _add_levels(connection: Connection, tally: Tally, ids: Mapping[Key, int]) -> None:
    rows = [
        {"field_id": ids[key], "level": level, "first_at": first_at, "events": events}
        for (key, level), (first_at, events) in tally.levels.items()
    ]
    if rows:
        _run(connection, "count_levels", rows)
        counted = list({ids[key] for key, _ in tally.levels})
        connection.execute(_QUERIES["give_up_levels"], {"fields": counted, "most": MOST_LEVELS})


def fields(connection: Connection, source: str | None = None) -> list[Row]:
    """Every field of every source, or of one; the field "" is the source itself."""
    return connection.execute(_QUERIES["fields"], {"source": source}).fetchall()


def weeks(connection: Connection, today: date) -> list[Row]:
    """{field_id, kind, recent, before}: events of the last seven days and of the four weeks before them."""
    return connection.execute(_QUERIES["weeks"], {"today": today, "days": KEPT_DAYS}).fetchall()


def forget_days(connection: Connection, today: date) -> None:
    connection.execute(_QUERIES["forget_days"], {"before": today - timedelta(days=KEPT_DAYS)})


def forget_erased(connection: Connection) -> None:
    """Forget what records of erased leads said."""
    with connection.transaction():
        connection.execute(_QUERIES["hold_cursor"])
        connection.execute(_QUERIES["forget_erased_conflicts"])
        connection.execute(_QUERIES["forget_erased"])


def new_levels(connection: Connection, since: datetime, least: int) -> list[Row]:
    """Values of fields with few of them that came first after `since`, in `least` events or more."""
    return connection.execute(_QUERIES["new_levels"], {"since": since, "least": least}).fetchall()


def rhythms(connection: Connection) -> dict[int, dict[int, int]]:
    """By field id of a source: how many gaps of how many hours."""
    found: dict[int, dict[int, int]] = {}
    for row in connection.execute(_QUERIES["gaps"]).fetchall():
        found.setdefault(row["field_id"], {})[row["hours"]] = row["gaps"]
    return found


def conflicts(connection: Connection) -> list[Row]:
    """{field_id, other_field_id, leads}"""
    return connection.execute(_QUERIES["conflicts"]).fetchall()


def duplicates(connection: Connection) -> list[Row]:
    """{source, kind, pairs, since} of suspected duplicates."""
    return connection.execute(_QUERIES["duplicates"]).fetchall()


def published_card(connection: Connection) -> Row | None:
    row = connection.execute(_QUERIES["published_card"]).fetchone()
    return row["card"] if row else None


def store_report(connection: Connection, as_of: datetime, report: Row) -> None:
    values = {"as_of": as_of, "report": orjson.dumps(report).decode()}
    connection.execute(_QUERIES["store_report"], values)


def report(connection: Connection) -> Row | None:
    row = connection.execute(_QUERIES["report"]).fetchone()
    return row["report"] if row else None


def pending(connection: Connection) -> int:
    """How many events are stored and not counted yet, at most."""
    return int(connection.execute(_QUERIES["pending"]).fetchall()[0]["events"])


def owners(connection: Connection) -> list[Row]:
    """Of the whole of a source when `field` is null."""
    rows = connection.execute(_QUERIES["owners"]).fetchall()
    return [row | {"field": row["field"] or None} for row in rows]


def set_owner(
    connection: Connection,
    *,
    source: str,
    field: str | None,
    name: str,
    email: str | None,
    user_id: str | None,
    set_by: str,
) -> None:
    values = {"source": source, "field": field or WHOLE, "name": name, "email": email, "user_id": user_id}
    connection.execute(_QUERIES["set_owner"], values | {"set_by": set_by})


def remove_owner(connection: Connection, *, source: str, field: str | None) -> None:
    connection.execute(_QUERIES["remove_owner"], {"source": source, "field": field or WHOLE})


def closed_leads(connection: Connection) -> Row:
    """{won, lost, dated, first_at, last_at} of the leads that are closed."""
    return connection.execute(_QUERIES["closed_leads"]).fetchall()[0]


def filled_by_outcome(connection: Connection, leads: int) -> list[Row]:
    """{source, field, won, lost}: of at most `leads` leads won and as many lost, those that had the field
    before they closed; the field "" stands for having been described by the source at all."""
    return connection.execute(_QUERIES["filled_by_outcome"], {"leads": leads}).fetchall()
