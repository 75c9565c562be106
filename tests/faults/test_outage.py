"""Kafka away under load, ingest killed in between: what was acknowledged is there once, and in order."""

import contextlib
import itertools
import json
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from kafka import KafkaConsumer, TopicPartition

from deploy.processes import SERVERS, gunicorn_command
from services.scoring import store
from shared.contracts.topics import CRM_EVENTS
from tests.harness.embedded import running_kafka
from tests.harness.history import publish_a_model
from tests.harness.platform import Installation, Platform, new_installation
from tests.harness.processes import free_port, running, wait_until, worker

pytestmark = pytest.mark.long

SENDERS = 4
LEADS_PER_SENDER = 5
BATCH = 20
PAUSE_S = 0.05
AWAY_S = 60
SPOOLED = 2_000
"""Events that must wait on the disk before ingest is killed, and half of those that come after."""


@dataclass
class Load:
    """Senders that post numbered events, each of its own leads, PAUSE_S after the answer to the last."""

    url: str
    key: str
    stopping: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    slowest_s: float = 0.0

    def run(self, sender: int) -> None:
        numbers = itertools.count()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/x-ndjson"}
        with httpx.Client(headers=headers, timeout=30, trust_env=False) as client:
            while not self.stopping.is_set():
                sent = [self._event(sender, next(numbers)) for _ in range(BATCH)]
                while not self._post(client, sent) and not self.stopping.wait(0.2):
                    pass
                self.stopping.wait(PAUSE_S)

    def _event(self, sender: int, number: int) -> tuple[str, str, bytes]:
        lead = f"{sender}-{number % LEADS_PER_SENDER}"
        event_id = f"{lead}-{number:07d}"
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "load",
            "subject": lead,
            "type": "crm.page.viewed",
            "time": datetime.now(UTC).isoformat(),
            "data": {"lead": {"email": f"{lead}@example.fr"}, "url": "https://example.fr/prix"},
        }
        return lead, event_id, json.dumps(event).encode()

    def _post(self, client: httpx.Client, sent: list[tuple[str, str, bytes]]) -> bool:
        started = time.monotonic()
        try:
            answer = client.post(f"{self.url}/v1/events", content=b"\n".join(body for _, _, body in sent))
        except httpx.TransportError:
            return False  # the server was killed: nobody acknowledged anything
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        if answer.status_code != 202:
            self.refused += 1
            return False
        assert answer.json()["accepted"] == len(sent)
        for lead, event_id, _ in sent:
            self.acknowledged[lead].append(event_id)
        return True

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))


@contextlib.contextmanager
def under_load(url: str, key: str) -> Iterator[Load]:
    load = Load(url, key)
    threads = [threading.Thread(target=load.run, args=(n,), daemon=True) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join(40)


class Ingest:
    """gunicorn as it is shipped, on one port, started again after a kill as the supervisor would."""

    def __init__(self, installation: Installation, bootstrap: str, folder: Path) -> None:
        served = SERVERS["ingest"]
        self._environment = {
            **installation.environment,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "INGEST_STATE_DIR": str(folder / "state"),
            served.port_variable: str(free_port()),
        }
        self.url = served.url(self._environment)
        self._command = gunicorn_command(served, self._environment)
        self._log = folder / "ingest.log"
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        self._process = self._stack.enter_context(running(self._command, self._environment, self._log))
        wait_until(self._answers, timeout_s=90, what="ingest")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        """SIGKILL to the whole tree at once."""
        tree = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children()]
        for process in tree:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(tree, 10)
        self._process.wait()

    def waiting(self) -> int:
        answer = httpx.get(f"{self.url}/readyz", timeout=10, trust_env=False).json()
        return int(answer["spool"]["records"])

    def close(self) -> None:
        self._stack.close()


def first_appearances(bootstrap: str, prefix: str) -> dict[str, list[str]]:
    """The event ids of each lead, in the order in which Kafka first held them."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    name = prefix + CRM_EVENTS
    partitions = [TopicPartition(name, n) for n in consumer.partitions_for_topic(name) or ()]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    seen: dict[str, dict[str, None]] = defaultdict(dict)
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                event = json.loads(record.value)
                seen[event["subject"]].setdefault(event["id"])
    consumer.close()
    return {lead: list(ids) for lead, ids in seen.items()}


def stored(installation: Installation) -> list[str]:
    with installation.connect(store.SCHEMA) as connection:
        return [row["id"] for row in connection.execute(b"SELECT id FROM event").fetchall()]


def test_an_outage_of_a_minute_and_a_kill_lose_and_double_nothing(platform: Platform, tmp_path: Path) -> None:
    """Load, no Kafka, kill -9 of ingest, more load, Kafka again; then count."""
    folder = tmp_path / "kafka"
    with contextlib.ExitStack() as kafka:
        broker = kafka.enter_context(running_kafka(folder))
        with (
            new_installation(Platform(platform.base_url, broker.server.bootstrap)) as installation,
            contextlib.ExitStack() as stack,
        ):
            publish_a_model(installation)
            ingest = Ingest(installation, broker.server.bootstrap, tmp_path)
            stack.callback(ingest.close)
            ingest.start()
            scoring = {**installation.environment, "WORKER_INSTANCE": "one"}
            with under_load(ingest.url, installation.key("events:write")) as load:
                wait_until(lambda: load.count > 10 * BATCH, what="a stream of events")
                broker.kill()
                gone = time.monotonic()
                before = load.count
                wait_until(lambda: ingest.waiting() > SPOOLED, timeout_s=60, what="events on the disk")
                ingest.kill()
                ingest.start()
                wait_until(
                    lambda: load.count > before + 2 * SPOOLED and time.monotonic() - gone > AWAY_S,
                    timeout_s=AWAY_S + 120,
                    what="a longer outage, with events still acknowledged",
                )
                waited = ingest.waiting()
                kafka.enter_context(running_kafka(folder))
                wait_until(lambda: ingest.waiting() == 0, timeout_s=180, what="an empty spool")
                after = load.count
                wait_until(lambda: load.count > after + 2 * BATCH, what="events straight to Kafka again")
            wait_until(lambda: ingest.waiting() == 0, timeout_s=60, what="an empty spool")
            acknowledged = {lead: list(ids) for lead, ids in load.acknowledged.items()}
            all_ids = {event_id for ids in acknowledged.values() for event_id in ids}
            with worker("scoring", scoring, tmp_path / "scoring.log"):
                wait_until(
                    lambda: all_ids <= set(stored(installation)), timeout_s=240, what="every event stored"
                )
            rows = stored(installation)
            appeared = first_appearances(broker.server.bootstrap, installation.topic_prefix)
    print(
        f"\nacknowledged {len(all_ids)}, stored {len(rows)}, effects per id {len(rows) / len(set(rows)):.3f},"
        f" waited on disk {waited}, answers other than 202 {load.refused},"
        f" slowest answer {load.slowest_s:.2f} s"
    )
    assert len(rows) == len(set(rows))
    # A call that was killed before its answer may have been kept: it was never acknowledged, nor lost.
    assert len(set(rows) - all_ids) <= 2 * SENDERS * BATCH
    for lead, ids in acknowledged.items():
        assert [event_id for event_id in appeared[lead] if event_id in all_ids] == ids
