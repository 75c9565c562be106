"""Which workers of a service have stopped taking records, in table ``paused`` of its schema."""

import math
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import PoolTimeout

from shared.kafka.limit import TooManyFailed
from shared.postgres import Connection, Pool, load_queries

QUERIES = load_queries(Path(__file__).with_name("queries.sql"))


def record(pool: Pool, worker: str, failure: TooManyFailed) -> None:
    """Say that `worker` is paused; again every few seconds, or it counts as gone after a minute."""
    values = {"worker": worker, **{name: getattr(failure, name) for name in ("failed", "looked_at", "error")}}
    with pool.connection() as connection:
        connection.execute(QUERIES["record_pause"], values)


def clear(pool: Pool, worker: str) -> None:
    """`worker` starts anew."""
    with pool.connection() as connection:
        connection.execute(QUERIES["clear_pause"], {"worker": worker})


def paused(connection: Connection) -> list[dict[str, Any]]:
    """{worker, since, failed, looked_at, error} of each paused worker of the schema."""
    return connection.execute(QUERIES["paused"]).fetchall()


def count(pool: Pool) -> float:
    """How many workers of the schema are paused; NaN while Postgres does not answer."""
    try:
        with pool.connection(timeout=1) as connection:
            return float(len(paused(connection)))
    except (psycopg.OperationalError, PoolTimeout):
        return math.nan
