"""What became of deliveries, in the ingest schema: appended a batch at once, dropped a day at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.ingest.store import QUERIES, Row
from shared.contracts.steps import DeliveryStep, EventStep, ScoreStep
from shared.postgres import Connection

TABLES: Final = {
    "event_step": ("events", EventStep._fields),
    "score_step": ("scores", ScoreStep._fields),
    "writeback_step": ("deliveries", DeliveryStep._fields),
}
"""The tables of steps: the kind of step that each keeps, and its columns beside the time."""

Steps = Sequence[tuple[datetime, tuple[Any, ...]]]


def add_steps(connection: Connection, steps: Mapping[str, Steps]) -> None:
    """Append the steps of each table, each with its time."""
    for table, rows in steps.items():
        for day in sorted({at.astimezone(UTC).date() for at, _ in rows}):
            _ensure_partition(connection, table, day)
        if rows:
            columns = ", ".join(TABLES[table][1])
            with connection.cursor().copy(f"COPY {table} (at, {columns}) FROM STDIN") as copy:
                for at, step in rows:
                    copy.write_row((at, *step))


def _ensure_partition(connection: Connection, table: str, day: date) -> None:
    name = f"{table}_{day:%Y%m%d}"
    if connection.execute("SELECT to_regclass(%s) AS found", [name]).fetchone() == {"found": None}:
        # Two workers may both come here at midnight: one creates, the other then finds it.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table}"
            f" FOR VALUES FROM ('{day} 00:00Z') TO ('{day + timedelta(days=1)} 00:00Z')"
        )


def drop_before(connection: Connection, day: date) -> int:
    """Drop the steps of the days before `day`; how many partitions that were."""
    names = [row["name"] for row in connection.execute(QUERIES["step_partitions"]).fetchall()]
    old = [name for name in names if name[-8:] < f"{day:%Y%m%d}"]
    for name in old:
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    return len(old)


def event_steps(connection: Connection, source: str, event_id: str) -> list[Row]:
    return connection.execute(QUERIES["event_steps"], {"source": source, "id": event_id}).fetchall()


def first_score(connection: Connection, leads: Iterable[UUID]) -> Row | None:
    """The first score of leads that were known without one: its time, lead and version."""
    return connection.execute(QUERIES["first_score"], {"leads": list(leads)}).fetchone()


def writeback_steps(connection: Connection, lead_id: UUID, score_version: int) -> list[Row]:
    """How this score of a lead, or a later one, was written back."""
    values = {"lead_id": lead_id, "score_version": score_version}
    return connection.execute(QUERIES["writeback_steps"], values).fetchall()


def rejections_of(connection: Connection, source: str, event_id: str) -> list[Row]:
    return connection.execute(QUERIES["rejections_of"], {"event_key": f"{source}|{event_id}"}).fetchall()


def recent_steps(
    connection: Connection,
    source: str,
    *,
    outcome: str | None,
    before: tuple[datetime | None, int | None],
    limit: int,
) -> list[Row]:
    """The latest events of a source, before the one with this (at, seq)."""
    values = {"source": source, "outcome": outcome, "before": before[0], "seq": before[1], "limit": limit}
    return connection.execute(QUERIES["recent_steps"], values).fetchall()
