"""One transaction for a batch; and when it fails on a record, the others without it."""

import time
from collections.abc import Callable, Sequence

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from shared.kafka.batch import Batch, halves_of, records_of
from shared.kafka.errors import Fenced
from shared.kafka.limit import Limit, Recent, TooManyFailed
from shared.kafka.offsets import advance
from shared.postgres import Connection, Pool
from shared.records import Record

log = structlog.get_logger()

Handler = Callable[[Connection, Sequence[Record]], int | None]
"""Returns how many of the records it refused, when it counts them: they are bound by the same limit."""
Quarantine = Callable[[Connection, Record, str], None]

RETRIES = 6
# Connection lost, deadlock or serialisation, out of a resource, lock not available, shutdown, I/O.
PASSING_SQLSTATES = frozenset({"08", "40", "53", "55", "57", "58"})


def _is_passing(error: psycopg.OperationalError) -> bool:
    """Whether it may work later. A value too large for an index, say, is not of that kind."""
    return error.sqlstate is None or error.sqlstate[:2] in PASSING_SQLSTATES


class Isolation:
    """Finds the record that a batch fails on and quarantines it, so that it does not stop all the others.

    A release that fails on everything must not quarantine everything, nor may a publisher that sends nothing
    but refuse: past `limit` TooManyFailed is raised, with nothing of the batch in hand kept.
    """

    def __init__(
        self,
        pool: Pool,
        cluster_id: str,
        prefix: str,
        handler: Handler,
        quarantine: Quarantine,
        limit: Limit,
    ):
        self._pool, self._cluster_id, self._prefix = pool, cluster_id, prefix
        self._handler, self._quarantine = handler, quarantine
        self._recent = Recent(limit)

    def process(self, batch: Batch) -> None:
        try:
            refused = self._commit(batch, self._handle)
            self._recent.add(refused, sum(map(len, batch.values())))
        except (Fenced, PoolTimeout, TooManyFailed):
            raise
        except Exception as error:
            if isinstance(error, psycopg.OperationalError) and _is_passing(error):
                raise
            halves = halves_of(batch)
            for half in halves:
                self.process(half)
            if not halves:
                self._set_aside(batch, error)

    def _handle(self, connection: Connection, records: Sequence[Record]) -> int:
        refused = self._handler(connection, records) or 0
        self._recent.check(refused, len(records), "invalid_event")
        return refused

    def _set_aside(self, batch: Batch, error: Exception) -> None:
        (record,) = records_of(batch, self._prefix)
        name = type(error).__name__
        log.error(
            "record_failed",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            alert=True,
            exc_info=error,
        )
        self._recent.check(1, 1, name)

        def keep(connection: Connection, records: Sequence[Record]) -> int:
            self._quarantine(connection, records[0], name)
            return 1

        self._recent.add(self._commit(batch, keep), 1)

    def _commit(self, batch: Batch, work: Callable[[Connection, Sequence[Record]], int]) -> int:
        """One transaction: the work and the next offsets. A passing database fault is retried."""
        records = records_of(batch, self._prefix)
        attempt = 1
        while True:
            try:
                with self._pool.connection() as connection, connection.transaction():
                    advance(connection, self._cluster_id, batch)
                    return work(connection, records)
            except psycopg.OperationalError as error:
                if attempt == RETRIES or not _is_passing(error):
                    raise
                log.warning("batch_retried", attempt=attempt, error=type(error).__name__)
                time.sleep(min(5.0, 0.1 * 2**attempt))
                attempt += 1
