"""A person's decision on a draft: what may be sent, to the byte, or that nothing is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from services.responder import store
from services.responder.drafting import bracketed
from services.responder.events import reply_event
from services.responder.folding import words
from services.responder.kept_replies import NotKept, general_title, generalise, without_frame
from services.responder.letter import core
from services.responder.retrieval import add_passage
from services.responder.value.measures import compare
from shared import outbox
from shared.contracts.approval import content_hash
from shared.contracts.identifiers import normalise_email
from shared.postgres import Connection

log = structlog.get_logger()

OPEN = ("waiting", "no_source")
"""Statuses that a person may decide on: without a source, what they wrote themselves."""


class UnknownDraft(Exception):
    """There is no such draft."""


class AlreadyDecided(Exception):
    """Somebody decided on this draft before."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Superseded(Exception):
    """The lead wrote again: the draft of the newer message is the one to decide on."""

    def __init__(self, newer: UUID) -> None:
        super().__init__(str(newer))
        self.newer = newer


class OtherVersion(Exception):
    """The draft changed since it was read."""

    def __init__(self, current: int) -> None:
        super().__init__(str(current))
        self.current = current


class HashDiffers(Exception):
    """What was received is not what the caller hashed."""

    def __init__(self, computed: str) -> None:
        super().__init__(computed)
        self.computed = computed


class NotSendable(Exception):
    """What was approved cannot be sent as it is: (field, what to do) for each problem."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(", ".join(field for field, _ in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Decider:
    """The person who answers for the decision."""

    user_id: str
    name: str


def approve(
    connection: Connection,
    draft_id: UUID,
    content: Mapping[str, Any],
    sha256: str,
    by: Decider,
    *,
    house_name: str,
    wait_s: float,
    keep: bool = True,
    keep_as: str | None = None,
) -> dict[str, str]:
    """Approve `content` (names of the approval contract) in the caller's transaction.

    Writes the decision and the status, and that it goes out in `wait_s` (see `going_out`); where it
    may `keep` it, keeps an edited reply as knowledge when nothing of the lead is left in it, and returns its
    title as "kept", else why it is "not_kept". Two approvals at once wait for each other and
    one is refused.
    Raises UnknownDraft, Superseded, AlreadyDecided, OtherVersion, HashDiffers, NotSendable.
    """
    draft = lock_open(connection, draft_id, content["version"])
    if (computed := content_hash(content)) != sha256:
        raise HashDiffers(computed)
    if problems := _unsendable(content, draft["sender"]):
        raise NotSendable(problems)
    store.decide(
        connection,
        draft,
        "approved",
        user_id=by.user_id,
        user_name=by.name,
        at=datetime.now(UTC),
        content=content,
        sha256=sha256,
        kept=compare(draft["body"], content["body"]),
        wait_s=wait_s,
    )
    log.info("draft_approved", draft_id=str(draft_id), user_id=by.user_id)
    if not keep:
        return {"not_kept": "not_wanted"}
    return _keep_reply(connection, draft, content["body"], by, house_name, keep_as)


def reject(
    connection: Connection,
    draft_id: UUID,
    version: int,
    by: Decider,
    *,
    reason: str | None,
    kind: str | None,
    demo: bool,
) -> None:
    """Reject a draft in the caller's transaction, and announce it.

    As the wrong answer (`kind`) it teaches the ranking.
    Raises UnknownDraft, Superseded, AlreadyDecided, OtherVersion.
    """
    draft, now = lock_open(connection, draft_id, version), datetime.now(UTC)
    store.decide(
        connection,
        draft,
        "rejected",
        user_id=by.user_id,
        user_name=by.name,
        at=now,
        reason=reason,
        kind=kind,
        kept=compare(draft["body"], None),
    )
    event = reply_event("rejected", draft, at=now, demo=demo, user=(by.user_id, by.name))
    outbox.add(connection, [event])
    log.info("draft_rejected", draft_id=str(draft_id), user_id=by.user_id)


def lock_open(connection: Connection, draft_id: UUID, version: int) -> dict[str, Any]:
    """The draft that a person may decide on, locked until the transaction ends.

    Raises UnknownDraft, Superseded, AlreadyDecided, OtherVersion.
    """
    draft = store.lock_draft(connection, draft_id)
    if draft is None:
        raise UnknownDraft
    if draft["superseded_by"]:
        raise Superseded(draft["superseded_by"])
    if draft["status"] not in OPEN:
        raise AlreadyDecided(draft["status"])
    if draft["version"] != version:
        raise OtherVersion(draft["version"])
    return draft


def _unsendable(content: Mapping[str, Any], sender: str) -> list[tuple[str, str]]:
    """What to mend, by field; `sender`: the house's address, empty where none is set."""
    problems = [
        ("recipients", "one of them is no e-mail address")
        for address in content["recipients"]
        if normalise_email(address) is None
    ][:1]
    if not content["recipients"]:
        problems.append(("recipients", "give at least one e-mail address"))
    if normalise_email(content["sender"]) is None:
        problems.append(("sender", "give the e-mail address it is sent from; REPLY_SENDER sets it for all"))
    elif sender and content["sender"] != sender:
        problems.append(("sender", f"replies go out from {sender}: REPLY_SENDER sets it for all"))
    if content["attachments"]:
        problems.append(("attachments", "not taken yet: leave the list empty"))
    if not content["body"].strip():
        problems.append(("body", "write the reply"))
    if gaps := bracketed(content["body"]):  # not in the subject: mail systems put words such as [EXT] there
        problems.append(("body", f"fill in or remove {', '.join(gaps)}"))
    if any(char in (content["subject"] or "") for char in "\r\n"):
        problems.append(("subject", "one line only"))
    return problems


def _keep_reply(
    connection: Connection,
    draft: Mapping[str, Any],
    body: str,
    by: Decider,
    house_name: str,
    title: str | None,
) -> dict[str, str]:
    """Keep what a person wrote better, without anything of the lead. An unedited draft teaches nothing."""
    try:
        said = without_frame(body, draft["sentences"])
        # A rewording may have come while they read the plain letter.
        proposed = [draft, *([draft["rephrased"]["plain"]] if draft["rephrased"] else [])]
        if any(core(said) == core(without_frame(one["body"], one["sentences"])) for one in proposed):
            raise NotKept("unchanged")
        known = words(house_name)
        for row in store.house_texts(connection):
            known |= words(row["title"]) | words(row["body"])
        lead = store.lead_of(draft["lead_id"], draft["lead"])
        general = generalise(said, lead, rep_name=by.name, known_words=known)
        if title:
            title = general_title(title, lead, rep_name=by.name)
    except NotKept as error:
        log.info("reply_not_kept", draft_id=str(draft["draft_id"]), why=error.why)
        return {"not_kept": error.why}
    titles = [s["source"]["title"] for s in draft["sentences"] if s["source"]["passage_id"]]
    usual = {"fr": "Réponse approuvée", "en": "Approved reply"}[draft["language"]]
    passage = add_passage(
        connection,
        kind="reply",
        language=draft["language"],
        title=title or next(iter(titles), usual),
        body=general,
        created_by=by.user_id,
        draft_id=draft["draft_id"],
    )
    log.info("reply_kept", draft_id=str(draft["draft_id"]))
    return {"kept": passage["title"]}
