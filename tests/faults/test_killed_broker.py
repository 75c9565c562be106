"""kill -9 of the broker with records in flight: what was confirmed is there, and publishing goes on after."""

import threading
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from shared.kafka.admin import create_topics
from shared.kafka.errors import BrokerUnavailable
from shared.kafka.publisher import Publisher
from shared.records import Outgoing
from tests.harness.embedded import running_kafka
from tests.harness.processes import wait_until

pytestmark = pytest.mark.long

TOPIC = "probe"


class Sender(threading.Thread):
    """Publishes numbered records in tens until stopped; `confirmed` holds those that were."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(daemon=True)
        self._publisher = publisher
        self.stopping = threading.Event()
        self.confirmed: list[str] = []
        self.refused = 0

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            names = [str(number + n) for n in range(10)]
            number += 10
            try:
                self._publisher.publish([Outgoing(TOPIC, name, name.encode()) for name in names])
            except BrokerUnavailable:
                self.refused += 1
            else:
                self.confirmed += names


def stored(bootstrap: str) -> list[str]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    partition = TopicPartition(TOPIC, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    values: list[str] = []
    while consumer.position(partition) < end:
        for records in consumer.poll(timeout_ms=500).values():
            values += [record.value.decode() for record in records]
    consumer.close()
    return values


def test_a_publisher_outlives_its_broker_and_loses_nothing_it_confirmed(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as broker:
        create_topics(broker.server.bootstrap, {TOPIC: (1, {})})
        publisher = Publisher(broker.server.bootstrap)
        sender = Sender(publisher)
        sender.start()
        wait_until(lambda: len(sender.confirmed) > 200, what="a stream of records")
        broker.kill()
        wait_until(lambda: sender.refused > 0, what="a refusal while the broker is dead")
        before = len(sender.confirmed)
    with running_kafka(tmp_path / "kafka") as again:
        wait_until(lambda: len(sender.confirmed) > before + 200, timeout_s=60, what="the stream again")
        sender.stopping.set()
        sender.join(30)
        assert set(sender.confirmed) <= set(stored(again.server.bootstrap))
        publisher.close()
