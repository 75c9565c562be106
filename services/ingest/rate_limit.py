"""How many events a second each sender may send, counted over all processes of a host.

A token bucket kept as one number, the time at which it is full again (GCRA: ITU-T I.371, annex A): sending n
events moves it n/rate seconds on, and a sender waits while it is more than the burst ahead. A request is let
in or not before its events are counted, so one that is larger than the burst still has its turn.
"""

import fcntl
import hashlib
import math
import mmap
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

SLOTS: Final = 4096
PROBES: Final = 8
_SLOT: Final = struct.Struct("=8sd")


class SharedTable:
    """When each bucket is full again. `file` is shared by the processes of a host; None counts for this one.

    A full bucket takes no place: a slot is free as soon as its sender has been idle. A table that cannot be
    shared must not stop the intake, so it is then the process's own.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._handle: int | None = None
        size = SLOTS * _SLOT.size
        if file is not None:
            try:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
                os.posix_fallocate(self._handle, 0, size)
            except OSError as error:
                log.error("rate_limits_not_shared", error=type(error).__name__, alert=True)
                self.close()
        self._table = mmap.mmap(-1 if self._handle is None else self._handle, size)

    def full_at(self, name: bytes) -> float:
        """When the bucket is full again, in seconds since the epoch; the past for an unknown one."""
        return self._find(name)[1]

    def use(self, name: bytes, seconds: float, now: float) -> None:
        """Move that time on, from `now` if it is past."""
        with self._lock:
            if self._handle is not None:  # between processes; it ends with the one that holds it
                fcntl.lockf(self._handle, fcntl.LOCK_EX)
            try:
                place, full_at = self._find(name)
                _SLOT.pack_into(self._table, place, name, max(full_at, now) + seconds)
            finally:
                if self._handle is not None:
                    fcntl.lockf(self._handle, fcntl.LOCK_UN)

    def _find(self, name: bytes) -> tuple[int, float]:
        """The slot of `name`, or the one to take for it: of those it may be in, the one idle the longest."""
        first = int.from_bytes(name, "little")
        oldest, since = 0, math.inf
        for probe in range(PROBES):
            place = (first + probe) % SLOTS * _SLOT.size
            found, full_at = _SLOT.unpack_from(self._table, place)
            if found == name:
                return place, full_at
            if full_at < since:
                oldest, since = place, full_at
        return oldest, 0.0

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`rate` events a second for each sender, `burst_s` seconds' worth of them at once; 0 is no limit."""

    table: SharedTable
    rate: float
    burst_s: float = 10.0

    def wait_s(self, sender: str) -> float:
        """Seconds until `sender` may send again; 0 when it may now."""
        if self.rate == 0:
            return 0.0
        return max(0.0, self.table.full_at(_name(sender)) - time.time() - self.burst_s)

    def count(self, sender: str, events: int) -> None:
        """Take `events` out of the bucket of `sender`."""
        if self.rate > 0:
            self.table.use(_name(sender), events / self.rate, time.time())


@dataclass(frozen=True, slots=True)
class Limits:
    """For API keys, and for the sources of webhooks."""

    keys: RateLimit
    webhooks: RateLimit


def _name(sender: str) -> bytes:
    return hashlib.blake2b(sender.encode(), digest_size=8).digest()
