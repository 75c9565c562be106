"""The ingest worker: stores rejections and what became of events; replays, imports, queries beside."""

import contextlib
import threading
from datetime import UTC, datetime, timedelta

from services.ingest import store, trace_store
from services.ingest.handlers import on_records
from services.ingest.imports.background import imports_in_background
from services.ingest.pull import LOOK_AGAIN_S, Puller
from services.ingest.replays import replay_next
from services.ingest.settings import IngestSettings
from services.ingest.sources.sealing import Sealer
from shared import logs
from shared.background import Repeated
from shared.contracts.topics import CRM_REJECTED, DELIVERY_STEPS
from shared.kafka.consumer import Subscription, consume
from shared.kafka.publisher import Publisher
from shared.outbox import relay
from shared.postgres import Connection, Pool, connect_pool
from shared.records import Record
from shared.settings import load
from shared.worker import stop_on_signals

GROUP = "ingest"


def leave_in_kafka(_connection: Connection, _record: Record, _error: str) -> None:
    """A rejection that cannot be stored has nowhere else to go: it was logged, and Kafka keeps it a week."""


def main() -> None:
    settings = load(IngestSettings)
    logs.configure("ingest-worker", settings.log_level)
    run(settings, stop_on_signals())


def run(settings: IngestSettings, stop: threading.Event) -> None:
    """Work until `stop` is set."""
    with contextlib.ExitStack() as stack:
        publisher = Publisher(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
        stack.callback(publisher.close)
        # One connection each for batch, relay, replays, dropping and queries, and one to spare.
        pool = stack.enter_context(connect_pool(settings.database_url, schema=store.SCHEMA, max_size=6))
        outbox_relay = relay(pool, publisher)
        replays = Repeated("replays", lambda: replay_next(pool), idle_s=0.5)
        days = settings.delivery_trace_days
        dropping = Repeated("old-steps", lambda: drop_old_steps(pool, days), idle_s=3600)
        sealer = Sealer(settings.token_secret.get_secret_value())
        puller = Puller(pool, publisher, sealer, settings.ingest_sql_hosts)
        queries = Repeated("sql-sources", puller.once, idle_s=LOOK_AGAIN_S)
        for thread in (outbox_relay, replays, dropping, queries):
            thread.start()
            stack.callback(thread.stop)
        subscription = Subscription(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group=GROUP,
            topics=(CRM_REJECTED, DELIVERY_STEPS),
            instance=settings.worker_instance,
            prefix=settings.topic_prefix,
            limit=settings.limit,
        )
        with imports_in_background(settings, stop):
            consume(subscription, pool, on_records, quarantine=leave_in_kafka, stop=stop)


def drop_old_steps(pool: Pool, days: int) -> bool:
    """Drop what became of deliveries more than `days` days ago; there is never more to do at once."""
    with pool.connection() as connection:
        trace_store.drop_before(connection, (datetime.now(UTC) - timedelta(days=days)).date())
    return False


if __name__ == "__main__":
    main()
