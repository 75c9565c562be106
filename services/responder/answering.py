"""A person answers an open draft with a passage of their choice."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog

from services.responder import store
from services.responder.composing import answer_with
from services.responder.decisions import Decider, lock_open
from services.responder.drafting import House, Message, Passage
from services.responder.events import reply_event
from services.responder.style import store as styles
from shared import outbox
from shared.postgres import Connection

log = structlog.get_logger()

_NOT_COMPOSED: Final = {
    "opt_out": "The lead asks not to be written to: only a reply written by hand answers that.",
    "ungrounded": "Nothing of this passage can be said without a source.",
}


class NotUsable(Exception):
    """The passage cannot be answered with; the message says why."""


def answer(
    connection: Connection,
    draft_id: UUID,
    version: int,
    passage_id: UUID,
    by: Decider,
    *,
    house_name: str,
    demo: bool,
) -> None:
    """Make the draft's next version of this passage, in the caller's transaction, and announce that it waits.

    Raises UnknownDraft, Superseded, AlreadyDecided, OtherVersion, NotUsable.
    """
    draft = lock_open(connection, draft_id, version)
    row = store.current_passage(connection, passage_id)
    if row is None:
        raise NotUsable("The house does not answer with this passage, or no longer.")
    if row["language"] != draft["language"]:
        raise NotUsable("The passage is in another language than the reply.")
    passage = Passage(**row, similarity=0.0, shared=0.0)
    message = Message(
        draft["message_source"],
        draft["message_id"],
        draft["message_subject"],
        draft["message_text"],
        draft["message_occurred_at"],
        grade=draft["grade"],
        stage=draft["stage"],
    )
    (shown,) = store.find_drafts(connection, draft_id=draft_id)
    composed = answer_with(
        message,
        store.lead_of(draft["lead_id"], draft["lead"]),
        [passage],
        house=House(house_name, draft["sender"]),
        language=draft["language"],
        style=styles.in_force(connection),
        earlier=[earlier["text"] for earlier in shown["earlier"]],
    )
    if composed.reason:
        raise NotUsable(_NOT_COMPOSED[composed.reason])
    # What spoke for it when it was looked for; nothing is known of a passage that was not among the nearest.
    found: dict[str, Any] = next(
        (near for near in draft["nearest"] if near["passage_id"] == str(passage_id)), {}
    )
    composed = replace(composed, similarity=found.get("similarity"), confidence=found.get("confidence"))
    now = datetime.now(UTC)
    store.redraft(
        connection, draft_id, composed, passage_id=passage_id, user_id=by.user_id, user_name=by.name, at=now
    )
    outbox.add(connection, [reply_event("drafted", {**draft, "version": version + 1}, at=now, demo=demo)])
    log.info("draft_answered_with", draft_id=str(draft_id), user_id=by.user_id)
