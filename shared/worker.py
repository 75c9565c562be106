"""What every background worker has in common."""

import signal
import socket
import threading

from pydantic import Field

from shared.settings import CommonSettings


class WorkerSettings(CommonSettings):
    worker_instance: str = Field(
        default_factory=socket.gethostname,
        description="a name that a restarted worker keeps, so that it gets its partitions back at once",
    )


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
