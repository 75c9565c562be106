"""The write-back worker as a real process, on a real Kafka and Postgres, to a real HTTP receiver."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaConsumer, TopicPartition

from services.writeback import store
from shared.contracts.topics import CRM_REJECTED, LEAD_SCORED, REPLY_EVENTS
from shared.kafka.publisher import Publisher
from shared.postgres import connect
from shared.records import Outgoing
from tests.harness.platform import Installation
from tests.harness.processes import running, wait_until, worker
from tests.harness.receiver import SECRET, Receiver, Reply, Request, running_receiver
from tests.unit.writeback.records import CANARY, a_reply, a_score

# The worker's own start, with a lease that a test can outlast.
SHORT_LEASE = """
import signal, threading
from services.writeback.retry import Pace
from services.writeback.settings import WritebackSettings
from services.writeback.worker import run
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
run(WritebackSettings(), stop, pace=Pace(lease_s=2))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def environment(settings_env: dict[str, str], receiver: Receiver) -> dict[str, str]:
    return settings_env | receiver.settings


def publish(installation: Installation, topic: str, *values: dict[str, Any] | bytes) -> None:
    publisher = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    try:
        publisher.publish(
            [
                Outgoing(
                    topic,
                    "lead-1" if isinstance(value, bytes) else value["lead_id"],
                    value if isinstance(value, bytes) else orjson.dumps(value),
                )
                for value in values
            ],
            timeout_s=30,
        )
    finally:
        publisher.close()


class Tail:
    """Reads a topic from its beginning, as it grows."""

    def __init__(self, installation: Installation, topic: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=installation.platform.bootstrap, enable_auto_commit=False
        )
        name = installation.topic_prefix + topic
        partitions = [TopicPartition(name, number) for number in self._consumer.partitions_for_topic(name)]
        self._consumer.assign(partitions)
        self._consumer.seek_to_beginning(*partitions)
        self.values: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        for messages in self._consumer.poll(timeout_ms=200).values():
            for message in messages:
                try:
                    self.values.append(orjson.loads(message.value))
                except orjson.JSONDecodeError:
                    continue
        return self.values

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def tails(installation: Installation) -> Iterator[dict[str, Tail]]:
    tails = {topic: Tail(installation, topic) for topic in (REPLY_EVENTS, CRM_REJECTED)}
    yield tails
    for tail in tails.values():
        tail.close()


def events(tail: Tail, name: str) -> list[dict[str, Any]]:
    return [value for value in tail.read() if value.get("event") == name]


def test_scores_and_approved_replies_go_out_and_what_became_of_them_comes_back(
    installation: Installation,
    environment: dict[str, str],
    receiver: Receiver,
    tails: dict[str, Tail],
    tmp_path: Path,
) -> None:
    receiver.script = lambda _request, number: Reply(503, {"retry-after": "1"}) if number == 1 else Reply()
    tampered = a_reply("lead-2", "draft-2")
    tampered["content"]["recipients"].append("someone.else@example.org")
    publish(installation, LEAD_SCORED, a_score("lead-1", 1), a_score("lead-2", 1))
    publish(
        installation,
        REPLY_EVENTS,
        a_reply("lead-1", "draft-1", event="drafted", content=None),
        a_reply("lead-1", "draft-1"),
        tampered,
        f'{{"event": "approved", "body": "{CANARY}"'.encode(),
    )
    log = tmp_path / "worker.log"
    with worker("writeback", environment, log):
        wait_until(lambda: events(tails[REPLY_EVENTS], "sent"), what="the reply sent")
        wait_until(lambda: len(tails[CRM_REJECTED].read()) == 2, what="two records in quarantine")
        receiver.wait_for(lambda: len(receiver.effects) == 3)
    assert {value["reason"] for value in tails[CRM_REJECTED].values} == {"approval_mismatch", "invalid_event"}
    sent = {(payload["type"], payload["data"]["lead_id"]) for payload in receiver.effects.values()}
    assert sent == {("lead.scored", "lead-1"), ("lead.scored", "lead-2"), ("reply.approved", "lead-1")}
    assert [value["draft_id"] for value in events(tails[REPLY_EVENTS], "sent")] == ["draft-1"]
    written = log.read_text()
    assert "delivery_attempted" in written
    assert "record_rejected" in written
    for personal in (CANARY, "Camille", "Bonjour", "someone.else"):
        assert personal not in written
    assert receiver.url not in written
    assert SECRET not in written


def test_killed_between_the_answer_and_its_record_the_same_id_comes_again(
    installation: Installation,
    environment: dict[str, str],
    receiver: Receiver,
    tails: dict[str, Tail],
    tmp_path: Path,
) -> None:
    publish(installation, REPLY_EVENTS, a_reply("lead-1", "draft-1"))

    def started() -> AbstractContextManager[subprocess.Popen[bytes]]:
        return running([sys.executable, "-c", SHORT_LEASE], environment, tmp_path / "worker.log")

    with connect(installation.database_url, schema=store.SCHEMA) as blocker:

        def answer_but_block_the_record(_request: Request, _number: int) -> Reply:
            blocker.execute("SELECT FROM delivery FOR UPDATE")
            return Reply()

        receiver.script = answer_but_block_the_record
        with started() as process:
            wait_until(lambda: _waits_for_the_row(installation), what="the sender about to record the answer")
            process.kill()
            process.wait()
        receiver.script = lambda _request, _number: Reply()
        blocker.rollback()
    with started():
        wait_until(lambda: events(tails[REPLY_EVENTS], "sent"), what="the reply sent")
    first, second = receiver.requests
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body
    assert len(receiver.effects) == 1
    assert len(events(tails[REPLY_EVENTS], "sent")) == 1


def _waits_for_the_row(installation: Installation) -> bool:
    with installation.connect(store.SCHEMA) as connection:
        found = connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE '%UPDATE delivery SET%status = ''delivered''%'"
        ).fetchone()
    return found is not None


def test_without_a_destination_nothing_is_sent_and_nothing_waits(
    installation: Installation, settings_env: dict[str, str], tmp_path: Path
) -> None:
    publish(installation, REPLY_EVENTS, a_reply("lead-1", "draft-1"))

    def read_to_the_end() -> bool:
        with installation.connect(store.SCHEMA) as connection:
            row = connection.execute("SELECT sum(next_offset) AS records FROM offsets").fetchone()
        return bool(row and row["records"] == 1)

    with worker("writeback", settings_env, tmp_path / "worker.log"):
        wait_until(read_to_the_end, what="the record read")
    with installation.connect(store.SCHEMA) as connection:
        assert connection.execute("SELECT FROM delivery").fetchall() == []
        assert connection.execute("SELECT FROM outbox").fetchall() == []


def test_unusable_settings_are_all_named_at_the_start(settings_env: dict[str, str]) -> None:
    environment = {
        **settings_env,
        "WRITEBACK_WEBHOOK_URL": "http://crm.example/hook",
        "WRITEBACK_WEBHOOK_SECRET": "not a secret",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.writeback.worker"],
        env={**environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "WRITEBACK_WEBHOOK_URL" in ended.stderr
    assert "WRITEBACK_WEBHOOK_SECRET" in ended.stderr
    assert "not a secret" not in ended.stderr
