"""Reading topics so that each record has exactly one effect.

The position lives in Postgres, in the transaction that holds the effect of the records (table ``offsets`` of
the service's schema). Kafka's own committed offsets only show the lag.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from kafka import KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import FencedInstanceIdError, KafkaError

from shared import outbox
from shared.kafka import pauses
from shared.kafka.batch import Batch
from shared.kafka.errors import Fenced, InstanceTaken
from shared.kafka.isolation import Handler, Isolation, Quarantine
from shared.kafka.limit import Limit, TooManyFailed
from shared.kafka.offsets import SeekFromPostgres, register_offsets
from shared.postgres import Pool

log = structlog.get_logger()
SAY_PAUSED_S = 5.0


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
    limit: Limit = field(default_factory=Limit)


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


def consume(
    subscription: Subscription,
    pool: Pool,
    handler: Handler,
    *,
    quarantine: Quarantine = outbox.quarantine,
    stop: threading.Event,
    committed: Callable[[], None] = lambda: None,
) -> None:
    """Hand each polled batch to `handler` inside one transaction, until `stop` is set.

    The handler gets a connection in a transaction that already holds the batch's next offsets: what it
    writes there, and the offsets, are kept together or not at all. `committed` runs after each commit.
    A record that the handler fails on is given to `quarantine`, with the error's name, in a transaction of
    its own, and the others go on; when too many fail it takes no more records until it is started anew.
    Raises OffsetsUnusable at the start, InstanceTaken, and the database's error when that stays away: the
    worker is then to be restarted.
    """
    topics = [subscription.prefix + topic for topic in subscription.topics]
    consumer = _consumer(subscription)
    try:
        cluster_id = register_offsets(pool, consumer, topics)
        listener = SeekFromPostgres(consumer, pool, cluster_id)
        isolation = Isolation(pool, cluster_id, subscription.prefix, handler, quarantine, subscription.limit)
        pauses.clear(pool, subscription.instance)
        consumer.subscribe(topics, listener=listener)
        while not stop.is_set():
            polled: Batch = consumer.poll(timeout_ms=200)
            if listener.failure:
                raise listener.failure
            if not polled:
                continue
            try:
                isolation.process(polled)
            except Fenced as fenced:
                log.warning("batch_fenced", position=str(fenced))
                listener.seek(list(consumer.assignment()))
                continue
            except TooManyFailed as failure:
                _pause(consumer, pool, subscription, failure, stop)
                return
            with contextlib.suppress(KafkaError):
                consumer.commit_async()
            committed()
    except FencedInstanceIdError as error:
        raise InstanceTaken(
            f"Another worker of group {subscription.group} runs as {subscription.instance!r}: give each a "
            "WORKER_INSTANCE of its own."
        ) from error
    finally:
        consumer.close(autocommit=False)


def _pause(
    consumer: KafkaConsumer,
    pool: Pool,
    subscription: Subscription,
    failure: TooManyFailed,
    stop: threading.Event,
) -> None:
    """Stay in the group, so that no other worker fails on the same, and take nothing until `stop`.

    What was not kept stays at its offset in Postgres: the next start begins there.
    """
    log.error(
        "worker_paused",
        group=subscription.group,
        failed=failure.failed,
        looked_at=failure.looked_at,
        error=failure.error,
        alert=True,
    )
    said_at = -SAY_PAUSED_S
    while not stop.is_set():
        if time.monotonic() - said_at >= SAY_PAUSED_S:
            pauses.record(pool, subscription.instance, failure)
            said_at = time.monotonic()
        consumer.pause(*consumer.assignment())
        consumer.poll(timeout_ms=200)
