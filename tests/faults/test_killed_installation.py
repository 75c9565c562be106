"""`eclaireur up` as a person runs it: the whole installation on this machine, started, killed and stopped."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local.process import free_ports
from deploy.processes import SERVERS, WORKERS
from tests.harness.processes import wait_until

pytestmark = pytest.mark.long

START_S = 240.0


class Machine:
    """A data folder, ports of its own, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = {
            **inherited,
            **{SERVERS[name].port_variable: str(port) for name, port in self.ports.items()},
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def eclaireur(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "deploy.cli", *arguments, "--data-dir", str(self.data)]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.eclaireur(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )

    def up(self) -> tuple[subprocess.Popen[bytes], Path]:
        """Start it; returns when it says that it is running."""
        screen = self.folder / f"screen{len(self.started)}"
        with screen.open("wb") as output:
            process = subprocess.Popen(
                self.eclaireur("up"), env=self.environment, stdout=output, stderr=output
            )
        self.started.append(process)

        def said() -> bool:
            assert process.poll() is None, screen.read_text()
            return "Stop       Ctrl-C" in screen.read_text()

        wait_until(said, timeout_s=START_S, what="the start")
        return process, screen


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for process in machine.started:
        process.terminate()
        process.wait(60)


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def ended(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_installation_survives_a_kill_and_leaves_nothing_behind(machine: Machine) -> None:
    up, screen = machine.up()
    console = f"http://127.0.0.1:{machine.ports['console']}"
    assert console in screen.read_text()
    assert re.search(r"Password +\S{12,}", screen.read_text())
    assert httpx.get(f"{console}/readyz", timeout=10).status_code == 200

    again = machine.run("up")
    assert (again.returncode, "already running" in again.stdout, console in again.stdout) == (0, True, True)
    status = machine.run("status", "--json")
    answer = json.loads(status.stdout)
    assert (status.returncode, answer["healthy"]) == (0, True)
    expected = {*SERVERS, *(f"{name}-worker" for name in WORKERS), "postgres", "kafka"}
    assert {process["name"] for process in answer["processes"]} == expected
    assert machine.run("up", "--demo").returncode == 1

    processes = family(up)
    assert len(processes) > len(expected)
    up.send_signal(signal.SIGKILL)
    up.wait()
    wait_until(lambda: ended(processes), timeout_s=90, what="the end of everything that up started")

    up, screen = machine.up()
    assert "Password" not in screen.read_text()
    processes = family(up)
    up.send_signal(signal.SIGINT)
    assert up.wait(90) == 0
    assert ended(processes)
    assert machine.run("status").returncode == 1
