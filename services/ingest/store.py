"""The ingest schema: what was rejected."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from shared.contracts.parsing import parse_json
from shared.kafka import Record
from shared.postgres import Connection, load_queries

SCHEMA = "ingest"
DIRECTORY = Path(__file__).parent / "sql"
QUERIES = load_queries(DIRECTORY / "queries.sql")


def on_rejected(connection: Connection, records: Sequence[Record]) -> None:
    """Store the rejections of crm.rejected.v1; one that was published twice is stored once."""
    rows: list[Any] = []
    for record in records:
        value = parse_json(record.value or b"")
        if isinstance(value, dict):
            rows.append({**value, "same_as": hashlib.sha256(record.value or b"").hexdigest()})
    connection.execute(QUERIES["store_rejected"], {"rows": orjson.dumps(rows).decode()})
