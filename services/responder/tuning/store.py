"""Tunings in Postgres: asked for, finished, used since when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
from psycopg.types.json import Jsonb

from services.responder.tuning.learn import Matrix
from shared.postgres import Connection, load_queries

_QUERIES: Final = load_queries(Path(__file__).parents[1] / "sql" / "tuning.sql")
_read: Final[dict[UUID, Matrix]] = {}
"""The map last used, by its tuning: half a megabyte that each batch of messages would fetch."""
Row = dict[str, Any]


def ask(connection: Connection, *, by: str) -> UUID:
    """Ask for a tuning; the one that was asked for and has not begun is answered again."""
    (row,) = connection.execute(_QUERIES["ask_tuning"], {"tuning_id": uuid4(), "by": by}).fetchall()
    found: UUID = row["tuning_id"]
    return found


def take(connection: Connection) -> UUID | None:
    """The tuning asked for first that nobody works on, locked until the transaction ends."""
    row = connection.execute(_QUERIES["take_tuning"]).fetchone()
    return row["tuning_id"] if row else None


def finish(
    connection: Connection,
    tuning_id: UUID,
    status: str,
    card: Mapping[str, Any],
    *,
    model: str | None = None,
    sha256: str | None = None,
    delta: bytes | None = None,
) -> None:
    values = {"tuning_id": tuning_id, "status": status, "card": Jsonb(dict(card))}
    connection.execute(_QUERIES["finish_tuning"], values | {"model": model, "sha256": sha256, "map": delta})


def use(connection: Connection, tuning_id: UUID | None, *, by: str, comment: str) -> bool:
    """Look messages up with this tuning from now on, or with none; False when it is not done."""
    values = {"tuning_id": tuning_id, "by": by, "comment": comment}
    return connection.execute(_QUERIES["use_tuning"], values).fetchone() is not None


def map_in_use(connection: Connection, *, model: str) -> Matrix | None:
    """The map that messages are looked up with now, (d, d); None without one of this embedding model."""
    row = connection.execute(_QUERIES["tuning_in_use"], {"model": model}).fetchone()
    return _map_of(connection, row["tuning_id"]) if row else None


def _map_of(connection: Connection, tuning_id: UUID) -> Matrix:
    """Read once: a map never changes."""
    if tuning_id not in _read:
        row = connection.execute(_QUERIES["map_of_tuning"], {"tuning_id": tuning_id}).fetchone()
        flat = np.frombuffer(row["map"] if row else b"", dtype=np.float32)
        _read.clear()
        _read[tuning_id] = flat.reshape(round(len(flat) ** 0.5), -1)
    return _read[tuning_id]


def find(connection: Connection, *, count: int) -> list[Row]:
    """Tunings, the newest first, without their maps."""
    return connection.execute(_QUERIES["list_tunings"], {"count": count}).fetchall()


def passages(connection: Connection, *, model: str, count: int) -> list[Row]:
    """What may be quoted, with `vector` as pgvector writes it."""
    return connection.execute(_QUERIES["passages_to_rank"], {"model": model, "count": count}).fetchall()
