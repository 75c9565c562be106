"""The ingest schema: what was rejected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from shared.postgres import Connection, load_queries

SCHEMA = "ingest"
_QUERIES = load_queries(Path(__file__).parent / "sql" / "queries.sql")


def add_rejected(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep rejections; one that was published twice is kept once, by `same_as` (SHA-256, hexadecimal)."""
    connection.execute(_QUERIES["add_rejected"], {"rows": orjson.dumps(rows).decode()})


def list_rejected(
    connection: Connection, *, source: str | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """The latest first, those with a smaller `rejected_id` than `before`, of one source or of all (None)."""
    values = {"source": source, "before": before, "limit": limit}
    return connection.execute(_QUERIES["list_rejected"], values).fetchall()
