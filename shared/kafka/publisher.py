"""A producer that confirms or refuses."""

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from shared.kafka.errors import BROKER_TIMEOUT_MS, BrokerUnavailable, RecordTooLarge
from shared.records import Outgoing

MAX_RECORD_BYTES = 1_000_000
ASK_AGAIN_S = 2.0


class Publisher:
    """A producer that confirms or refuses. One per process, made after any fork; safe between threads.

    kafka-python has no bound on its buffer, so `max_in_flight` caps the records not yet settled.
    """

    def __init__(self, bootstrap_servers: str, *, prefix: str = "", max_in_flight: int = 20_000) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._away_until = 0.0

    def _connected(self) -> KafkaProducer:
        with self._connecting:
            if self._producer is None:
                # Callers wait for each other here: one failed attempt answers those that queued behind it.
                if time.monotonic() < self._away_until:
                    raise KafkaTimeoutError
                self._away_until = time.monotonic() + BROKER_TIMEOUT_MS / 1000 + ASK_AGAIN_S
                # Not idempotent: with it a batch older than the delivery timeout wedges the producer for
                # good when the broker dies. Consumers drop repeats by event id anyway.
                self._producer = KafkaProducer(
                    bootstrap_servers=self._bootstrap_servers,
                    enable_idempotence=False,
                    acks="all",
                    max_in_flight_requests_per_connection=1,
                    linger_ms=5,
                    batch_size=256 * 1024,
                    compression_type="lz4",
                    max_request_size=MAX_RECORD_BYTES + 64 * 1024,
                    max_block_ms=BROKER_TIMEOUT_MS,
                    bootstrap_timeout_ms=BROKER_TIMEOUT_MS,
                    reconnect_backoff_max_ms=1000,
                    delivery_timeout_ms=60_000,
                    allow_auto_create_topics=False,
                )
            return self._producer

    def _settled(self, _result: object) -> None:
        with self._lock:
            self._in_flight -= 1

    def publish(self, records: Sequence[Outgoing], *, timeout_s: float = BROKER_TIMEOUT_MS / 1000) -> None:
        """Return once every record is held by Kafka.

        Raises BrokerUnavailable when one is not confirmed within `timeout_s` or too many are in flight,
        RecordTooLarge when one is over the limit (then nothing more is sent).
        """
        with self._lock:
            if self._in_flight + len(records) > self._max_in_flight:
                raise BrokerUnavailable(f"{self._in_flight} records are already waiting for Kafka")
            self._in_flight += len(records)
        deadline = time.monotonic() + timeout_s
        futures: list[Any] = []
        try:
            producer = self._connected()
            for record in records:
                future = producer.send(
                    self._prefix + record.topic,
                    key=record.key.encode(),
                    value=record.value,
                    headers=[(name, value.encode()) for name, value in record.headers.items()],
                )
                futures.append(future)
                future.add_both(self._settled)
            for future in futures:
                future.get(timeout=max(0.0, deadline - time.monotonic()))
        except MessageSizeTooLargeError as error:
            raise RecordTooLarge(str(error)) from error
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka did not confirm in time ({type(error).__name__})") from error
        finally:
            with self._lock:  # those never handed to the producer will not settle by themselves
                self._in_flight -= len(records) - len(futures)

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
