"""What became of deliveries, in the ingest schema: appended a batch at once, dropped a day at once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.ingest.store import QUERIES, Row
from shared.contracts.steps import DeliveryStep, EventStep
from shared.postgres import Connection

TABLES = ("event_step", "writeback_step")


def add_steps(
    connection: Connection,
    events: Sequence[tuple[datetime, tuple[Any, ...]]],
    deliveries: Sequence[tuple[datetime, tuple[Any, ...]]],
) -> None:
    """Append steps, each with its time."""
    for table, columns, steps in (
        ("event_step", EventStep._fields, events),
        ("writeback_step", DeliveryStep._fields, deliveries),
    ):
        for day in sorted({at.astimezone(UTC).date() for at, _ in steps}):
            _ensure_partition(connection, table, day)
        if steps:
            with connection.cursor().copy(f"COPY {table} (at, {', '.join(columns)}) FROM STDIN") as copy:
                for at, step in steps:
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
