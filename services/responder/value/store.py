"""What became of drafts, and consultations of the staff, in Postgres."""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from shared.postgres import Connection, load_queries

_QUERIES: Final = load_queries(Path(__file__).parents[1] / "sql" / "value.sql")
Row = dict[str, Any]


def replies(
    connection: Connection,
    *,
    since: datetime,
    until: datetime,
    by: str | None,
    user_id: str | None = None,
) -> list[Row]:
    """What became of the drafts of a time, a row for each group of `by` (language, intent, week, or one)."""
    values = {"since": since, "until": until, "by": by, "user_id": user_id}
    return connection.execute(_QUERIES["replies_value"], values).fetchall()


def consultations(connection: Connection) -> list[Row]:
    """What was recorded of consulting the staff, the newest first."""
    return connection.execute(_QUERIES["consultations"]).fetchall()


def record_consultation(
    connection: Connection, *, held_on: date | None, note: str, user_id: str, user_name: str
) -> None:
    """Record that the staff was consulted, or (`held_on` None) that it no longer holds."""
    values = {"held_on": held_on, "note": note, "user_id": user_id, "user_name": user_name}
    connection.execute(_QUERIES["record_consultation"], values)
