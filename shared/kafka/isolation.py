"""One transaction for a batch; and when it fails on a record, the others without it."""

import time
from collections.abc import Callable, Sequence

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from shared.kafka.batch import Batch, halves_of, records_of
from shared.kafka.errors import Fenced
from shared.kafka.offsets import advance
from shared.postgres import Connection, Pool
from shared.records import Record

log = structlog.get_logger()

Handler = Callable[[Connection, Sequence[Record]], None]
Quarantine = Callable[[Connection, Record, str], None]

RETRIES = 6
MOST_QUARANTINED = 20
# Connection lost, deadlock or serialisation, out of a resource, lock not available, shutdown, I/O.
PASSING_SQLSTATES = frozenset({"08", "40", "53", "55", "57", "58"})


def _is_passing(error: psycopg.OperationalError) -> bool:
    """Whether it may work later. A value too large for an index, say, is not of that kind."""
    return error.sqlstate is None or error.sqlstate[:2] in PASSING_SQLSTATES


def _commit(batch: Batch, pool: Pool, cluster_id: str, prefix: str, handler: Handler) -> None:
    """One transaction: the handler's effect and the next offsets. A passing database fault is retried."""
    records = records_of(batch, prefix)
    for attempt in range(1, RETRIES + 1):
        try:
            with pool.connection() as connection, connection.transaction():
                advance(connection, cluster_id, batch)
                handler(connection, records)
        except psycopg.OperationalError as error:
            if attempt == RETRIES or not _is_passing(error):
                raise
            log.warning("batch_retried", attempt=attempt, error=type(error).__name__)
            time.sleep(min(5.0, 0.1 * 2**attempt))
        else:
            return


class Isolation:
    """Finds the record that a batch fails on and quarantines it, so that it does not stop all the others.

    A release that fails on everything must not quarantine everything: past `MOST_QUARANTINED` records the
    error goes through and ends the worker.
    """

    def __init__(self, pool: Pool, cluster_id: str, prefix: str, handler: Handler, quarantine: Quarantine):
        self._pool, self._cluster_id, self._prefix = pool, cluster_id, prefix
        self._handler, self._quarantine = handler, quarantine
        self._quarantined = 0

    def process(self, batch: Batch) -> None:
        try:
            _commit(batch, self._pool, self._cluster_id, self._prefix, self._handler)
        except (Fenced, PoolTimeout):
            raise
        except Exception as error:
            if isinstance(error, psycopg.OperationalError) and _is_passing(error):
                raise
            halves = halves_of(batch)
            for half in halves:
                self.process(half)
            if not halves:
                self._set_aside(batch, error)

    def _set_aside(self, batch: Batch, error: Exception) -> None:
        (record,) = records_of(batch, self._prefix)
        self._quarantined += 1
        log.error(
            "record_quarantined",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            alert=True,
            exc_info=error,
        )
        if self._quarantined > MOST_QUARANTINED:
            raise error
        _commit(
            batch,
            self._pool,
            self._cluster_id,
            self._prefix,
            lambda connection, records: self._quarantine(connection, records[0], type(error).__name__),
        )
