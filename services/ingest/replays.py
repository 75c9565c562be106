"""Replaying what was rejected: one by one, or many in the background. Each has one effect.

The rejection's row is locked, and its change of status commits with the records in the outbox: whoever comes
second finds it replayed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from services.ingest import store
from services.ingest.accept import Sender
from services.ingest.connectors import CONNECTORS, Connector
from services.ingest.quarantine import Rejection, StillRefused, again, decision
from services.ingest.sources.registry import stored_connector
from shared import outbox
from shared.postgres import Connection, Pool
from shared.records import Outgoing

log = structlog.get_logger()

CHUNK = 50
"""Rejections of one transaction of a replay of many, each of up to 700 kB."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a replay ended: `events` were sent, or `refused` says why it stays."""

    rejection: Rejection
    outgoing: list[Outgoing]
    refused: StillRefused | None = None


def find_connector(connection: Connection, name: str) -> Connector | None:
    """The connector that reads what came through `name`, as it is defined now; None for events."""
    return stored_connector(connection, name) or CONNECTORS.get(name)


def replay(
    connection: Connection,
    rejection: Rejection,
    sender: Sender,
    who: store.Who,
    *,
    new_id: bool = False,
) -> Replayed:
    """Replay a locked rejection that waits, in the caller's transaction."""
    done = _attempt(connection, rejection, sender, new_id=new_id)
    _settle(connection, [done], who)
    return done


def replay_next(pool: Pool) -> bool:
    """Do the next part of the oldest replay of many; whether there is more to do.

    A part and the place it ends at are one transaction: a worker that is killed leaves the whole part to the
    next one.
    """
    with pool.connection() as connection, connection.transaction():
        job = store.take_replay(connection)
        if job is None:
            return False
        ids = store.next_of_replay(connection, job, limit=CHUNK)
        if not ids:
            store.finish_replay(connection, job)
            log.info("replay_finished", replay_id=str(job["replay_id"]), total=job["total"])
            return True
        found = (store.rejection(connection, rejected_id, None) for rejected_id in ids)
        done = [
            _attempt(connection, one, Sender(**job["sender"]), new_id=False) for one, _ in filter(None, found)
        ]
        _settle(connection, done, (job["by_id"], job["by_name"]))
        refused = sum(one.refused is not None for one in done)
        store.advance_replay(connection, job, ids[-1], replayed=len(done) - refused, refused=refused)
    return True


def _attempt(connection: Connection, rejection: Rejection, sender: Sender, *, new_id: bool) -> Replayed:
    find = partial(find_connector, connection)
    try:
        return Replayed(rejection, again(rejection, sender, datetime.now(UTC), find, new_id=new_id))
    except StillRefused as refusal:
        return Replayed(rejection, [], refusal)


def _settle(connection: Connection, done: list[Replayed], who: store.Who) -> None:
    outbox.add(connection, [record for one in done for record in one.outgoing])
    store.settle(connection, [_decided(one) for one in done], who)


def _decided(one: Replayed) -> store.Row:
    if one.refused is not None:
        was = {"reason": one.rejection.reason, "detail": one.rejection.detail}
        return decision(
            one.rejection,
            "waiting",
            "refused",
            reason=one.refused.reason,
            detail=str(one.refused),
            was=was,
        )
    return decision(one.rejection, "replayed", "replayed", events=len(one.outgoing))
