"""What a 202 rests on: Kafka holds the records, or this host's disk does until Kafka can."""

import fcntl
import math
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Gauge

from services.ingest.spool import Spool, SpoolFull
from shared.background import Repeated
from shared.kafka.errors import BrokerUnavailable, RecordTooLarge, TooManyInFlight
from shared.kafka.publisher import Publisher
from shared.records import Outgoing

log = structlog.get_logger()

DRAIN_TIMEOUT_S = 30.0
IDLE_S = 0.25
TELL_EVERY_S = 10.0

SPOOL_RECORDS = Gauge("ingest_spool_records", "Records on this host's disk that wait for Kafka")
SPOOL_AGE_S = Gauge("ingest_spool_age_seconds", "How long the oldest of them has waited")


class DurablePublisher:
    """Publishes like `publisher`, and keeps in `spool` what Kafka does not confirm in time.

    While the spool holds something, everything goes in behind it: an event never overtakes an older one.
    Without a spool Kafka alone is trusted.
    """

    def __init__(self, publisher: Publisher, spool: Spool | None = None) -> None:
        self._publisher, self._spool = publisher, spool

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is safe. Raises BrokerUnavailable when none of both holds it, and
        RecordTooLarge."""
        if self._spool is None:
            self._publisher.publish(records)
            return
        if not self._spool.holding():
            try:
                self._publisher.publish(records)
            except TooManyInFlight:
                raise  # Kafka answers, but is behind: the disk would only put off the same
            except BrokerUnavailable:
                log.warning("publish_not_confirmed", records=len(records))
            else:
                return
        try:
            self._spool.keep(records)
        except SpoolFull as error:
            raise BrokerUnavailable("neither Kafka nor the spool took it") from error

    def ready(self) -> bool:
        """Whether an event would be taken now."""
        return self._publisher.ready() or (self._spool is not None and self._spool.writable())

    def told(self) -> dict[str, Any]:
        """For /readyz: whether Kafka answers, and what waits on the disk (None without a spool)."""
        if self._spool is None:
            return {"kafka": self._publisher.ready(), "spool": None}
        waiting: dict[str, Any]
        try:
            depth = self._spool.depth()
            waiting = {"records": depth.records, "age_s": round(depth.age_s, 1)}
        except SpoolFull:
            waiting = {"records": None, "age_s": None}
        return {"kafka": self._publisher.ready(), "spool": {**waiting, "writable": self._spool.writable()}}

    def measure(self) -> None:
        """Let /metrics tell the spool's depth and age; not a number while it cannot be read."""
        spool = self._spool
        if spool is None:
            return

        def depth_or_nan(name: str) -> float:
            try:
                return float(getattr(spool.depth(), name))
            except SpoolFull:
                return math.nan

        SPOOL_RECORDS.set_function(lambda: depth_or_nan("records"))
        SPOOL_AGE_S.set_function(lambda: depth_or_nan("age_s"))


class Drain:
    """Empties the spool into Kafka by itself, in one process of the host at a time.

    Which one is settled by a lock on a file, that ends with its process however it ends.
    """

    def __init__(self, spool: Spool, publisher: Publisher, lock_file: Path) -> None:
        self._spool, self._publisher, self._lock_file = spool, publisher, lock_file
        self._lock: int | None = None
        self._tell_at = 0.0
        self._thread = Repeated("spool-drain", self.once, idle_s=IDLE_S)

    def start(self) -> None:
        self._thread.start()

    def once(self) -> bool:
        """Publish the oldest records; whether more wait. Raises BrokerUnavailable."""
        if not self._spool.holding() or not self._ours():
            return False
        try:
            if not self._publisher.ready():
                self._tell()
                return False
            batch = self._spool.oldest()
            if batch:
                self._publisher.publish([one for _, one in batch], timeout_s=DRAIN_TIMEOUT_S)
            self._spool.forget(batch[-1][0] if batch else 0)
        except RecordTooLarge as error:
            log.error("spool_stuck", alert=True, why="a topic of the broker takes less than 1 MB a record")
            raise BrokerUnavailable("a record is larger than the topic takes") from error
        except (sqlite3.Error, OSError, SpoolFull) as error:
            # A full disk or a locked file passes; what was published and stays is published again.
            log.error("spool_not_drained", error=type(error).__name__, alert=True)
            raise BrokerUnavailable("the spool could not be read or shortened") from error
        return self._spool.holding()

    def _tell(self) -> None:
        if time.monotonic() > self._tell_at:
            self._tell_at = time.monotonic() + TELL_EVERY_S
            depth = self._spool.depth()
            log.warning("spool_waits", records=depth.records, age_s=round(depth.age_s), alert=True)

    def _ours(self) -> bool:
        if self._lock is None:
            handle = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                return False
            self._lock = handle
        return True

    def close(self) -> None:
        """Stop, and let another process go on."""
        if self._thread.is_alive():
            self._thread.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
