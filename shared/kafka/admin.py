"""Asking the broker about its topics, and making them."""

import contextlib
import threading
from collections.abc import Iterator, Mapping

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError

from shared.kafka.errors import BROKER_TIMEOUT_MS, BrokerUnavailable


@contextlib.contextmanager
def _admin(bootstrap_servers: str, timeout_ms: int = 20_000) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=timeout_ms)
    try:
        yield admin
    finally:
        admin.close()


def create_topics(
    bootstrap_servers: str, topics: Mapping[str, tuple[int, Mapping[str, str]]], *, prefix: str = ""
) -> list[str]:
    """Create those of `topics` (name → partitions, configuration) that are missing; return their names."""
    with _admin(bootstrap_servers) as admin:
        existing = set(admin.list_topics())
        missing = {
            prefix + name: {"num_partitions": partitions, "configs": dict(config)}
            for name, (partitions, config) in topics.items()
            if prefix + name not in existing
        }
        if missing:
            with contextlib.suppress(TopicAlreadyExistsError):
                admin.create_topics(missing, wait_for_metadata=True)
    return sorted(missing)


class LogEnds:
    """Asks Kafka where its logs end. One per process, safe between threads; connects at the first call."""

    def __init__(self, bootstrap_servers: str, *, prefix: str = "") -> None:
        self._bootstrap_servers, self._prefix = bootstrap_servers, prefix
        self._lock = threading.Lock()
        self._consumer: KafkaConsumer | None = None

    def of(self, topic: str) -> dict[int, int]:
        """Partition → offset of the next record to come. Raises BrokerUnavailable."""
        name = self._prefix + topic
        with self._lock:
            try:
                if self._consumer is None:
                    self._consumer = KafkaConsumer(
                        bootstrap_servers=self._bootstrap_servers,
                        bootstrap_timeout_ms=BROKER_TIMEOUT_MS,
                        enable_auto_commit=False,
                    )
                partitions = [
                    TopicPartition(name, n) for n in self._consumer.partitions_for_topic(name) or ()
                ]
                ends = self._consumer.end_offsets(partitions, timeout_ms=BROKER_TIMEOUT_MS)
            except KafkaError as error:
                raise BrokerUnavailable(type(error).__name__) from error
        return {partition.partition: offset for partition, offset in ends.items()}

    def waiting(self, topic: str, group: str) -> int:
        """How many records of `topic` the workers of `group` have still to read. Raises BrokerUnavailable."""
        ends, group = self.of(topic), self._prefix + group
        partitions = [TopicPartition(self._prefix + topic, number) for number in ends]
        try:
            with _admin(self._bootstrap_servers, BROKER_TIMEOUT_MS) as admin:
                read_to = admin.list_group_offsets({group: partitions})[group]
        except KafkaError as error:
            raise BrokerUnavailable(type(error).__name__) from error
        known = {partition.partition: max(0, held.offset) for partition, held in read_to.items()}
        return sum(max(0, end - known.get(number, 0)) for number, end in ends.items())

    def close(self) -> None:
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
