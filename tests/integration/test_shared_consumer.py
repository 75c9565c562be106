"""Reading a topic with exactly one effect, whatever a record, a worker or a broker does."""

import base64
import threading
from collections.abc import Callable, Iterator, Sequence

import orjson
import pytest
import structlog

from shared.kafka import pauses
from shared.kafka.consumer import Subscription, consume
from shared.kafka.errors import OffsetsUnusable
from shared.kafka.isolation import Handler
from shared.kafka.limit import Limit
from shared.kafka.publisher import MAX_RECORD_BYTES, Publisher
from shared.outbox import add, relay_once
from shared.postgres import Connection, Pool, connect_pool
from shared.records import Outgoing, Record
from tests.harness.platform import PARTITIONS, Installation
from tests.harness.processes import wait_until

TOPIC = "crm.events.v1"
SCHEMA = """
CREATE SCHEMA probe;
CREATE TABLE probe.offsets (LIKE scoring.offsets INCLUDING ALL);
CREATE TABLE probe.outbox (LIKE scoring.outbox INCLUDING ALL);
CREATE TABLE probe.paused (LIKE scoring.paused INCLUDING ALL);
CREATE TABLE probe.effect (value text PRIMARY KEY, by text NOT NULL);
"""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Printed for a person, the stack of a failed batch takes seconds each."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def pool(installation: Installation) -> Iterator[Pool]:
    with installation.connect("public") as connection:
        connection.execute(SCHEMA)
    with connect_pool(installation.database_url, schema="probe", max_size=6) as opened:
        yield opened


@pytest.fixture
def publisher(installation: Installation) -> Iterator[Publisher]:
    opened = Publisher(installation.platform.bootstrap, prefix=installation.topic_prefix)
    yield opened
    opened.close()


def subscription(installation: Installation, instance: str = "one", group: str = "probe") -> Subscription:
    return Subscription(
        installation.platform.bootstrap, group, [TOPIC], instance, installation.topic_prefix, max_records=50
    )


def values(pool: Pool, query: str = "SELECT value FROM effect ORDER BY value") -> list[str]:
    with pool.connection() as connection:
        return [next(iter(row.values())) for row in connection.execute(query.encode()).fetchall()]


def keep(by: str) -> Callable[[Connection, Sequence[Record]], None]:
    """A handler that keeps each value, and fails on those that start with "bad"."""

    def handle(connection: Connection, records: Sequence[Record]) -> None:
        for record in records:
            value = (record.value or b"").decode()
            if value.startswith("bad"):
                raise ValueError(value)
            connection.execute("INSERT INTO effect VALUES (%s, %s)", [value, by])

    return handle


def keep_all(connection: Connection, records: Sequence[Record]) -> None:
    for record in records:
        connection.execute("INSERT INTO effect VALUES (%s, 'all')", [(record.value or b"").decode()])


class Worker(threading.Thread):
    """`consume` in a thread; `failure` is what ended it."""

    def __init__(
        self, subscribed: Subscription, pool: Pool, by: str = "one", handler: Handler | None = None
    ) -> None:
        super().__init__(daemon=True)
        self._arguments = (subscribed, pool, handler or keep(by))
        self.stopping = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            consume(*self._arguments, stop=self.stopping)
        except Exception as error:
            self.failure = error

    def stop(self) -> None:
        self.stopping.set()
        self.join(30)
        assert not self.is_alive()


def post(publisher: Publisher, names: Sequence[str]) -> None:
    publisher.publish([Outgoing(TOPIC, name, name.encode()) for name in names], timeout_s=30)


