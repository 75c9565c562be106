"""A whole installation as `make run` starts it, in a folder and on ports of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local.process import free_ports
from deploy.processes import SERVERS
from tests.harness.processes import wait_until

ROOT = Path(__file__).parents[2]
UP_S = 180.0


@dataclass(frozen=True, slots=True)
class House:
    """A running installation. `cli(...)` is the `eclaireur` command for it."""

    folder: Path
    urls: Mapping[str, str]
    email: str
    password: str
    process: subprocess.Popen[bytes]

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.cli", *arguments, "--data-dir", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300, check=False)
        assert done.returncode == 0 or not check, f"{arguments}: {done.stderr}{done.stdout}"
        return done

    def client(self, service: str, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.urls[service], headers={"Authorization": f"Bearer {token}"}, timeout=30
        )

    def cli_key(self) -> str:
        return (self.folder / "secrets" / "cli_api_key").read_text().strip()


@contextmanager
def running_house(folder: Path, settings: Mapping[str, str]) -> Iterator[House]:
    """`eclaireur up` on an empty folder, until the end of the block; then Ctrl-C."""
    ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **{SERVERS[name].port_variable: str(port) for name, port in ports.items()},
        **settings,
    }
    log = folder.parent / f"{folder.name}.log"
    command = [sys.executable, "-m", "deploy.cli", "up", "--data-dir", str(folder)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=ROOT)
    try:

        def told() -> bool:
            assert process.poll() is None, log.read_text()
            return "is running" in log.read_text() and "Stop" in log.read_text()

        wait_until(told, timeout_s=UP_S, what="the installation")
        email, password = re.findall(r"(?:Sign in|Password) +(\S+)", log.read_text())
        yield House(folder, urls, email, password, process)
    finally:
        process.send_signal(2)
        process.wait(60)
