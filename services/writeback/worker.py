"""The write-back worker: reads what is to be sent from Kafka, and sends it."""

import contextlib
import threading
from collections.abc import Sequence

import structlog

from services.writeback import store
from services.writeback.handlers import plan_deliveries
from services.writeback.retry import Pace
from services.writeback.sender import PARALLEL, Sender
from services.writeback.settings import WritebackSettings
from services.writeback.webhook import WebhookDestination
from shared import logs
from shared.background import Repeated
from shared.contracts.topics import LEAD_SCORED, REPLY_EVENTS
from shared.kafka.consumer import Subscription, consume
from shared.kafka.publisher import Publisher
from shared.outbox import relay
from shared.postgres import Connection, connect_pool
from shared.records import Record
from shared.settings import load
from shared.worker import stop_on_signals

log = structlog.get_logger()

GROUP = "writeback"


def main() -> None:
    settings = load(WritebackSettings)
    logs.configure("writeback", settings.log_level)
    run(settings, stop_on_signals(), pace=Pace())


def run(settings: WritebackSettings, stop: threading.Event, *, pace: Pace) -> None:
    """Work until `stop` is set, then let what is in flight end."""
    with contextlib.ExitStack() as stack:
        publisher = Publisher(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)
        stack.callback(publisher.close)
        # One connection for each send that records its end, the relay, the batch and the taking.
        pool = stack.enter_context(
            connect_pool(settings.database_url, schema=store.SCHEMA, max_size=PARALLEL + 3)
        )
        outbox_relay = relay(pool, publisher)
        beside = [outbox_relay]
        if settings.writeback_webhook_url:
            destination = WebhookDestination(
                settings.writeback_webhook_url,
                settings.writeback_webhook_secret.get_secret_value(),
                allow_private=settings.writeback_allow_private,
            )
            stack.callback(destination.close)
            with pool.connection() as connection:
                store.register_destination(connection, destination.name, settings.writeback_webhook_url)
            sender = Sender(pool, destination, pace=pace, recorded=outbox_relay.wake)
            stack.callback(sender.close)
            beside.append(Repeated("sender", sender.send_due, idle_s=0.5))
        else:
            log.info("no_destination")
        for thread in beside:
            thread.start()
            stack.callback(thread.stop)

        def handle(connection: Connection, records: Sequence[Record]) -> None:
            plan_deliveries(connection, records, destination=WebhookDestination.name, kinds=settings.kinds)

        def committed() -> None:
            for thread in beside:
                thread.wake()

        subscription = Subscription(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            group=GROUP,
            topics=(LEAD_SCORED, REPLY_EVENTS),
            instance=settings.worker_instance,
            prefix=settings.topic_prefix,
            limit=settings.limit,
        )
        consume(subscription, pool, handle, stop=stop, committed=committed)


if __name__ == "__main__":
    main()
