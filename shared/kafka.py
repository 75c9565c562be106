"""Publishing to Kafka and consuming from it with exactly one effect.

The consumer's position lives in Postgres, in the transaction that holds the effect of the records
(table ``offsets`` of the service's schema). Kafka's own committed offsets only show the lag.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import structlog
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError

from shared.postgres import Connection, Pool

log = structlog.get_logger()

BROKER_TIMEOUT_MS = 3000
"""How long a caller is held while the broker does not answer: an HTTP answer is due within 4 s."""
MAX_RECORD_BYTES = 1_000_000
RETRIES = 6


class BrokerUnavailable(Exception):
    """Kafka did not confirm every record in time; some may be stored all the same. Try again later."""


class RecordTooLarge(Exception):
    """A record is larger than what a topic takes (1 MB)."""


class OffsetsUnusable(Exception):
    """The stored offsets do not belong to this log: another cluster, or records already deleted."""


class Fenced(Exception):
    """Another worker has moved the offsets of these partitions: this batch is no longer ours."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record read from a topic. ``topic`` is without the installation's prefix."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to publish. ``topic`` is without the installation's prefix; no value is a tombstone."""

    topic: str
    key: str
    value: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


class Publisher:
    """A producer that confirms or refuses. One per process, made after any fork; safe between threads.

    kafka-python has no bound on its buffer, so `max_in_flight` caps the records not yet settled.
    """

    def __init__(self, bootstrap_servers: str, *, prefix: str = "", max_in_flight: int = 20_000) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._producer: KafkaProducer | None = None

    def _connected(self) -> KafkaProducer:
        with self._connecting:
            if self._producer is None:
                # Not idempotent: with it a batch older than the delivery timeout wedges the producer for
                # good when the broker dies. Consumers drop repeats by event id anyway.
                self._producer = KafkaProducer(
                    bootstrap_servers=self._bootstrap_servers,
                    enable_idempotence=False,
                    acks="all",
                    max_in_flight_requests_per_connection=1,
                    linger_ms=5,
                    batch_size=256 * 1024,
                    compression_type="lz4",
                    max_request_size=MAX_RECORD_BYTES + 64 * 1024,
                    max_block_ms=BROKER_TIMEOUT_MS,
                    bootstrap_timeout_ms=BROKER_TIMEOUT_MS,
                    reconnect_backoff_max_ms=1000,
                    delivery_timeout_ms=60_000,
                    allow_auto_create_topics=False,
                )
            return self._producer

    def _settled(self, _result: object) -> None:
        with self._lock:
            self._in_flight -= 1

    def publish(self, records: Sequence[Outgoing], *, timeout_s: float = BROKER_TIMEOUT_MS / 1000) -> None:
        """Return once every record is held by Kafka.

        Raises BrokerUnavailable when one is not confirmed within `timeout_s` or too many are in flight,
        RecordTooLarge when one is over the limit (then nothing more is sent).
        """
        with self._lock:
            if self._in_flight + len(records) > self._max_in_flight:
                raise BrokerUnavailable(f"{self._in_flight} records are already waiting for Kafka")
            self._in_flight += len(records)
        deadline = time.monotonic() + timeout_s
        futures: list[Any] = []
        try:
            producer = self._connected()
            for record in records:
                future = producer.send(
                    self._prefix + record.topic,
                    key=record.key.encode(),
                    value=record.value,
                    headers=[(name, value.encode()) for name, value in record.headers.items()],
                )
                futures.append(future)
                future.add_both(self._settled)
            for future in futures:
                future.get(timeout=max(0.0, deadline - time.monotonic()))
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge(str(error)) from error
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka did not confirm in time ({type(error).__name__})") from error
        finally:
            with self._lock:  # those never handed to the producer will not settle by themselves
                self._in_flight -= len(records) - len(futures)

    def ready(self) -> bool:
        """Whether a broker can be reached now. (The client's own bootstrap_connected says no once it is.)"""
        for server in self._bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
                    return True
            except OSError:
                continue
        return False

    def close(self) -> None:
        """Give what is in flight a moment; the rest was never confirmed to anyone."""
        if self._producer is not None:
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=5)


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
        stored = connection.execute(
            "SELECT cluster_id, topic, partition, next_offset FROM offsets WHERE topic = ANY(%s)",
            [list(topics)],
        ).fetchall()
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
        connection.cursor().executemany(
            "INSERT INTO offsets (cluster_id, topic, partition, next_offset)"
            " VALUES (%(cluster_id)s, %(topic)s, %(partition)s, %(start)s) ON CONFLICT DO NOTHING",
            rows,
        )
    return cluster_id


def _stored_offsets(
    pool: Pool, cluster_id: str, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    with pool.connection() as connection:
        rows = connection.execute(
            "SELECT topic, partition, next_offset FROM offsets WHERE cluster_id = %s AND topic = ANY(%s)",
            [cluster_id, list({tp.topic for tp in partitions})],
        ).fetchall()
    offsets = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
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
            "UPDATE offsets SET next_offset = %s"
            " WHERE cluster_id = %s AND topic = %s AND partition = %s AND next_offset <= %s",
            [messages[-1].offset + 1, cluster_id, partition.topic, partition.partition, messages[0].offset],
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


@contextlib.contextmanager
def _admin(bootstrap_servers: str) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=20_000)
    try:
        yield admin
    finally:
        admin.close()


def create_topics(
    bootstrap_servers: str, topics: Mapping[str, tuple[int, Mapping[str, str]]], *, prefix: str = ""
) -> list[str]:
    """Create those of `topics` (name → partitions, configuration) that are missing; return their names."""
    with _admin(bootstrap_servers) as admin:
        existing = set(admin.list_topics())
        missing = {
            prefix + name: {"num_partitions": partitions, "configs": dict(config)}
            for name, (partitions, config) in topics.items()
            if prefix + name not in existing
        }
        if missing:
            with contextlib.suppress(TopicAlreadyExistsError):
                admin.create_topics(missing, wait_for_metadata=True)
    return sorted(missing)


class LogEnds:
    """Asks Kafka where its logs end. One per process, safe between threads; connects at the first call."""

    def __init__(self, bootstrap_servers: str, *, prefix: str = "") -> None:
        self._bootstrap_servers, self._prefix = bootstrap_servers, prefix
        self._lock = threading.Lock()
        self._consumer: KafkaConsumer | None = None

    def of(self, topic: str) -> dict[int, int]:
        """Partition → offset of the next record to come. Raises BrokerUnavailable."""
        name = self._prefix + topic
        with self._lock:
            try:
                if self._consumer is None:
                    self._consumer = KafkaConsumer(
                        bootstrap_servers=self._bootstrap_servers,
                        bootstrap_timeout_ms=BROKER_TIMEOUT_MS,
                        enable_auto_commit=False,
                    )
                partitions = [
                    TopicPartition(name, n) for n in self._consumer.partitions_for_topic(name) or ()
                ]
                ends = self._consumer.end_offsets(partitions, timeout_ms=BROKER_TIMEOUT_MS)
            except KafkaError as error:
                raise BrokerUnavailable(type(error).__name__) from error
        return {partition.partition: offset for partition, offset in ends.items()}
