"""What every background worker has in common."""

import signal
import socket
import threading

from pydantic import Field

from shared.kafka.limit import Limit
from shared.settings import CommonSettings


class WorkerSettings(CommonSettings):
    worker_instance: str = Field(
        default_factory=socket.gethostname,
        description="a name that a restarted worker keeps, so that it gets its partitions back at once",
    )
    worker_pause_after: int = Field(
        20,
        ge=0,
        description="a worker stops taking records when more than so many of the last 1,000 failed",
    )
    worker_pause_share: float = Field(
        0.2, ge=0, le=1, description="and when these are at least this share of those looked at"
    )

    @property
    def limit(self) -> Limit:
        return Limit(self.worker_pause_after, self.worker_pause_share)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
