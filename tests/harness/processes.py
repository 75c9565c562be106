"""The services as the real processes they are, for as long as a test needs them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.local.process import free_ports
from deploy.processes import SERVERS, gunicorn_command

READY_S = 60.0


def wait_until(
    condition: Callable[[], object], *, timeout_s: float = 30.0, what: str = "the condition"
) -> None:
    """Return once `condition` holds; fail the test when it does not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s} s")
        time.sleep(0.05)  # between two looks at the condition, never instead of it


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in `log`; stopped with SIGTERM at the end, killed when it does not."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def worker(service: str, environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The background worker of a service."""
    with running([sys.executable, "-m", f"services.{service}.worker"], environment, log) as process:
        yield process


def free_port() -> int:
    (port,) = free_ports(1)
    return port


@contextmanager
def server(service: str, environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """The HTTP server of a service, ready; gives its address."""
    served = SERVERS[service]
    port = free_port()
    env = {**environment, served.port_variable: str(port)}
    with running(gunicorn_command(served, env), env, log) as process:
        url = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"{service} stopped:\n{log.read_text()[-4000:]}")
            try:
                return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(ready, timeout_s=READY_S, what=f"{service} ready")
        yield url
