"""Leads of which sources disagree, looked at again after the priorities changed."""

from services.scoring import effects, grouping_store, store
from shared.postgres import Connection


def settle(connection: Connection, *, limit: int) -> int:
    """Write the rows of at most `limit` such leads anew; how many. The open ones are then scored again."""
    priorities = grouping_store.priorities(connection)
    rows = grouping_store.take_unsettled(connection, priorities.version, limit)
    works = [effects.work_of(row, priorities) for row in rows]
    store.store_leads(connection, [effects.lead_row(work) for work in works])
    if works:
        grouping_store.mark_stale(connection, [work.lead_id for work in works])
    return len(works)
