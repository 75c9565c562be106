"""What a transaction wants to publish is written beside its effect and relayed to Kafka afterwards.

Table ``outbox(id, lane, topic, key, value, headers)`` of the service's schema. Records of one key share a
lane; one relay at a time serves a lane, in id order, so that the order of a key is kept with many workers.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from psycopg.types.json import Jsonb

from shared.background import Repeated
from shared.contracts import rejection
from shared.kafka.publisher import MAX_RECORD_BYTES, Publisher
from shared.postgres import Connection, Pool, load_queries
from shared.records import Outgoing, Record

log = structlog.get_logger()

LANES = 12
LOCK_SPACE = 0x0B0C
IDLE_S = 0.25
BATCH = 2000

QUERIES = load_queries(Path(__file__).with_name("outbox.sql"))


def lane(key: str) -> int:
    return zlib.crc32(key.encode()) % LANES


def add(connection: Connection, records: Sequence[Outgoing]) -> None:
    """Write `records` to the outbox in the caller's transaction."""
    if not records:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY outbox (lane, topic, key, value, headers) FROM STDIN") as copy,
    ):
        for record in records:
            copy.write_row(
                (lane(record.key), record.topic, record.key, record.value, Jsonb(dict(record.headers)))
            )


def quarantine(connection: Connection, record: Record, error: str) -> None:
    """Send a record that a handler failed on to crm.rejected.v1, in the caller's transaction."""
    add(connection, [rejection.of_record(record, "processing_failed", f"A worker failed on it: {error}.")])


def _sendable(row: dict[str, Any]) -> Outgoing:
    """The record of a row; its rejection when it is larger than a topic takes, so that the others go on."""
    value = row["value"]
    if value is not None and len(value) > MAX_RECORD_BYTES:
        log.error("record_too_large", topic=row["topic"], bytes=len(value), alert=True)
        return rejection.rejected(
            value, source=row["topic"], connector="outbox", reason="too_large", detail="Larger than 1 MB."
        )
    return Outgoing(row["topic"], row["key"], value, row["headers"])


def relay_once(pool: Pool, publisher: Publisher) -> int:
    """Publish the oldest waiting records of the lanes that no other relay holds; return how many.

    Raises BrokerUnavailable; the records then stay, and may reach Kafka twice.
    """
    with pool.connection() as connection, connection.transaction():
        held = connection.execute(QUERIES["hold_lanes"], {"lanes": LANES, "space": LOCK_SPACE}).fetchall()
        # Read in a second statement: what another relay deleted before it let go of a lane is then not seen.
        rows = connection.execute(
            QUERIES["waiting_records"], {"lanes": [row["lane"] for row in held], "batch": BATCH}
        ).fetchall()
        if rows:
            publisher.publish([_sendable(row) for row in rows], timeout_s=30)
            connection.execute(QUERIES["forget_records"], {"ids": [row["id"] for row in rows]})
    return len(rows)


def relay(pool: Pool, publisher: Publisher) -> Repeated:
    """The thread that empties the outbox; `wake` it after a commit to save the wait."""
    return Repeated("outbox-relay", lambda: relay_once(pool, publisher) == BATCH, idle_s=IDLE_S)
