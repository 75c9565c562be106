"""The embedded Postgres and Kafka as children of the test, without a supervisor."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from deploy.local import kafka, postgres
from deploy.local.kafka import KafkaServer
from deploy.local.postgres import PostgresServer
from deploy.local.process import last_lines, stop, tethered
from tests.harness.processes import wait_until

STOP_S = 30.0
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Running(Generic[S]):
    """A server that answers."""

    server: S
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_postgres(folder: Path) -> Iterator[Running[PostgresServer]]:
    """Postgres on `folder` (made when missing), with its database; the log is `folder`.log."""
    server = postgres.prepare(folder)
    command = tethered(server.command, signal_name="SIGINT", user=server.os_user)
    with _running(command, signal.SIGINT, server.data, _log(folder)) as process:
        _wait(process, lambda: postgres.is_ready(server), _log(folder), timeout_s=postgres.READY_TIMEOUT_S)
        postgres.create_database(server)
        yield Running(server, process)


@contextmanager
def running_kafka(folder: Path) -> Iterator[Running[KafkaServer]]:
    """Kafka on `folder` (made when missing); the log is `folder`.log."""
    server = kafka.prepare(folder)
    with _running(tethered(server.command), signal.SIGTERM, server.folder, _log(folder)) as process:
        _wait(
            process, lambda: kafka.is_ready(server.bootstrap), _log(folder), timeout_s=kafka.READY_TIMEOUT_S
        )
        yield Running(server, process)


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


@contextmanager
def _running(
    command: Sequence[str], stop_signal: int, cwd: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of `command`, in a session of its own; it ends with the thread that started it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process, stop_signal, timeout_s=STOP_S)


def _wait(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, *, timeout_s: float
) -> None:
    def ready_or_dead() -> bool:
        return process.poll() is not None or ready()

    wait_until(ready_or_dead, timeout_s=timeout_s, what=log.stem)
    assert process.poll() is None, f"{log.stem} stopped at once:\n{last_lines(log)}"
