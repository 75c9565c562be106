"""Counts stored events beside the worker, and assesses what they come to."""

from datetime import UTC, datetime, timedelta

import structlog

from services.scoring.quality import store
from services.scoring.quality.assess import LEAST_NEW_EVENTS, NEW, Figures, assess
from services.scoring.quality.tally import tally
from shared.postgres import Connection, Pool

log = structlog.get_logger()

SLICE = 500
"""Events at once, once a second (`PAUSE_S`): the batches that score leads keep the processor."""
PAUSE_S = 1.0
ASSESS_EVERY = timedelta(seconds=30)
ASSESS_AT_LEAST_EVERY = timedelta(minutes=10)
"""Without news too: a silence is news of its own."""


def count_next(connection: Connection, limit: int = SLICE) -> int:
    """Count the next events, in a transaction of its own; how many they were."""
    with connection.transaction():
        events = store.next_events(connection, limit)
        if events:
            store.add(connection, tally(events))
            store.move_cursor(connection, events[-1]["number"])
    return len(events)


def assess_now(connection: Connection, as_of: datetime) -> None:
    """Store what the figures come to at `as_of`."""
    card = store.published_card(connection)
    costs = (card or {}).get("field_costs")
    figures = Figures(
        fields=store.fields(connection),
        weeks=store.weeks(connection, as_of.date()),
        levels=store.new_levels(connection, as_of - NEW, LEAST_NEW_EVENTS),
        rhythms=store.rhythms(connection),
        conflicts=store.conflicts(connection),
        duplicates=store.duplicates(connection),
        costs=None if costs is None else {name: fall["auc"] for name, fall in costs.items()},
    )
    store.store_report(connection, as_of, assess(figures, as_of))
    store.forget_days(connection, as_of.date())
    store.forget_erased(connection)


class Watch:
    """What the worker repeats: a slice of events, and from time to time an assessment."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._assessed_at = datetime.min.replace(tzinfo=UTC)
        self._counted = 0

    def once(self) -> bool:
        """Never asks to be called again at once: see `SLICE`."""
        with self._pool.connection() as connection:
            self._counted += count_next(connection)
            now = datetime.now(UTC)
            if now - self._assessed_at >= (ASSESS_EVERY if self._counted else ASSESS_AT_LEAST_EVERY):
                assess_now(connection, now)
                log.info("quality_assessed", events=self._counted)
                self._assessed_at, self._counted = now, 0
        return False
