"""The ingest schema: what was rejected, and what was done with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from services.ingest.accept import Sender
from services.ingest.quarantine import Rejection
from shared.postgres import Connection, load_queries

SCHEMA = "ingest"
QUERIES = load_queries(Path(__file__).parent / "sql" / "queries.sql")
Row = dict[str, Any]
Who = tuple[str, str]
"""The id and the name of the one who decides."""


def add_rejected(connection: Connection, rows: Sequence[Row]) -> None:
    """Keep rejections; one that was published twice is kept once, by `same_as` (SHA-256, hexadecimal)."""
    connection.execute(QUERIES["add_rejected"], {"rows": orjson.dumps(rows).decode()})


def list_rejected(
    connection: Connection, wanted: Mapping[str, str], *, before: int | None, limit: int
) -> list[Row]:
    """The latest first, those with a smaller `rejected_id` than `before`; `wanted` as in is_wanted (SQL)."""
    values = {"wanted": Jsonb(dict(wanted)), "before": before, "limit": limit}
    # Planned for these values: each filter has an index of its own.
    return connection.execute(QUERIES["list_rejected"], values, prepare=False).fetchall()


def count_rejected(connection: Connection, source: str | None) -> list[Row]:
    """{source, reason, status, count}, the most frequent first, of one source or of all (None)."""
    return connection.execute(QUERIES["count_rejected"], {"source": source}).fetchall()


def rejection(
    connection: Connection, rejected_id: int, source: str | None, *, lock: bool = False
) -> tuple[Rejection, bytes] | None:
    """One rejection and its raw bytes, of `source` when one is given; None when there is no such."""
    values = {"rejected_id": rejected_id, "source": source}
    if lock:
        # In a statement of its own: the one after sees what was committed while this one waited.
        connection.execute(QUERIES["lock_rejected"], values)
    row = connection.execute(QUERIES["rejection"], values).fetchone()
    if row is None:
        return None
    raw, _ = row.pop("raw"), row.pop("source_name")
    return Rejection(**row), raw


def decisions(connection: Connection, rejected_id: int) -> list[Row]:
    return connection.execute(QUERIES["decisions"], {"rejected_id": rejected_id}).fetchall()


def add_edit(connection: Connection, rejected_id: int, body: bytes, who: Who) -> None:
    """Keep an edited body beside the raw one."""
    values = {"rejected_id": rejected_id, "body": body, "by_id": who[0], "by_name": who[1]}
    connection.execute(QUERIES["add_edit"], values)


def settle(connection: Connection, rows: Sequence[Row], who: Who) -> None:
    """Write down decisions, as quarantine.decision gives them."""
    if rows:
        values = {"rows": orjson.dumps(rows).decode(), "by_id": who[0], "by_name": who[1]}
        connection.execute(QUERIES["settle"], values)


def request_replay(
    connection: Connection, wanted: Mapping[str, str], sender: Sender, who: Who, *, limit: int
) -> Row:
    """Ask for a replay of all that are wanted now, the oldest `limit` of them at most."""
    values = {
        "wanted": Jsonb(dict(wanted)),
        "sender": Jsonb(asdict(sender)),
        "by_id": who[0],
        "by_name": who[1],
        "limit": limit,
    }
    return connection.execute(QUERIES["request_replay"], values, prepare=False).fetchone() or {}


def replay(connection: Connection, replay_id: UUID) -> Row | None:
    return connection.execute(QUERIES["replay"], {"replay_id": replay_id}).fetchone()


def take_replay(connection: Connection) -> Row | None:
    """The oldest replay under way that no other worker holds, locked."""
    return connection.execute(QUERIES["take_replay"]).fetchone()


def next_of_replay(connection: Connection, job: Row, *, limit: int) -> list[int]:
    """The next rejections of a replay, locked, in order."""
    values = {"last_id": job["last_id"], "up_to": job["up_to"], "wanted": Jsonb(job["filter"])}
    rows = connection.execute(QUERIES["next_of_replay"], {**values, "limit": limit}, prepare=False)
    return [row["rejected_id"] for row in rows.fetchall()]


def advance_replay(connection: Connection, job: Row, last_id: int, *, replayed: int, refused: int) -> None:
    values = {"replay_id": job["replay_id"], "last_id": last_id, "replayed": replayed, "refused": refused}
    connection.execute(QUERIES["advance_replay"], values)


def finish_replay(connection: Connection, job: Row) -> None:
    connection.execute(QUERIES["finish_replay"], {"replay_id": job["replay_id"]})


def stored_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Partition → the next offset to read of `topic` (its whole name)."""
    rows: Iterable[Row] = connection.execute(QUERIES["stored_offsets"], {"topic": topic}).fetchall()
    return {row["partition"]: row["next_offset"] for row in rows}
