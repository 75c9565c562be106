"""A producer that confirms or refuses."""

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.partitioner.default import DefaultPartitioner, murmur2

from shared.kafka.errors import BROKER_TIMEOUT_MS, BrokerUnavailable, RecordTooLarge, TooManyInFlight
from shared.records import Outgoing

MAX_RECORD_BYTES = 1_000_000
MAX_BYTES_IN_FLIGHT = 64_000_000
ASK_AGAIN_S = 2.0
LINGER_MS = 5

_hash = lru_cache(50_000)(murmur2)


class _RememberingPartitioner(DefaultPartitioner):  # type: ignore[misc]
    """The same partition for a key as any Kafka client: the hash, in Python 10 µs, is remembered."""

    def partition(
        self,
        topic: str,
        key: Any,
        serialized_key: bytes,
        value: Any,
        serialized_value: bytes | None,
        cluster: Any,
    ) -> int:
        # Kafka numbers the partitions of a topic from 0, without a gap.
        hashed: int = _hash(serialized_key) & 0x7FFFFFFF
        return hashed % len(cluster.partitions_for_topic(topic))


class Publisher:
    """A producer that confirms or refuses. One per process, made after any fork; safe between threads.

    kafka-python has no bound on its buffer, so `max_in_flight` and MAX_BYTES_IN_FLIGHT cap what is not yet
    settled. After a call that was not confirmed, the others are refused at once for ASK_AGAIN_S: not each of
    them has to wait to learn the same.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        prefix: str = "",
        max_in_flight: int = 20_000,
        timeout_ms: int = BROKER_TIMEOUT_MS,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._max_in_flight = max_in_flight
        self._timeout_ms = timeout_ms
        self._in_flight = 0
        self._bytes_in_flight = 0
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._away_until = 0.0

    def _connected(self) -> KafkaProducer:
        with self._connecting:
            if self._producer is None:
                # Callers wait for each other here: one failed attempt answers those that queued behind it.
                self._refuse_while_away()
                self._away_until = time.monotonic() + self._timeout_ms / 1000 + ASK_AGAIN_S
                # Not idempotent: with it a batch older than the delivery timeout wedges the producer for
                # good when the broker dies. Consumers drop repeats by event id anyway.
                self._producer = KafkaProducer(
                    bootstrap_servers=self._bootstrap_servers,
                    enable_idempotence=False,
                    acks="all",
                    max_in_flight_requests_per_connection=1,
                    linger_ms=LINGER_MS,
                    batch_size=256 * 1024,
                    compression_type="lz4",
                    partitioner=_RememberingPartitioner(),
                    max_request_size=MAX_RECORD_BYTES + 64 * 1024,
                    max_block_ms=self._timeout_ms,
                    bootstrap_timeout_ms=self._timeout_ms,
                    reconnect_backoff_max_ms=1000,
                    delivery_timeout_ms=60_000,
                    allow_auto_create_topics=False,
                )
                self._away_until = 0.0
            return self._producer

    def _refuse_while_away(self) -> None:
        if time.monotonic() < self._away_until:
            raise BrokerUnavailable("Kafka did not answer a moment ago")

    def publish(self, records: Sequence[Outgoing], *, timeout_s: float | None = None) -> None:
        """Return once every record is held by Kafka.

        Raises TooManyInFlight, BrokerUnavailable when one is not confirmed within `timeout_s`, and
        RecordTooLarge when one is over the limit (then nothing more is sent).
        """
        self._refuse_while_away()
        size = sum(len(record.value or b"") for record in records)
        self._take(len(records), size)
        deadline = time.monotonic() + (self._timeout_ms / 1000 if timeout_s is None else timeout_s)
        futures: list[Any] = []
        try:
            self._send(records, futures)
            for future in futures:
                if future.value is None:
                    future.get(timeout=max(0.0, deadline - time.monotonic()))
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge(str(error)) from error
        except KafkaError as error:
            self._away_until = time.monotonic() + ASK_AGAIN_S
            raise BrokerUnavailable(f"Kafka did not confirm in time ({type(error).__name__})") from error
        finally:
            self._give_back(futures, len(records), size)

    def _send(self, records: Sequence[Outgoing], futures: list[Any]) -> None:
        producer = self._connected()
        for record in records:
            futures.append(  # noqa: PERF401 - what was sent before a failure must be known
                producer.send(
                    self._prefix + record.topic,
                    key=record.key.encode(),
                    value=record.value,
                    headers=[(name, value.encode()) for name, value in record.headers.items()],
                )
            )

    def _take(self, records: int, size: int) -> None:
        with self._lock:
            # A call that is larger than the bound by itself must still have its turn.
            if self._in_flight and (
                self._in_flight + records > self._max_in_flight
                or self._bytes_in_flight + size > MAX_BYTES_IN_FLIGHT
            ):
                raise TooManyInFlight(f"{self._in_flight} records are already waiting for Kafka")
            self._in_flight += records
            self._bytes_in_flight += size

    def _give_back(self, futures: Sequence[Any], records: int, size: int) -> None:
        """What the producer still holds counts until the last of it is settled, then all of the call does."""
        unsettled = [future for future in futures if not future.is_done]
        left = len(unsettled)

        def settled(_result: object = None) -> None:
            nonlocal left
            with self._lock:
                left -= 1
                if left <= 0:
                    self._in_flight -= records
                    self._bytes_in_flight -= size

        if not unsettled:
            settled()
        for future in unsettled:
            future.add_both(settled)

    def ready(self) -> bool:
        """Whether a broker can be reached now. (The client's own bootstrap_connected says no once it is.)"""
        for server in self._bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                with socket.create_connection((host.strip("[]"), int(port)), timeout=1):
                    return True
            except OSError:
                continue
        return False

    def close(self) -> None:
        """Give what is in flight a moment; the rest was never confirmed to anyone."""
        if self._producer is not None:
            with contextlib.suppress(KafkaError):
                self._producer.close(timeout=5)
