"""What a transaction wants to publish is written beside its effect and relayed to Kafka afterwards.

Table ``outbox(id, lane, topic, key, value, headers)`` of the service's schema. Records of one key share a
lane; one relay at a time serves a lane, in id order, so that the order of a key is kept with many workers.
"""

import zlib
from collections.abc import Sequence

from psycopg.types.json import Jsonb

from shared.background import Repeated
from shared.kafka import Outgoing, Publisher
from shared.postgres import Connection, Pool

LANES = 12
LOCK_SPACE = 0x0B0C
IDLE_S = 0.25
BATCH = 2000

# The lock belongs to the table that search_path finds first: each schema has its own lanes.
TAKE = """
WITH held AS MATERIALIZED (
    SELECT lane FROM generate_series(0, %(lanes)s - 1) AS lane
    WHERE pg_try_advisory_xact_lock(%(space)s # 'outbox'::regclass::oid::int, lane)
)
SELECT id, topic, key, value, headers FROM outbox
WHERE lane IN (SELECT lane FROM held) ORDER BY id LIMIT %(batch)s
"""


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
        rows = connection.execute(TAKE, {"lanes": LANES, "space": LOCK_SPACE, "batch": BATCH}).fetchall()
        if rows:
            publisher.publish(
                [Outgoing(row["topic"], row["key"], row["value"], row["headers"]) for row in rows],
                timeout_s=30,
            )
            connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", [[row["id"] for row in rows]])
    return len(rows)


def relay(pool: Pool, publisher: Publisher) -> Repeated:
    """The thread that empties the outbox; `wake` it after a commit to save the wait."""
    return Repeated("outbox-relay", lambda: relay_once(pool, publisher) == BATCH, idle_s=IDLE_S)
