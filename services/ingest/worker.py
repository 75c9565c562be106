"""The ingest worker: stores what was rejected anywhere, for a person to mend, and runs imports."""

import contextlib
import threading

from services.ingest import store
from services.ingest.handlers import on_rejected
from services.ingest.imports.background import imports_in_background
from services.ingest.settings import IngestSettings
from shared import logs
from shared.contracts.topics import CRM_REJECTED
from shared.kafka.consumer import Subscription, consume
from shared.postgres import Connection, connect_pool
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
    with contextlib.closing(connect_pool(settings.database_url, schema=store.SCHEMA, max_size=2)) as pool:
        subscription = Subscription(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group=GROUP,
            topics=(CRM_REJECTED,),
            instance=settings.worker_instance,
            prefix=settings.topic_prefix,
        )
        with imports_in_background(settings, stop):
            consume(subscription, pool, on_rejected, quarantine=leave_in_kafka, stop=stop)


if __name__ == "__main__":
    main()
