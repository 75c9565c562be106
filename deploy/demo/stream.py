"""Post the demonstration company's events to ingest, as any integration would.

The events depend on the seed and on `now` alone: a second run with the same two posts the same ones, which
change nothing.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from deploy.demo.company import LEADS, SEED, Event, history, live
from shared.posting import Posted, PostingFailed, post_events

_OLD: Final = timedelta(hours=1)

ReportProgress = Callable[[str, int, int], None]
"""Called with "history" or "live", how many events are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """How many events ingest took."""

    history: int
    live: int


def stream(
    client: httpx.Client,
    *,
    now: datetime,
    seed: int = SEED,
    leads: int = LEADS,
    progress: ReportProgress = lambda _phase, _done, _total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Streamed:
    """Post the year before `now` (aware) in batches, then today's events at the pace of their times.

    When `now` is over an hour ago, today's events go at once. Raises PostingFailed as `post_events` does, and
    when an event is rejected.
    """
    done = {"history": 0, "live": 0}
    totals: dict[str, int] = {}

    def told(phase: str) -> Callable[[int], None]:
        def tell(count: int) -> None:
            done[phase] += count
            progress(phase, done[phase], totals[phase])

        return tell

    past, today = list(history(seed, now=now, leads=leads)), list(live(seed, now=now, leads=leads))
    totals |= {"history": len(past), "live": len(today)}
    _all_taken(post_events(past, client, progress=told("history"), sleep=sleep))
    paced = _paced(today, now, sleep) if datetime.now(UTC) - now < _OLD else today
    _all_taken(post_events(paced, client, batch=1, progress=told("live"), sleep=sleep))
    return Streamed(len(past), len(today))


def _paced(events: Iterable[Event], now: datetime, sleep: Callable[[float], None]) -> Iterator[Event]:
    """Each event when its time has come."""
    previous = now
    for event in events:
        at = datetime.fromisoformat(event["time"])
        sleep((at - previous).total_seconds())
        previous = at
        yield event


def _all_taken(posted: Posted) -> None:
    if posted.rejected:
        first: dict[str, Any] = posted.rejected[0]
        raise PostingFailed(f"ingest rejected {len(posted.rejected)} events, the first: {first['error']}")


def remembered_now(path: Path) -> datetime:
    """The demonstration's present: read from `path`, or the clock's and written there the first time."""
    if path.exists():
        return datetime.fromisoformat(path.read_text().strip())
    now = datetime.now(UTC).replace(microsecond=0)
    path.write_text(now.isoformat() + "\n")
    return now
