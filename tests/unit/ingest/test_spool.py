"""What the spool says it keeps is there after any end, in order, and nothing else is let past it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ingest.durable import Drain, DurablePublisher
from services.ingest.spool import Spool, SpoolFull
from shared.kafka.errors import BrokerUnavailable, TooManyInFlight
from shared.records import Outgoing

LARGE = 100_000_000
KEEPS_UNTIL_KILLED = """
import sys
from pathlib import Path
from services.ingest.spool import Spool
from shared.records import Outgoing

spool = Spool(Path(sys.argv[1]), 100_000_000)
number = 0
while True:
    names = [str(number + n) for n in range(3)]
    spool.keep([Outgoing("t", "k", name.encode()) for name in names])
    print(names[-1], file=sys.stderr, flush=True)
    number += 3
"""


def record(value: str, **headers: str) -> Outgoing:
    return Outgoing("t", "k", value.encode(), headers)


def values(spool: Spool) -> list[str]:
    return [(one.value or b"").decode() for _, one in spool.oldest()]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", LARGE)
    yield opened
    opened.close()


class Broker:
    """A publisher whose broker answers or not."""

    def __init__(self, fault: type[Exception] | None = None) -> None:
        self.fault, self.published, self.asked = fault, list[str](), 0
        self.answers = fault is None

    def publish(self, records: list[Outgoing], *, timeout_s: float = 0) -> None:
        self.asked += 1
        if self.fault:
            raise self.fault
        self.published += [(one.value or b"").decode() for one in records]

    def ready(self) -> bool:
        return self.answers


def test_what_is_kept_comes_out_whole_and_in_order(spool: Spool) -> None:
    spool.keep([record("1", traceparent="00-a"), record("2")])
    spool.keep([Outgoing("t", "k", None)])
    found = [one for _, one in spool.oldest()]
    assert found == [record("1", traceparent="00-a"), record("2"), Outgoing("t", "k", None)]
    assert spool.depth().records == 3


def test_another_process_sees_at_once_that_something_waits(spool: Spool, tmp_path: Path) -> None:
    other = Spool(tmp_path / "spool", LARGE)
    assert not other.holding()
    spool.keep([record("1")])
    assert other.holding()
    ((position, _),) = other.oldest()
    other.forget(position)
    assert not spool.holding()
    assert spool.depth().records == 0
    other.close()


def test_the_mark_is_set_right_at_a_start_whatever_a_power_cut_left(spool: Spool, tmp_path: Path) -> None:
    spool.keep([record("1")])
    (tmp_path / "spool" / "holding").unlink()
    again = Spool(tmp_path / "spool", LARGE)
    assert again.holding()
    again.forget(1)
    (tmp_path / "spool" / "holding").touch()
    assert not Spool(tmp_path / "spool", LARGE).holding()


def kept_until_killed(folder: Path, calls: int) -> int:
    """Another process keeps records, three a call, until it is killed; how many calls it saw confirmed."""
    with subprocess.Popen(
        [sys.executable, "-c", KEEPS_UNTIL_KILLED, str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for _ in range(calls):
            process.stderr.readline()
        process.send_signal(signal.SIGKILL)
        return calls + len(process.stderr.readlines())


def test_killed_in_the_middle_everything_confirmed_is_there_and_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    confirmed = kept_until_killed(folder, 30)
    found = [int(value) for value in values(Spool(folder, LARGE))]
    assert found == list(range(len(found)))
    assert len(found) in (3 * confirmed, 3 * confirmed + 3)  # a call is kept whole or not at all


@pytest.mark.parametrize("torn", ["cut", "garbage"])
def test_a_torn_last_write_costs_nothing_that_was_written_before_it(tmp_path: Path, torn: str) -> None:
    """A power cut in the middle of a write: the end of SQLite's log is missing, or not what was meant."""
    folder = tmp_path / "spool"
    confirmed = kept_until_killed(folder, 10)
    log = folder / "spool.sqlite-wal"
    with log.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.truncate() if torn == "cut" else file.write(os.urandom(100))
    (folder / "spool.sqlite-shm").unlink()
    found = [int(value) for value in values(Spool(folder, LARGE))]
    assert found == list(range(len(found)))
    assert 3 * (confirmed - 1) <= len(found) <= 3 * confirmed


def test_at_its_bound_it_refuses_and_takes_again_once_emptied(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1_000_000)

    def fill() -> None:
        for _ in range(100):
            spool.keep([record("x" * 10_000)])

    with pytest.raises(SpoolFull):
        fill()
    assert 50 < spool.depth().records < 100
    assert not spool.writable()
    while batch := spool.oldest():
        spool.forget(batch[-1][0])
    spool.keep([record("1")])
    assert spool.writable()


def test_a_folder_that_cannot_be_used_is_a_refusal_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", LARGE)
    assert not spool.holding()
    assert not spool.writable()
    with pytest.raises(SpoolFull):
        spool.keep([record("1")])
    with pytest.raises(BrokerUnavailable):
        DurablePublisher(Broker(BrokerUnavailable), spool).publish([record("1")])  # type: ignore[arg-type]


def test_callers_at_the_same_time_all_have_theirs_kept(spool: Spool) -> None:
    def keep(name: int) -> None:
        for n in range(20):
            spool.keep([record(f"{name}-{n}")])

    threads = [threading.Thread(target=keep, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = values(spool)
    assert len(found) == 160
    for name in range(8):
        assert [v for v in found if v.startswith(f"{name}-")] == [f"{name}-{n}" for n in range(20)]


def test_while_something_waits_kafka_is_not_asked_and_nothing_overtakes(spool: Spool) -> None:
    broker = Broker(BrokerUnavailable)
    durable = DurablePublisher(broker, spool)  # type: ignore[arg-type]
    durable.publish([record("1")])
    broker.fault = None
    durable.publish([record("2")])
    assert (broker.asked, broker.published, values(spool)) == (1, [], ["1", "2"])


def test_too_much_in_flight_is_a_refusal_the_disk_does_not_take_it(spool: Spool) -> None:
    with pytest.raises(TooManyInFlight):
        DurablePublisher(Broker(TooManyInFlight), spool).publish([record("1")])  # type: ignore[arg-type]
    assert not spool.holding()


def test_one_process_drains_and_another_takes_over_when_it_ends(spool: Spool, tmp_path: Path) -> None:
    broker, lock = Broker(), tmp_path / "lock"
    first = Drain(spool, broker, lock)  # type: ignore[arg-type]
    second = Drain(spool, broker, lock)  # type: ignore[arg-type]
    spool.keep([record("1")])
    assert not first.once()
    spool.keep([record("2")])
    assert not second.once()
    assert broker.published == ["1"]
    first.close()
    second.once()
    assert broker.published == ["1", "2"]
    assert not spool.holding()
    second.close()


def test_what_kafka_did_not_confirm_stays(spool: Spool, tmp_path: Path) -> None:
    spool.keep([record("1")])
    broker = Broker(BrokerUnavailable)
    drain = Drain(spool, broker, tmp_path / "lock")  # type: ignore[arg-type]
    assert not drain.once()
    assert broker.asked == 0  # it does not answer: nothing is sent that might arrive late
    broker.answers = True
    with pytest.raises(BrokerUnavailable):
        drain.once()
    assert values(spool) == ["1"]
    drain.close()
