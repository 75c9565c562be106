"""The scoring worker: events in, scores out; refreshes scores and runs trainings beside."""

import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from services.scoring import handlers, store, training
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from shared import logs
from shared.background import Repeated
from shared.contracts.topics import CRM_EVENTS, REPLY_EVENTS
from shared.kafka.consumer import Subscription, consume
from shared.kafka.publisher import Publisher
from shared.outbox import relay
from shared.postgres import Connection, Pool, connect_pool
from shared.records import Record
from shared.settings import load

log = structlog.get_logger()

GROUP = "scoring"
REFRESH_BATCH = 500


def refresh_stale(pool: Pool, registry: Registry, settings: ScoringSettings) -> bool:
    """Score one batch of stale leads again; True when there may be more."""
    now = datetime.now(UTC)
    with pool.connection() as connection, connection.transaction():
        scored = handlers.refresh(
            connection,
            registry,
            as_of=now,
            before=now - timedelta(hours=settings.refresh_after_hours),
            limit=REFRESH_BATCH,
            demo=settings.demo,
        )
    if scored:
        log.info("scores_refreshed", leads=scored)
    return scored == REFRESH_BATCH


def main() -> None:
    settings = load(ScoringSettings)
    logs.configure("scoring-worker", settings.log_level)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    publisher = Publisher(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=5)
    registry = Registry()
    outbox_relay = relay(pool, publisher)
    beside = [
        outbox_relay,
        Repeated("refresh", lambda: refresh_stale(pool, registry, settings), idle_s=1.0),
        Repeated("training", lambda: training.run_next(pool, stop), idle_s=0.5),
    ]
    for thread in beside:
        thread.start()

    def handle(connection: Connection, records: Sequence[Record]) -> None:
        replies = [record for record in records if record.topic == REPLY_EVENTS]
        events = [record for record in records if record.topic == CRM_EVENTS]
        handlers.on_events(connection, events, registry, demo=settings.demo)
        handlers.on_replies(connection, replies)

    subscription = Subscription(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group=GROUP,
        topics=(CRM_EVENTS, REPLY_EVENTS),
        instance=settings.worker_instance,
        prefix=settings.topic_prefix,
    )
    try:
        consume(subscription, pool, handle, stop=stop, committed=outbox_relay.wake)
    finally:
        stop.set()
        for thread in beside:
            thread.stop()
        publisher.close()
        pool.close()


if __name__ == "__main__":
    main()
