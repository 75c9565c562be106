"""The scoring worker: events in, scores out; refreshes scores and runs trainings beside."""

import contextlib
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from services.scoring import comparing, handlers, settling, store, trainings
from services.scoring.policy import publishing
from services.scoring.quality.background import PAUSE_S, Watch
from services.scoring.registry import Registry
from services.scoring.settings import ScoringSettings
from shared import logs
from shared.background import Repeated
from shared.contracts.topics import CRM_EVENTS, REPLY_EVENTS, SCORING_GROUP
from shared.kafka.consumer import Subscription, consume
from shared.kafka.publisher import Publisher
from shared.outbox import relay
from shared.postgres import Connection, Pool, connect_pool
from shared.records import Record
from shared.settings import load
from shared.worker import stop_on_signals

log = structlog.get_logger()

REFRESH_BATCH = 500
COMPARE_BATCH = 200


def main() -> None:
    settings = load(ScoringSettings)
    logs.configure("scoring-worker", settings.log_level)
    run(settings, stop_on_signals())


def run(settings: ScoringSettings, stop: threading.Event) -> None:
    """Work until `stop` is set."""
    registry = Registry()
    with contextlib.ExitStack() as stack:
        publisher = Publisher(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
        stack.callback(publisher.close)
        # One connection each for the batch, the relay and the five beside them, and one to spare.
        pool = stack.enter_context(connect_pool(settings.database_url, schema=store.SCHEMA, max_size=8))
        outbox_relay = relay(pool, publisher)
        refresh = Repeated("refresh", lambda: refresh_stale(pool, registry, settings), idle_s=1.0)
        training = Repeated("training", lambda: trainings.run_next(pool, stop), idle_s=0.5)
        quality = Repeated("quality", Watch(pool).once, idle_s=PAUSE_S)
        compare = Repeated("compare", lambda: compare_leads(pool), idle_s=2.0)
        watch = Repeated("model", lambda: watch_model(pool, registry), idle_s=5.0)
        for thread in (outbox_relay, refresh, training, quality, compare, watch):
            thread.start()
            stack.callback(thread.stop)
        stack.callback(stop.set)  # first of all: a training under way ends by it

        def handle(connection: Connection, records: Sequence[Record]) -> int:
            events = [record for record in records if record.topic == CRM_EVENTS]
            replies = [record for record in records if record.topic == REPLY_EVENTS]
            taken = handlers.on_events(connection, events, registry, demo=settings.demo)
            handlers.on_replies(connection, replies)
            return taken.invalid

        subscription = Subscription(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group=SCORING_GROUP,
            topics=(CRM_EVENTS, REPLY_EVENTS),
            instance=settings.worker_instance,
            prefix=settings.topic_prefix,
            limit=settings.limit,
        )
        consume(subscription, pool, handle, stop=stop, committed=outbox_relay.wake)


def refresh_stale(pool: Pool, registry: Registry, settings: ScoringSettings) -> bool:
    """Score one batch of stale leads again, after publishing what is due; True when there may be more."""
    now = datetime.now(UTC)
    with pool.connection() as connection, connection.transaction():
        published = publishing.publish_due(connection, now) or publishing.refresh_cuts(connection, now)
    with pool.connection() as connection, connection.transaction():
        settled = settling.settle(connection, limit=REFRESH_BATCH)
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
    return published or REFRESH_BATCH in (scored, settled)


def compare_leads(pool: Pool) -> bool:
    """Look for duplicates of one batch of leads that changed; True when there may be more."""
    with pool.connection() as connection, connection.transaction():
        compared = comparing.compare(connection, limit=COMPARE_BATCH)
    if compared:
        log.info("leads_compared", leads=compared)
    return compared == COMPARE_BATCH


def watch_model(pool: Pool, registry: Registry) -> bool:
    """Say when the model published last does not load; False: there is no more to do."""
    with pool.connection() as connection:
        registry.watch(connection)
    return False


if __name__ == "__main__":
    main()
