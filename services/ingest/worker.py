"""The ingest worker: stores what was rejected anywhere, for a person to mend."""

import signal
import threading

from services.ingest import store
from services.ingest.settings import IngestSettings
from shared import logs
from shared.contracts.topics import CRM_REJECTED
from shared.kafka import Subscription, consume
from shared.postgres import connect_pool
from shared.settings import load


def main() -> None:
    settings = load(IngestSettings)
    logs.configure("ingest-worker", settings.log_level)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    pool = connect_pool(settings.database_url, schema=store.SCHEMA, max_size=2)
    subscription = Subscription(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        group="ingest",
        topics=(CRM_REJECTED,),
        instance=settings.worker_instance,
        prefix=settings.topic_prefix,
    )
    try:
        consume(subscription, pool, store.on_rejected, stop=stop)
    finally:
        pool.close()


if __name__ == "__main__":
    main()
