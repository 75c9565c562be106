"""The services as the real processes they are, for as long as a test needs them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from deploy.local.process import free_ports
from deploy.processes import SERVERS, gunicorn_command

READY_S = 120.0


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
    with servers([service], environment, log.parent, log=log) as urls:
        yield urls[service]


@contextmanager
def servers(
    services: Sequence[str], environment: Mapping[str, str], folder: Path, *, log: Path | None = None
) -> Iterator[dict[str, str]]:
    """The HTTP servers of several services, started at once; each finds the others. Gives their addresses
    when all are ready; each one's log is in `folder` unless `log` is given."""
    ports = dict(zip(services, free_ports(len(services)), strict=True))
    urls = {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
    found = {f"{service.upper()}_URL": url for service, url in urls.items()}
    logs = {service: log or folder / f"{service}.log" for service in services}
    with ExitStack() as started:
        processes = {}
        for service, port in ports.items():
            served = SERVERS[service]
            env = {**found, **environment, served.port_variable: str(port)}
            command = gunicorn_command(served, env)
            processes[service] = started.enter_context(running(command, env, logs[service]))
        for process in processes.values():
            started.callback(process.terminate)  # all are told to stop before one is waited for
        for service, process in processes.items():
            _wait_for(service, process, urls[service], logs[service])
        yield urls


def _wait_for(service: str, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    def ready() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"{service} stopped:\n{log.read_text()[-4000:]}")
        try:
            return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    wait_until(ready, timeout_s=READY_S, what=f"{service} ready")
