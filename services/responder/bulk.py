"""Replies approved together: those that are sure, as they were proposed, each seen whole by a person."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.responder import decisions, store
from services.responder.decisions import OPEN, Decider
from services.responder.views import draft_view
from shared.postgres import Connection

AS_PROPOSED = ("sender", "recipients", "subject", "body")


class NotSure(Exception):
    """It may only be approved alone; `doubts` says why (see `views.doubts`, and "edited")."""

    def __init__(self, doubts: list[str]) -> None:
        super().__init__(", ".join(doubts))
        self.doubts = doubts


def approve_as_proposed(
    connection: Connection,
    draft_id: UUID,
    content: Mapping[str, Any],
    sha256: str,
    by: Decider,
    *,
    sure_from: float,
    house_name: str,
    wait_s: float,
) -> None:
    """Approve one of several, in the caller's transaction.

    What the draft says belongs to its version, so that it cannot change between this look and the approval.
    Raises NotSure, and as `decisions.approve` does.
    """
    for row in store.find_drafts(connection, draft_id=draft_id):
        if row["status"] in OPEN and row["version"] == content["version"]:
            draft = draft_view(row, by.name, sure_from)
            edited = any(content[name] != draft[name] for name in AS_PROPOSED)
            if doubts := draft["doubts"] + ["edited"] * edited:
                raise NotSure(doubts)
    decisions.approve(connection, draft_id, content, sha256, by, house_name=house_name, wait_s=wait_s)
