"""When so many records fail that the fault is the release's or the publisher's, not the records'. Pure."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """A worker stops taking records when, of the last `window` records, more than `least` failed and these
    are at least `share` of those looked at."""

    least: int = 20
    share: float = 0.2
    window: int = 1000


class TooManyFailed(Exception):
    """The limit is passed: nothing more may be set aside. `failed` of the last `looked_at` records."""

    def __init__(self, failed: int, looked_at: int, error: str) -> None:
        super().__init__(f"{failed} of the last {looked_at} records failed ({error})")
        self.failed, self.looked_at, self.error = failed, looked_at, error


class Recent:
    """How the latest records ended, as far back as the limit's window."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._batches: deque[tuple[int, int]] = deque()
        self._failed = self._looked_at = 0

    def check(self, failed: int, records: int, error: str) -> None:
        """Raise TooManyFailed when `failed` of the next `records` would pass the limit."""
        failed, looked_at = self._failed + failed, self._looked_at + records
        if failed > self._limit.least and failed >= self._limit.share * looked_at:
            raise TooManyFailed(failed, looked_at, error)

    def add(self, failed: int, records: int) -> None:
        """These ended so, and it is kept."""
        self._batches.append((failed, records))
        self._failed += failed
        self._looked_at += records
        while self._looked_at - self._batches[0][1] >= self._limit.window:
            old_failed, old_records = self._batches.popleft()
            self._failed -= old_failed
            self._looked_at -= old_records