def test_a_record_that_fails_is_quarantined_and_the_others_have_their_effect(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    good = [f"good{n:03}" for n in range(120)]
    post(publisher, [*good[:60], "bad1", *good[60:], "bad2"])
    worker = Worker(subscription(installation), pool)
    worker.start()
    wait_until(lambda: values(pool) == good, what="the good ones")
    wait_until(lambda: len(values(pool, "SELECT value FROM outbox")) == 2, what="the bad ones quarantined")
    worker.stop()
    assert worker.failure is None
    kept = [orjson.loads(value) for value in values(pool, "SELECT value FROM outbox")]
    assert {one["reason"] for one in kept} == {"processing_failed"}
    assert all("ValueError" in one["detail"] for one in kept)


def pause_of(pool: Pool) -> list[dict[str, object]]:
    with pool.connection() as connection:
        return pauses.paused(connection)


def test_a_release_that_fails_on_everything_pauses_loses_nothing_and_the_next_one_goes_on(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    names = [f"bad{n:03}" for n in range(Limit().least * 3)]
    post(publisher, names)
    bad_release = Worker(subscription(installation), pool)
    bad_release.start()
    wait_until(lambda: pause_of(pool), what="the pause")
    (said,) = pause_of(pool)
    assert (said["failed"], said["looked_at"], said["error"]) == (21, 21, "ValueError")
    assert bad_release.is_alive()
    bad_release.stop()
    assert bad_release.failure is None
    assert len(values(pool, "SELECT value FROM outbox")) == Limit().least

    good_release = Worker(subscription(installation), pool, handler=keep_all)
    good_release.start()
    wait_until(lambda: len(values(pool)) == len(names) - Limit().least, what="the rest")
    assert pause_of(pool) == []
    good_release.stop()
    quarantined = {
        base64.b64decode(orjson.loads(value)["raw_base64"]).decode()
        for value in values(pool, "SELECT value FROM outbox")
    }
    assert quarantined | set(values(pool)) == set(names)


def test_a_handler_that_fails_on_a_few_goes_on(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    good = [f"good{n:04}" for n in range(600)]
    bad = [f"bad{n:04}" for n in range(30)]  # more than the least number, less than the share
    mixed = [
        name for n, name in enumerate(good) for name in ((bad[n // 20], name) if n % 20 == 0 else (name,))
    ]
    post(publisher, mixed)
    worker = Worker(subscription(installation), pool)
    worker.start()
    wait_until(lambda: len(values(pool)) == len(good), timeout_s=60, what="the good ones")
    wait_until(lambda: len(values(pool, "SELECT value FROM outbox")) == len(bad), what="the bad ones")
    assert pause_of(pool) == []
    worker.stop()


def test_records_refused_in_bulk_pause_the_worker_before_any_of_them_is_taken(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    def refuse(connection: Connection, records: Sequence[Record]) -> int:
        keep_all(connection, records)
        return len(records)

    post(publisher, [f"v{n}" for n in range(60)])
    worker = Worker(subscription(installation), pool, handler=refuse)
    worker.start()
    wait_until(lambda: pause_of(pool), what="the pause")
    worker.stop()
    (said,) = pause_of(pool)
    assert said["error"] == "invalid_event"
    assert len(values(pool)) <= Limit().least


def test_two_workers_on_the_same_partitions_have_one_effect_per_record(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    """Two groups over one table of offsets: what a zombie and its successor do, for as long as it lasts."""
    names = [f"v{n:04}" for n in range(1500)]
    zombie = Worker(subscription(installation, "zombie", "first"), pool, "zombie")
    successor = Worker(subscription(installation, "successor", "second"), pool, "successor")
    for worker in (zombie, successor):
        worker.start()
    for start in range(0, len(names), 100):
        post(publisher, names[start : start + 100])
    wait_until(lambda: values(pool) == names, timeout_s=60, what="every effect")
    for worker in (zombie, successor):
        worker.stop()
        assert worker.failure is None


def test_a_rebalance_loses_and_repeats_nothing(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    names = [f"v{n:04}" for n in range(900)]
    first, second = (Worker(subscription(installation, name), pool, name) for name in ("a", "b"))
    first.start()
    post(publisher, names[:300])
    wait_until(lambda: values(pool) == names[:300], what="the first part")
    second.start()
    post(publisher, names[300:600])
    wait_until(lambda: values(pool) == names[:600], timeout_s=60, what="the second part")
    first.stop()
    post(publisher, names[600:])
    wait_until(lambda: values(pool) == names, timeout_s=90, what="the rest, by the second worker")
    second.stop()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE offsets SET cluster_id = 'another'", "cluster"),
        ("UPDATE offsets SET next_offset = 1000000", "made anew"),
    ],
)
def test_offsets_of_another_log_stop_the_worker(
    installation: Installation, pool: Pool, publisher: Publisher, change: str, says: str
) -> None:
    post(publisher, ["v1"])
    worker = Worker(subscription(installation), pool)
    worker.start()
    wait_until(lambda: values(pool) == ["v1"], what="the effect")
    worker.stop()
    assert len(values(pool, "SELECT next_offset FROM offsets")) == PARTITIONS
    with pool.connection() as connection:
        connection.execute(change.encode())
    again = Worker(subscription(installation), pool)
    again.start()
    again.join(30)
    assert isinstance(again.failure, OffsetsUnusable)
    assert says in str(again.failure)


def test_two_relays_keep_the_order_of_each_key(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    sent: list[tuple[str, int]] = []
    lock = threading.Lock()

    class Recording:
        """Stands for a publisher: only what was given to it, and in which order, matters here."""

        def publish(self, records: Sequence[Outgoing], *, timeout_s: float) -> None:
            with lock:
                sent.extend((record.key, int(record.value or b"0")) for record in records)

    def relaying() -> None:
        while values(pool, "SELECT id FROM outbox LIMIT 1"):
            relay_once(pool, Recording())  # type: ignore[arg-type]

    with pool.connection() as connection:
        add(connection, [Outgoing(TOPIC, f"k{n % 30}", str(n).encode()) for n in range(9000)])
    relays = [threading.Thread(target=relaying) for _ in range(3)]
    for relay in relays:
        relay.start()
    for relay in relays:
        relay.join(60)
    assert len(sent) == 9000
    latest: dict[str, int] = {}
    for key, number in sent:
        assert number > latest.get(key, -1)
        latest[key] = number


def test_a_record_too_large_for_a_topic_does_not_hold_up_the_outbox(
    installation: Installation, pool: Pool, publisher: Publisher
) -> None:
    with pool.connection() as connection:
        add(
            connection,
            [Outgoing(TOPIC, "k", b"x" * (MAX_RECORD_BYTES + 1)), Outgoing(TOPIC, "k", b"small")],
        )
    assert relay_once(pool, publisher) == 2
    assert values(pool, "SELECT id FROM outbox") == []
