"""The embedded Postgres and Kafka, and what becomes of processes when the one that started them is killed."""

import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.local.postgres import prepare
from deploy.local.process import LocalError, tethered
from deploy.provision import OtherKind, claim_database
from tests.harness.embedded import running_postgres
from tests.harness.platform import Installation
from tests.harness.processes import wait_until

PARENT = """
import subprocess, sys, time
subprocess.Popen(sys.argv[1:])
time.sleep(3600)
"""


def test_postgres_keeps_what_was_committed_before_a_kill(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "pg") as first:
        with psycopg.connect(first.server.url()) as connection:
            connection.execute("create extension vector")
            connection.execute("create table kept as select lower('ÉTÉ') as word")
        first.kill()
    with running_postgres(tmp_path / "pg") as second, psycopg.connect(second.server.url()) as connection:
        assert connection.execute("select word from kept").fetchone() == ("été",)


def test_postgres_runs_in_a_folder_too_deep_for_a_socket(tmp_path: Path) -> None:
    with (
        running_postgres(tmp_path / ("deep" * 25)) as running,
        psycopg.connect(running.server.url()) as connection,
    ):
        assert connection.execute("select 1").fetchone() == (1,)
    running.server.sockets.rmdir()


def test_postgres_data_and_socket_are_private(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "pg") as running:
        folders = (running.server.data, running.server.sockets)
        assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}


def test_interrupted_first_start_is_made_good(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with running_postgres(tmp_path / "pg"):
        assert not half.exists()


def test_postgres_of_another_version_is_refused(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "pg"):
        pass
    (tmp_path / "pg" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(LocalError, match="made by Postgres 17"):
        prepare(tmp_path / "pg")


def test_demonstration_never_enters_a_real_database(installation: Installation) -> None:
    claim_database(installation.database_url, "real")
    claim_database(installation.database_url, "real")
    with pytest.raises(OtherKind, match="holds real data"):
        claim_database(installation.database_url, "demo")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the tie is Linux's")
def test_a_tethered_process_ends_with_its_killed_parent(tmp_path: Path) -> None:
    pid_file, env_file = tmp_path / "child.pid", tmp_path / "env"
    env_file.write_text("GREETING='good morning'\n")
    child = [
        sys.executable,
        "-c",
        "import os, time; print(os.environ['GREETING'], flush=True); time.sleep(3600)",
    ]
    line = tethered(child, pid_file=pid_file, env_file=env_file)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *line], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"good morning\n"
    pid = int(pid_file.read_text())
    parent.kill()
    parent.communicate()
    wait_until(lambda: not psutil.pid_exists(pid), timeout_s=10, what="the end of the child")
