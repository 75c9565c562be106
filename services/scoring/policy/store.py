"""Versions of the policy in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from services.scoring.features import Features
from shared.postgres import Connection, load_queries

_QUERIES = load_queries(Path(__file__).parent / "queries.sql")
_PUBLISHING = 0x9011C7
Row = dict[str, Any]
Columns = dict[str, Sequence[Any]]


def in_force(connection: Connection) -> int | None:
    """The version that grades; None before anything was published."""
    row = connection.execute(_QUERIES["in_force"]).fetchone()
    return row["threshold_version"] if row else None


def version(connection: Connection, number: int) -> Row | None:
    return connection.execute(_QUERIES["version"], {"version": number}).fetchone()


def versions(connection: Connection, *, before: int | None, limit: int) -> list[Row]:
    """Those that a person or a training made, the newest first."""
    return connection.execute(_QUERIES["versions"], {"before": before, "limit": limit}).fetchall()


def same_policy(connection: Connection, origin: int) -> frozenset[int]:
    """The versions that repeat `origin`, and itself: one document, cuts settled at different times."""
    rows = connection.execute(_QUERIES["same_policy"], {"origin": origin}).fetchall()
    return frozenset(row["threshold_version"] for row in rows)


def draft(connection: Connection, policy: Mapping[str, Any], *, by: str, comment: str) -> int:
    values = {"policy": Jsonb(policy), "by": by, "comment": comment}
    return int(connection.execute(_QUERIES["draft"], values).fetchall()[0]["threshold_version"])


def lock_publishing(connection: Connection) -> None:
    connection.execute(_QUERIES["lock_publishing"], {"space": _PUBLISHING})


def put_in_force(connection: Connection, row: Row, cuts: Mapping[str, Any]) -> int:
    """Make the version of `row` grade by `cuts`, while publishing is locked; the version that does."""
    number = int(row["threshold_version"])
    if row["cuts"] is None:
        connection.execute(_QUERIES["settle"], {"version": number, "cuts": Jsonb(cuts)})
    elif row["cuts"] != cuts:
        values = {"version": number, "cuts": Jsonb(cuts)}
        number = int(connection.execute(_QUERIES["repeat"], values).fetchall()[0]["threshold_version"])
    connection.execute(_QUERIES["put_in_force"], {"version": number})
    return number


def note_publication(connection: Connection, number: int, *, by: str, comment: str) -> None:
    connection.execute(_QUERIES["note_publication"], {"version": number, "by": by, "comment": comment})


def schedule(connection: Connection, number: int, due_at: datetime, *, by: str, comment: str) -> int:
    values = {"version": number, "due_at": due_at, "by": by, "comment": comment}
    return int(connection.execute(_QUERIES["schedule"], values).fetchall()[0]["publication_id"])


def call_off(connection: Connection, publication_id: int) -> bool:
    """False when it is not waiting."""
    return connection.execute(_QUERIES["call_off"], {"publication_id": publication_id}).rowcount == 1


def take_due(connection: Connection, now: datetime) -> Row | None:
    """The earliest publication whose time has come, locked."""
    return connection.execute(_QUERIES["due"], {"now": now}).fetchone()


def mark_published(connection: Connection, publication_id: int, number: int) -> None:
    connection.execute(_QUERIES["published"], {"publication_id": publication_id, "version": number})


def publications(connection: Connection) -> list[Row]:
    """The latest hundred, the latest first; those that wait for their time have no `published_at`."""
    return connection.execute(_QUERIES["publications"]).fetchall()


def model_cuts(connection: Connection) -> dict[str, float] | None:
    """The cuts that the model in force proposes."""
    row = connection.execute(_QUERIES["model_cuts"]).fetchone()
    return row["cuts"] if row else None


def confirm_cuts(connection: Connection, number: int) -> None:
    """Note that the cuts still follow from the leads."""
    connection.execute(_QUERIES["confirm_cuts"], {"version": number})


def population(connection: Connection, features: Sequence[str]) -> Columns:
    """Open, scored leads by column; the column `features` holds, of each, those asked for in that order."""
    return _columns(connection, "population", {}, features)


def arrivals(connection: Connection, features: Sequence[str], *, since: datetime, time_zone: str) -> Columns:
    """Leads that came in since, as first scored; `day` is that of `time_zone`."""
    return _columns(connection, "arrivals", {"since": since, "time_zone": time_zone}, features)


def _columns(
    connection: Connection, query: str, values: Mapping[str, Any], features: Sequence[str]
) -> Columns:
    asked = {**values, "features": list(features), "with_features": bool(features)}
    with connection.cursor(row_factory=tuple_row) as cursor:
        # Planned for these values: without features, snapshots are not read.
        cursor.execute(_QUERIES[query], asked, prepare=False)
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
    return dict(zip(names, zip(*rows, strict=True) if rows else ((),) * len(names), strict=True))


def distribution(connection: Connection) -> list[Row]:
    """Open leads that rules leave in the queue by hundredth of probability, from 0 to 99: {hundredth, leads,
    expected_wins, variance}; hundredths without leads are left out."""
    return connection.execute(_QUERIES["distribution"]).fetchall()


def fields_seen(connection: Connection) -> list[Row]:
    """Of the latest leads, {field, values}: values that several leads share, the commonest first."""
    return connection.execute(_QUERIES["fields_seen"]).fetchall()


def names_of(connection: Connection, leads: Iterable[str]) -> dict[str, Row]:
    """lead → {name, company, owner}."""
    rows = connection.execute(_QUERIES["names_of"], {"leads": list(leads)}).fetchall()
    return {row.pop("lead_id"): row for row in rows}


def absences(connection: Connection, today: date) -> list[Row]:
    """Those that last or are to come, and those of the last weeks."""
    return connection.execute(_QUERIES["absences"], {"today": today}).fetchall()


def add_absence(
    connection: Connection, *, owner: str, first_day: date, last_day: date, stand_in: str | None, by: str
) -> int:
    values = {"owner": owner, "first_day": first_day, "last_day": last_day, "stand_in": stand_in, "by": by}
    return int(connection.execute(_QUERIES["add_absence"], values).fetchall()[0]["absence_id"])


def remove_absence(connection: Connection, absence_id: int) -> bool:
    """False when there is none."""
    return connection.execute(_QUERIES["remove_absence"], {"absence_id": absence_id}).rowcount == 1


def features_of(connection: Connection, leads: Iterable[UUID]) -> dict[UUID, Features]:
    """What each of `leads` was last scored on."""
    rows = connection.execute(_QUERIES["features_of"], {"leads": list(leads)}).fetchall()
    return {row["lead_id"]: row["features"] for row in rows}
