"""The responder's schema: messages, drafts, decisions and the house's knowledge, as rows."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from services.responder.drafting import CHANNEL, Draft, Lead, Message, Passage, Sentence
from services.responder.rephrasing import Letter
from services.responder.value.measures import Kept
from shared.postgres import Connection, load_queries

SCHEMA: Final = "responder"
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


def add_messages(connection: Connection, values: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Keep messages (values of lead.messages.v1) and return the (source, id) of those not seen before."""
    rows = [
        {name: value["message"].get(name) for name in _MESSAGE_FIELDS}
        | {name: value.get(name) for name in ("lead_id", "lead", "traceparent", "grade", "stage")}
        for value in values
    ]
    added = connection.execute(_QUERIES["add_messages"], {"rows": Jsonb(rows)}).fetchall()
    return {(row["source"], row["id"]) for row in added}


_MESSAGE_FIELDS = ("source", "id", "channel", "subject", "text", "thread_id", "occurred_at")


def redraft(
    connection: Connection,
    draft_id: UUID,
    draft: Draft,
    *,
    passage_id: UUID,
    user_id: str,
    user_name: str,
    at: datetime,
) -> None:
    """Make `draft` the next version of an open one, answered with a passage that a person chose."""
    values = {
        **_columns(draft),
        "draft_id": draft_id,
        "passage_id": passage_id,
        "user_id": user_id,
        "user_name": user_name,
        "at": at,
    }
    connection.execute(_QUERIES["redraft"], values | {"sentences": Jsonb(values["sentences"])})


def add_drafts(
    connection: Connection, drafts: Sequence[tuple[UUID, Message, Lead, Draft]], *, rephrase: bool = False
) -> None:
    """Keep new drafts, each with its id, the message that it answers and the lead.

    `rephrase`: those that wait are to be reworded, as soon as somebody comes to it.
    """
    rows = [
        {
            "draft_id": str(draft_id),
            "lead_id": str(lead.lead_id),
            "message_source": message.source,
            "message_id": message.id,
        }
        | _columns(draft)
        for draft_id, message, lead, draft in drafts
    ]
    connection.execute(_QUERIES["add_drafts"], {"rows": Jsonb(rows), "rephrase": rephrase})


def take_to_rephrase(connection: Connection, *, pause_s: int, attempts: int) -> dict[str, Any] | None:
    """The draft that waits longest to be reworded, with its message's lead; None when none waits.

    Nobody else takes it for `pause_s` times the attempts made, nor after `attempts` of them.
    """
    values = {"pause_s": pause_s, "attempts": attempts}
    return connection.execute(_QUERIES["take_to_rephrase"], values).fetchone()


def keep_rephrased(
    connection: Connection, draft: Mapping[str, Any], letter: Letter | None, *, by: str, at: datetime
) -> bool:
    """Put the rewording into the place of the draft that was taken and keep the plain one beside.

    Without `letter`: ask no more. False when somebody decided on it or changed it meanwhile.
    """
    plain = {name: draft[name] for name in ("body", "sentences")}
    values = {
        "draft_id": draft["draft_id"],
        "version": draft["version"],
        "plain": draft["body"],
        "rephrased": Jsonb({"by": by, "at": at.isoformat(), "plain": plain}) if letter else None,
        "body": letter.body if letter else None,
        "sentences": Jsonb(letter.sentences) if letter else None,
    }
    return connection.execute(_QUERIES["keep_rephrased"], values).fetchone() is not None


def _columns(draft: Draft) -> dict[str, Any]:
    return {
        "status": draft.status,
        "language": draft.language,
        "channel": CHANNEL,
        "sender": draft.sender,
        "recipients": list(draft.recipients),
        "subject": draft.subject,
        "body": draft.body,
        "sentences": [stored_sentence(sentence) for sentence in draft.sentences],
        "gaps": list(draft.gaps),
        "similarity": draft.similarity,
        "confidence": draft.confidence,
        "card": draft.card,
        "reason": draft.reason,
        "nearest": [_nearest(passage) for passage in draft.nearest],
        "style_version": draft.style_version,
    }


