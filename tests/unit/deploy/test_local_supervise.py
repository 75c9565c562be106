"""supervisord's configuration, and which processes count as left over."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import psutil

from deploy.local import lock
from deploy.local.installation import Installation
from deploy.local.supervise import Program, configuration, service_programs
from deploy.processes import SERVERS, WORKERS

INSTALLATION = Installation(Path("/srv/100% real"), demo=False)


def parsed(*, as_root: bool = False) -> configparser.RawConfigParser:
    programs = [Program("postgres", ["postgres"], priority=10, stop_signal="INT")]
    text = configuration(
        INSTALLATION,
        Path("/s/supervisord.sock"),
        [*programs, *service_programs(INSTALLATION)],
        as_root=as_root,
    )
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser


def test_services_are_one_group_that_stops_before_the_database() -> None:
    config = parsed()
    names = config["group:services"]["programs"].split(",")
    assert sorted(names) == sorted([*SERVERS, *(f"{name}-worker" for name in WORKERS)])
    assert config.getint("group:services", "priority") > config.getint("program:postgres", "priority")


def test_percent_signs_in_paths_are_not_expanded() -> None:
    assert parsed()["program:ingest"]["stdout_logfile"] == "/srv/100%% real/logs/ingest.log"


def test_root_is_named_so_that_supervisord_does_not_warn() -> None:
    assert parsed(as_root=True)["supervisord"]["user"] == "root"
    assert "user" not in parsed()["supervisord"]


def test_only_training_may_use_several_threads() -> None:
    config = parsed()
    assert 'OMP_NUM_THREADS="1"' in config["program:scoring"]["environment"]
    assert "environment" not in config["program:scoring-worker"]


def test_the_configuration_holds_no_setting() -> None:
    assert "DATABASE_URL" not in str({name: dict(parsed()[name]) for name in parsed()})


def test_a_process_that_only_inherited_the_number_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "kafka.pid"
    file.write_text(f"{os.getpid()}\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert lock.left_over(tmp_path) == []


def test_a_left_over_process_is_stopped_and_its_file_removed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (tmp_path / "kafka.pid").write_text(f"{process.pid}\n")
    (tmp_path / "gone.pid").write_text("999999999\n")
    (tmp_path / "torn.pid").write_text("")
    try:
        assert lock.stop_left_over(tmp_path, timeout_s=10) == [process.pid]
        assert not psutil.pid_exists(process.pid)
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.communicate()
