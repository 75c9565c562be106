"""Sends what is due: several deliveries at once, one at a time per lead, each at least once."""

import random
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final

import structlog
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from services.writeback import store
from services.writeback.retry import Answer, Pace, Verdict
from services.writeback.webhook import WebhookDestination
from shared.postgres import Pool

log = structlog.get_logger()

PARALLEL: Final = 8
IDLE_S: Final = 0.5


class Sender:
    """Keeps up to PARALLEL sends in flight. `recorded` is called after each recorded attempt."""

    def __init__(
        self,
        pool: Pool,
        destination: WebhookDestination,
        *,
        pace: Pace,
        recorded: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool, self._destination, self._pace, self._recorded = pool, destination, pace, recorded
        self._executor = ThreadPoolExecutor(PARALLEL, thread_name_prefix="send")
        self._running: set[Future[None]] = set()

    def send_due(self) -> bool:
        """Start sending what is due, as far as there is room, and wait until a send ends; whether one did.

        Raises what a send raised, besides a database that does not answer.
        """
        with self._pool.connection() as connection, connection.transaction():
            taken = store.take_due(
                connection,
                self._destination.name,
                limit=PARALLEL - len(self._running),
                lease_s=self._pace.lease_s,
            )
        self._running.update(self._executor.submit(self._send, delivery) for delivery in taken)
        ended, self._running = wait(self._running, timeout=IDLE_S, return_when=FIRST_COMPLETED)
        for future in ended:
            future.result()
        return bool(ended)

    def close(self) -> None:
        """Wait for what is in flight."""
        self._executor.shutdown()

    def _send(self, delivery: store.Delivery) -> None:
        answer = self._destination.post(delivery.delivery_id, delivery.body)
        try:
            self._record(delivery, answer)
        except (OperationalError, PoolTimeout) as error:
            # The lease runs out and it is sent again with the same id: the receiver takes it once.
            log.warning(
                "delivery_not_recorded", delivery_id=str(delivery.delivery_id), error=type(error).__name__
            )

    def _record(self, delivery: store.Delivery, answer: Answer) -> None:
        destination = self._destination.name
        with self._pool.connection() as connection, connection.transaction():
            match answer.verdict:
                case Verdict.DELIVERED:
                    store.record_delivered(connection, delivery, answer)
                case Verdict.GONE:
                    waiting = store.disable(connection, destination, delivery, answer)
                    log.error("destination_disabled", destination=destination, waiting=waiting, alert=True)
                case Verdict.THROTTLED | Verdict.FAILED as verdict:
                    chance = random.random()  # noqa: S311 - spreads retries, guards nothing
                    store.record_undelivered(
                        connection,
                        destination,
                        delivery,
                        answer,
                        delay_s=self._pace.delay_s(delivery.attempts, answer, chance),
                        give_up_s=self._pace.give_up_s,
                        hold=verdict is Verdict.THROTTLED,
                    )
        self._recorded()
        log.info(
            "delivery_attempted",
            delivery_id=str(delivery.delivery_id),
            kind=delivery.kind,
            attempt=delivery.attempts,
            verdict=answer.verdict.value,
            status=answer.status,
            code=answer.error,
        )
