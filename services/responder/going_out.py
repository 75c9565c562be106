"""From approved to gone: an approval waits, may be taken back, and goes out once its time is over."""

from uuid import UUID

import structlog

from services.responder import store
from services.responder.decisions import Decider, OtherVersion, Superseded, UnknownDraft
from services.responder.events import reply_event
from shared import outbox
from shared.postgres import Connection

log = structlog.get_logger()

RELEASED_AT_ONCE = 200


class NotApproved(Exception):
    """Nobody approved it, or somebody took that back already."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class AlreadyOut(Exception):
    """Others were told that it is approved."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


def take_back(connection: Connection, draft_id: UUID, version: int, by: Decider) -> None:
    """Open an approved draft again, in the caller's transaction, as its next version.

    What was approved stays with its decision. Whoever holds the draft first, this or `release`, decides.
    Raises UnknownDraft, Superseded, OtherVersion, NotApproved, AlreadyOut.
    """
    draft = store.lock_draft(connection, draft_id)
    if draft is None:
        raise UnknownDraft
    if draft["superseded_by"]:
        raise Superseded(draft["superseded_by"])
    if draft["version"] != version:
        raise OtherVersion(draft["version"])
    if draft["status"] not in ("approved", "sent", "failed"):
        raise NotApproved(draft["status"])
    if draft["sends_at"] is None:
        raise AlreadyOut(draft["status"])
    store.recall(connection, draft_id, version, user_id=by.user_id, user_name=by.name)
    log.info("approval_taken_back", draft_id=str(draft_id), user_id=by.user_id)


def release(connection: Connection, *, demo: bool) -> int:
    """Announce up to RELEASED_AT_ONCE approvals whose time is over, in the caller's transaction.

    Returns how many. That an approval waits ends in the transaction that writes its event: it goes out once,
    crash or not.
    """
    rows = store.release_due(connection, count=RELEASED_AT_ONCE)
    outbox.add(
        connection,
        [
            reply_event(
                "approved",
                row,
                at=row["at"],
                demo=demo,
                user=(row["user_id"], row["user_name"]),
                content=row["content"],
                sha256=row["sha256"],
            )
            for row in rows
        ],
    )
    if rows:
        log.info("approvals_released", count=len(rows))
    return len(rows)
