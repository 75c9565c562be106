"""Work that a process repeats beside its main loop."""

import os
import threading
from collections.abc import Callable

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from shared.kafka.errors import BrokerUnavailable

log = structlog.get_logger()

PAUSE_AFTER_FAULT_S = 1.0
CRASHED = 70


class Repeated(threading.Thread):
    """Calls `once` until stopped: again at once while it returns True, else after `idle_s` or a `wake`.

    A database or broker that does not answer is waited for. Any other error is logged and ends the whole
    process at once, so that the supervisor starts it anew: a thread that died unseen would stop its work for
    good. What was not committed is done again, as after any crash.
    """

    def __init__(self, name: str, once: Callable[[], bool], *, idle_s: float) -> None:
        super().__init__(name=name, daemon=True)
        self._once, self._idle_s = once, idle_s
        self._wake, self._stopping = threading.Event(), threading.Event()

    def wake(self) -> None:
        self._wake.set()

    def stop(self, *, wait_s: float | None = None) -> None:
        """End after the call under way. That one is waited for; with `wait_s` no longer than that."""
        self._stopping.set()
        self._wake.set()
        self.join(wait_s)

    def run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                again = self._once()
            except (psycopg.OperationalError, PoolTimeout, BrokerUnavailable) as error:
                log.warning("background_work_waits", work=self.name, error=type(error).__name__)
                self._stopping.wait(PAUSE_AFTER_FAULT_S)
                continue
            except Exception as error:
                log.exception("background_work_failed", work=self.name, exc_info=error)
                os._exit(CRASHED)
            if not again:
                self._wake.wait(self._idle_s)