def unanswered(connection: Connection, lead_ids: Collection[UUID]) -> dict[UUID, list[Message]]:
    """What these leads wrote that nobody decided on, in the order of writing."""
    found: dict[UUID, list[Message]] = defaultdict(list)
    for row in connection.execute(_QUERIES["unanswered"], {"lead_ids": list(lead_ids)}):
        found[row.pop("lead_id")].append(Message(**row))
    return found


def supersede(connection: Connection, lead_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Make open drafts of these leads stale where the lead wrote again since; return their rows.

    `announced`: whether others were told of the draft.
    """
    return connection.execute(_QUERIES["supersede"], {"lead_ids": list(lead_ids)}).fetchall()


def lead_of(lead_id: UUID, lead: Mapping[str, Any]) -> Lead:
    """A lead as lead.messages.v1 describes it."""
    return Lead(
        lead_id, lead.get("name"), lead.get("company"), lead.get("email"), lead.get("attributes") or {}
    )


def find_drafts(
    connection: Connection,
    *,
    draft_id: UUID | None = None,
    status: str | None = None,
    language: str | None = None,
    lead_id: UUID | None = None,
    recallable: bool = False,
    min_confidence: float | None = None,
    before: tuple[datetime | None, UUID | None] = (None, None),
    count: int = 1,
) -> list[dict[str, Any]]:
    """Drafts with their message and decision, the newest first, those after the row `before`.

    `recallable`: only those approved that did not go out yet.
    """
    values = {
        "draft_id": draft_id,
        "status": status,
        "language": language,
        "lead_id": lead_id,
        "recallable": recallable,
        "min_confidence": min_confidence,
        "count": count,
    }
    moment, at_id = before
    return connection.execute(
        _QUERIES["list_drafts"], values | {"before": moment, "before_id": at_id}
    ).fetchall()


def lock_draft(connection: Connection, draft_id: UUID) -> dict[str, Any] | None:
    """The draft with its message's lead and traceparent, locked until the transaction ends."""
    return connection.execute(_QUERIES["lock_draft"], {"draft_id": draft_id}).fetchone()


def decide(
    connection: Connection,
    draft: Mapping[str, Any],
    action: str,
    *,
    user_id: str,
    user_name: str,
    at: datetime,
    kept: Kept,
    content: Mapping[str, Any] | None = None,
    sha256: str | None = None,
    reason: str | None = None,
    kind: str | None = None,
    wait_s: float | None = None,
) -> None:
    """Keep a person's decision and set the draft's status to `action`; an approval goes out in `wait_s`."""
    connection.execute(
        _QUERIES["decide"],
        {
            "draft_id": draft["draft_id"],
            "version": draft["version"],
            "action": action,
            "user_id": user_id,
            "user_name": user_name,
            "at": at,
            "content": Jsonb(dict(content)) if content else None,
            "sha256": sha256,
            "reason": reason,
            "kind": kind,
            "wait_s": wait_s,
            **asdict(kept),
        },
    )


def examples(connection: Connection, *, count: int) -> list[dict[str, Any]]:
    """What the `count` newest decisions teach, the newest first.

    Rows: the message's `subject` and `text`, the draft's `language`, `passage_id`, `label` (the passage's
    intent, else its id), `is_right` (False: rejected as the wrong answer), `decided_at`; `first_id` and
    `first_prior`, the passage that was found first and how likely it was held to be right beforehand.
    """
    return connection.execute(_QUERIES["examples"], {"count": count}).fetchall()


def learning_mark(connection: Connection) -> dict[str, Any] | None:
    """Changes when there may be more, or less, to learn; with every hour too, for what was erased."""
    return connection.execute(_QUERIES["learning_mark"]).fetchone()


def passages_to_learn(connection: Connection, decided: Collection[UUID], count: int) -> list[dict[str, Any]]:
    """Current passages (`passage_id, title, body, label`): those decided on and the `count` newest others."""
    values = {"decided": list(decided), "count": count + len(decided)}
    return connection.execute(_QUERIES["passages_to_learn"], values).fetchall()


def passage_vectors(connection: Connection, passage_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """The `embedding` of each passage that has one, by `passage_id`."""
    return connection.execute(_QUERIES["passage_vectors"], {"passage_ids": list(passage_ids)}).fetchall()


def recall(connection: Connection, draft_id: UUID, version: int, *, user_id: str, user_name: str) -> None:
    """Open a locked draft again as its next version, and keep who took its approval back."""
    values = {"draft_id": draft_id, "version": version, "user_id": user_id, "user_name": user_name}
    connection.execute(_QUERIES["recall"], values)


def release_due(connection: Connection, *, count: int) -> list[dict[str, Any]]:
    """Let up to `count` approvals go that can no longer be taken back; return each with its decision."""
    return connection.execute(_QUERIES["release_due"], {"count": count}).fetchall()


def forget_leads(connection: Connection, lead_ids: Collection[UUID]) -> None:
    """Delete what these leads wrote, its drafts and decisions; what was approved and waits goes nowhere."""
    connection.execute(_QUERIES["forget_leads"], {"lead_ids": list(lead_ids)})


def follow_deliveries(connection: Connection, outcomes: Mapping[tuple[str, int], str]) -> None:
    """Set the status of approved drafts, by (draft id, version), to "sent" or "failed"; sent is final."""
    connection.execute(
        _QUERIES["follow_deliveries"],
        {
            "draft_ids": [draft_id for draft_id, _ in outcomes],
            "versions": [version for _, version in outcomes],
            "statuses": list(outcomes.values()),
        },
    )


def add_passage(connection: Connection, passage: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a passage and return its row; the one that is there already when it says the same."""
    row = connection.execute(_QUERIES["add_passage"], passage).fetchone()
    if row is None:  # another transaction added it after this statement began
        row = connection.execute(_QUERIES["add_passage"], passage).fetchone()
    assert row is not None  # noqa: S101 - inserted or found
    return row


def find_passages(
    connection: Connection,
    *,
    kind: str | None,
    language: str | None,
    before: tuple[datetime | None, UUID | None],
    count: int,
) -> list[dict[str, Any]]:
    """Passages, the newest first, those after the row `before`."""
    moment, row_id = before
    return connection.execute(
        _QUERIES["list_passages"],
        {"kind": kind, "language": language, "before": moment, "before_id": row_id, "count": count},
    ).fetchall()


def search_passages(connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Passages by words, of documents too; `values` are the parameters of the query."""
    return connection.execute(_QUERIES["search_passages"], values).fetchall()


def retire_passage(connection: Connection, passage_id: UUID, *, by: str) -> bool:
    """Quote a passage no more; False when there is none such that is no document's."""
    values = {"passage_id": passage_id, "by": by}
    return connection.execute(_QUERIES["retire_passage"], values).fetchone() is not None


def current_passage(connection: Connection, passage_id: UUID) -> dict[str, Any] | None:
    """A passage that may be quoted today, as `passage_id, kind, language, title, body`."""
    return connection.execute(_QUERIES["current_passage"], {"passage_id": passage_id}).fetchone()


def house_texts(connection: Connection) -> list[dict[str, Any]]:
    """Title and body of what the house itself wrote: templates, and all that came in a document."""
    return connection.execute(_QUERIES["house_texts"]).fetchall()


def stored_sentence(sentence: Sentence) -> dict[str, Any]:
    """A sentence of a draft as it is stored: its text, and its source."""
    source = asdict(sentence)
    text = source.pop("text")
    source["passage_id"] = str(sentence.passage_id) if sentence.passage_id else None
    return {"text": text, "source": source}


def _nearest(passage: Passage) -> dict[str, Any]:
    return {
        "passage_id": str(passage.passage_id),
        "kind": passage.kind,
        "language": passage.language,
        "title": passage.title,
        "similarity": round(passage.similarity, 3),
        "confidence": None if passage.confidence is None else round(passage.confidence, 3),
        "prior": None if passage.prior is None else round(passage.prior, 4),
        "decisions": passage.decisions,
    }
