"""Reading topics so that each record has exactly one effect.

The position lives in Postgres, in the transaction that holds the effect of the records (table ``offsets`` of
the service's schema). Kafka's own committed offsets only show the lag.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError

from shared.kafka.errors import Fenced, OffsetsUnusable
from shared.postgres import Connection, Pool, load_queries
from shared.records import Record

log = structlog.get_logger()

QUERIES = load_queries(Path(__file__).with_name("queries.sql"))
RETRIES = 6


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a worker reads. `instance` is stable across its restarts (static membership), so that a
    restarted worker gets its partitions back without waiting for the session to expire."""

    bootstrap_servers: str
    group: str
    topics: Sequence[str]
    instance: str
    prefix: str = ""
    max_records: int = 2000


Handler = Callable[[Connection, Sequence[Record]], None]


def _consumer(subscription: Subscription) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=subscription.bootstrap_servers,
        group_id=subscription.prefix + subscription.group,
        group_instance_id=f"{subscription.prefix}{subscription.group}-{subscription.instance}",
        enable_auto_commit=False,
        auto_offset_reset="none",
        partition_assignment_strategy=[CooperativeStickyAssignor],
        reconnect_backoff_max_ms=1000,
        max_poll_records=subscription.max_records,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=50,
        session_timeout_ms=30_000,
        allow_auto_create_topics=False,
    )


def _register_offsets(pool: Pool, consumer: KafkaConsumer, topics: Sequence[str]) -> str:
    """Make sure that each partition has a stored offset that its log can serve; return the cluster's id.

    Raises OffsetsUnusable as the class says: going on would skip or repeat events silently.
    """
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
    if not partitions:
        raise OffsetsUnusable(f"Topics {', '.join(topics)} do not exist; run `eclaireur migrate`.")
    beginning = consumer.beginning_offsets(partitions)
    cluster_id: str = consumer._cluster.cluster_id  # no public way to it in kafka-python 3.0
    rows = [
        {"cluster_id": cluster_id, "topic": tp.topic, "partition": tp.partition, "start": beginning[tp]}
        for tp in partitions
    ]
    with pool.connection() as connection:
        stored = connection.execute(QUERIES["offsets_of_topics"], {"topics": list(topics)}).fetchall()
        for row in stored:
            start = beginning.get(TopicPartition(row["topic"], row["partition"]))
            if row["cluster_id"] != cluster_id:
                raise OffsetsUnusable(
                    f"Offsets of {row['topic']} were stored for Kafka cluster {row['cluster_id']}, this is "
                    f"{cluster_id}. Point KAFKA_BOOTSTRAP_SERVERS at the right cluster."
                )
            if start is not None and start > row["next_offset"]:
                raise OffsetsUnusable(
                    f"{row['topic']}-{row['partition']}: events {row['next_offset']} to {start - 1} were "
                    "deleted from Kafka before they were read. Restore them or accept the loss by hand."
                )
        connection.cursor().executemany(QUERIES["register_offset"], rows)
    return cluster_id


def _stored_offsets(
    pool: Pool, cluster_id: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    with pool.connection() as connection:
        rows = connection.execute(
            QUERIES["offsets_of_topics"], {"topics": list({tp.topic for tp in partitions})}
        ).fetchall()
    offsets = {
        TopicPartition(row["topic"], row["partition"]): row["next_offset"]
        for row in rows
        if row["cluster_id"] == cluster_id
    }
    return {tp: offsets[tp] for tp in partitions}


class _SeekFromPostgres(ConsumerRebalanceListener):  # type: ignore[misc]
    """Puts each newly assigned partition where Postgres says it stands."""

    def __init__(self, consumer: KafkaConsumer, pool: Pool, cluster_id: str) -> None:
        self._consumer, self._pool, self._cluster_id = consumer, pool, cluster_id
        self.failure: Exception | None = None

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Nothing to save: positions are in Postgres."""

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self.seek(list(assigned))

    def seek(self, partitions: list[TopicPartition]) -> None:
        # An exception here would be lost in the client's own loop: keep it for the consume loop to raise.
        try:
            for partition, offset in _stored_offsets(self._pool, self._cluster_id, partitions).items():
                self._consumer.seek(partition, offset)
        except Exception as error:
            self.failure = error


def _advance(connection: Connection, cluster_id: str, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
    """Move the stored offsets past the batch; raises Fenced when another worker already did."""
    for partition, messages in sorted(polled.items()):
        moved = connection.execute(
            QUERIES["advance_offset"],
            {
                "cluster_id": cluster_id,
                "topic": partition.topic,
                "partition": partition.partition,
                "first": messages[0].offset,
                "next_offset": messages[-1].offset + 1,
            },
        ).rowcount
        if moved == 0:
            raise Fenced(f"{partition.topic}-{partition.partition} at {messages[0].offset}")


def _records(polled: Mapping[TopicPartition, Sequence[Any]], prefix: str) -> list[Record]:
    return [
        Record(
            topic=partition.topic.removeprefix(prefix),
            partition=partition.partition,
            offset=message.offset,
            key=(message.key or b"").decode("utf-8", "replace"),
            value=message.value,
            headers=dict(message.headers or ()),
        )
        for partition, messages in sorted(polled.items())
        for message in messages
    ]


def _process(
    pool: Pool, cluster_id: str, polled: Mapping[TopicPartition, Sequence[Any]], prefix: str, handler: Handler
) -> None:
    """One transaction: the handler's effect and the next offsets. A passing database fault is retried."""
    records = _records(polled, prefix)
    for attempt in range(1, RETRIES + 1):
        try:
            with pool.connection() as connection, connection.transaction():
                _advance(connection, cluster_id, polled)
                handler(connection, records)
        except psycopg.OperationalError as error:
            if attempt == RETRIES:
                raise
            log.warning("batch_retried", attempt=attempt, error=type(error).__name__)
            time.sleep(min(5.0, 0.1 * 2**attempt))
        else:
            return


def consume(
    subscription: Subscription,
    pool: Pool,
    handler: Handler,
    *,
    stop: threading.Event,
    committed: Callable[[], None] = lambda: None,
) -> None:
    """Hand each polled batch to `handler` inside one transaction, until `stop` is set.

    The handler gets a connection in a transaction that already holds the batch's next offsets: what it
    writes there, and the offsets, are kept together or not at all. `committed` runs after each commit.
    Raises OffsetsUnusable at the start; any error of the handler ends the loop, to be restarted.
    """
    topics = [subscription.prefix + topic for topic in subscription.topics]
    consumer = _consumer(subscription)
    try:
        cluster_id = _register_offsets(pool, consumer, topics)
        listener = _SeekFromPostgres(consumer, pool, cluster_id)
        consumer.subscribe(topics, listener=listener)
        while not stop.is_set():
            polled = consumer.poll(timeout_ms=200)
            if listener.failure:
                raise listener.failure
            if not polled:
                continue
            try:
                _process(pool, cluster_id, polled, subscription.prefix, handler)
            except Fenced as fenced:
                log.warning("batch_fenced", position=str(fenced))
                listener.seek(list(consumer.assignment()))
                continue
            with contextlib.suppress(KafkaError):
                consumer.commit_async()
            committed()
    finally:
        consumer.close(autocommit=False)
