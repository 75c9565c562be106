"""What a transaction wants to publish is written beside its effect and relayed to Kafka afterwards.

Table ``outbox(id, lane, topic, key, value, headers)`` of the service's schema. Records of one key share a
lane; one relay at a time serves a lane, in id order, so that the order of a key is kept with many workers.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path

from psycopg.types.json import Jsonb

from shared.background import Repeated
from shared.kafka.publisher import Publisher
from shared.postgres import Connection, Pool, load_queries
from shared.records import Outgoing

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


def relay_once(pool: Pool, publisher: Publisher) -> int:
    """Publish the oldest waiting records of the lanes that no other relay holds; return how many.

    Raises BrokerUnavailable; the records then stay, and may reach Kafka twice.
    """
    with pool.connection() as connection, connection.transaction():
        rows = connection.execute(
            QUERIES["take_records"], {"lanes": LANES, "space": LOCK_SPACE, "batch": BATCH}
        ).fetchall()
        if rows:
            publisher.publish(
                [Outgoing(row["topic"], row["key"], row["value"], row["headers"]) for row in rows],
                timeout_s=30,
            )
            connection.execute(QUERIES["forget_records"], {"ids": [row["id"] for row in rows]})
    return len(rows)


def relay(pool: Pool, publisher: Publisher) -> Repeated:
    """The thread that empties the outbox; `wake` it after a commit to save the wait."""
    return Repeated("outbox-relay", lambda: relay_once(pool, publisher) == BATCH, idle_s=IDLE_S)
