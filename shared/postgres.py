"""Connections, named queries and migrations. Knows no table of any service."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.errors import UserError

set_json_loads(orjson.loads)
set_json_dumps(orjson.dumps)

Connection = psycopg.Connection[DictRow]
Pool = ConnectionPool[Connection]

# One lock for all migrations of a database: two processes that start together wait for each other.
MIGRATION_LOCK = 0x0EC1A1
MIGRATION_NAME = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")


class MigrationChanged(UserError):
    """A migration that was already applied has been edited; restore it and write a new one instead."""


def connect(url: str, *, schema: str, autocommit: bool = False) -> Connection:
    """Open one connection whose ``search_path`` is `schema`; rows are dictionaries."""
    return psycopg.connect(
        url, row_factory=dict_row, autocommit=autocommit, options=f"-c search_path={schema},public"
    )


def connect_pool(url: str, *, schema: str, min_size: int = 1, max_size: int = 4) -> Pool:
    """A pool of such connections. Opens in the background, so a process starts while Postgres is down."""
    return ConnectionPool(
        url,
        connection_class=Connection,
        min_size=min_size,
        max_size=max_size,
        timeout=4,  # an HTTP answer is due within about this time
        kwargs={"row_factory": dict_row, "options": f"-c search_path={schema},public"},
        check=ConnectionPool.check_connection,
        open=True,
    )


def load_queries(path: Path) -> dict[str, str]:
    """Named queries of a file: each starts with a line ``-- name: <name>`` and ends at the next one."""
    parts = re.split(r"^-- name: (\w+)[^\n]*\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (body.strip() for body in parts[2::2]), strict=True))


def migrations(directory: Path) -> Iterator[tuple[str, str, str]]:
    """(name, SQL, SHA-256) of each numbered file, in order."""
    for path in sorted(directory.glob("*.sql")):
        if not MIGRATION_NAME.match(path.name):
            raise ValueError(f"{path.name}: a migration is named NNNN_words.sql")
        text = path.read_text(encoding="utf-8")
        yield path.name, text, hashlib.sha256(text.encode()).hexdigest()


def migrate(url: str, schema: str, directory: Path) -> list[str]:
    """Bring `schema` up to date and return the names applied.

    Each file is one transaction with lock and statement timeouts. Raises MigrationChanged when an
    applied file no longer has the SHA-256 it was applied with.
    """
    applied_now: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        connection.execute("SELECT set_config('search_path', %s, false)", [f"{schema},public"])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM migration").fetchall())
        for name, text, sha256 in migrations(directory):
            if name in applied:
                if applied[name] != sha256:
                    raise MigrationChanged(f"{schema}/{name}: {MigrationChanged.__doc__}")
                continue
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min'")
                connection.execute(text.encode())
                connection.execute("INSERT INTO migration (name, sha256) VALUES (%s, %s)", [name, sha256])
            applied_now.append(name)
    return applied_now


def answers(pool: Pool) -> bool:
    """Whether Postgres answers now."""
    try:
        with pool.connection(timeout=2) as connection:
            connection.execute("SELECT 1")
    except (psycopg.OperationalError, PoolTimeout):
        return False
    return True
