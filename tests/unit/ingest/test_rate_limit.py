"""Rates are counted for each sender, over the processes of a host."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.ingest.rate_limit import RateLimit, SharedTable


def test_a_sender_waits_once_its_burst_is_used_and_the_others_do_not() -> None:
    limit = RateLimit(SharedTable(), rate=100, burst_s=10)
    limit.count("a", 900)
    assert limit.wait_s("a") == 0
    limit.count("a", 600)
    assert limit.wait_s("a") == pytest.approx(5, abs=0.5)
    assert limit.wait_s("b") == 0


def test_a_request_larger_than_the_burst_has_its_turn() -> None:
    limit = RateLimit(SharedTable(), rate=1, burst_s=10)
    assert limit.wait_s("a") == 0
    limit.count("a", 1000)
    assert limit.wait_s("a") > 900


def test_without_a_rate_nobody_waits() -> None:
    limit = RateLimit(SharedTable(), rate=0)
    limit.count("a", 1_000_000)
    assert limit.wait_s("a") == 0


def test_many_senders_are_told_apart() -> None:
    limit = RateLimit(SharedTable(), rate=1, burst_s=0)
    for n in range(1000):
        limit.count(str(n), n + 1)
    assert all(limit.wait_s(str(n)) == pytest.approx(n + 1, abs=2) for n in range(1000))


def test_processes_of_a_host_count_together(tmp_path: Path) -> None:
    file = tmp_path / "rates"
    code = f"""
from pathlib import Path
from services.ingest.rate_limit import RateLimit, SharedTable
limit = RateLimit(SharedTable(Path({str(file)!r})), rate=10, burst_s=0)
for _ in range(1000):
    limit.count("a", 10)
"""
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert RateLimit(SharedTable(file), rate=10, burst_s=0).wait_s("a") == pytest.approx(2000, abs=30)


def test_a_table_that_cannot_be_shared_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    limit = RateLimit(SharedTable(tmp_path / "file" / "rates"), rate=1, burst_s=0)
    limit.count("a", 5)
    assert limit.wait_s("a") > 0
