"""Drafts and passages as the API answers them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.responder.asking import requests
from services.responder.drafting import GAPS
from services.responder.letter import core
from services.responder.slots import render
from services.responder.style.document import SHIPPED, Style

READ_FOR_REQUESTS = 20_000
"""Characters of a message that are looked through for what it asks."""


def draft_view(row: Mapping[str, Any], reader_name: str | None, sure_from: float) -> dict[str, Any]:
    """A draft with its message and decision. `earlier`: what the lead wrote before, unanswered, and what was
    approved and `held_back` when they wrote again; `superseded_by`: the draft that goes on with a stale one;
    `sends_at`: until when an approval can be taken back; `taken_back`: what was approved and by whom it was;
    `nearest`: the passages that come closest and may be answered with; `chosen_by`: who chose the one
    answered with; `asks`: the sentences of the message that ask for something; `doubts`: why it may only be
    approved alone.

    Once approved, what was approved stands in the place of what was `proposed`. While open, the gaps of the
    signing person are filled with what is known of the reader, when a person reads: they are who would sign.
    `rephrased_by`: the model whose words these are; `plain_body` is the letter before.
    """
    sent, reworded = row["content"] or {}, row["rephrased"] or {}
    body, sentences, gaps = row["body"], row["sentences"], row["gaps"]
    style = Style.model_validate(row["style"]) if row["style"] else SHIPPED.style
    plain = reworded.get("plain", {}).get("body")
    if signer := row["user_name"] or reader_name:
        plain = plain and signed(plain, style, signer, row["language"])
        body = signed(body, style, signer, row["language"])
        sentences = [
            {**one, "text": signed(one["text"], style, signer, row["language"])} for one in sentences
        ]
        gaps = [gap for gap in gaps if signed(gap, style, signer, row["language"]) == gap]
    proposed = body if sent else None
    if sent:
        body, gaps = sent["body"], []
        sentences = [s for s in sentences if s["text"] in body]
    recipients = sent.get("recipients", row["recipients"])
    return {
        "draft_id": str(row["draft_id"]),
        "version": row["version"],
        "lead_id": str(row["lead_id"]),
        "status": row["status"],
        "reason": row["reason"],
        "language": row["language"],
        "channel": sent.get("channel", row["channel"]),
        "sender": sent.get("sender", row["sender"]),
        "recipients": recipients,
        "subject": sent.get("subject", row["subject"]),
        "body": body,
        "proposed": proposed,
        "sentences": sentences,
        "rephrased_by": reworded.get("by"),
        "plain_body": plain,
        "gaps": gaps,
        "similarity": row["similarity"],
        "confidence": row["confidence"],
        "card": row["card"],
        "card_labels": {field.name: getattr(field.label, row["language"]) for field in style.fields},
        "style_version": row["style_version"],
        "nearest": [_near(passage) for passage in row["near"]],
        "chosen_by": row["chosen_by"],
        "chosen_at": _time(row["chosen_at"]),
        "message": {
            "text": row["message_text"],
            "subject": row["message_subject"],
            "occurred_at": _time(row["message_occurred_at"]),
        },
        "lead": {
            "name": row["lead"].get("name"),
            "company": row["lead"].get("company"),
            "grade": row["grade"],
        },
        "asks": requests(row["message_text"][:READ_FOR_REQUESTS]),
        "doubts": _doubts(row, gaps, recipients, sure_from),
        "earlier": row["earlier"],
        "superseded_by": str(row["superseded_by"]) if row["superseded_by"] else None,
        "created_at": _time(row["created_at"]),
        "decided_by": row["user_name"],
        "decided_at": _time(row["decided_at"]),
        "sends_at": _time(row["sends_at"]),
        "taken_back": _taken_back(row),
    }


def signed(text: str, style: Style, name: str, language: str) -> str:
    """The text with the gaps of the person who signs filled: the name, and what the style says of them."""
    rep = style.rep(name)
    known = {"rep.name": name, "rep.role": rep and rep.role, "rep.phone": rep and rep.phone}
    for slot, words in known.items():
        if words:
            text = text.replace(GAPS[language][slot], words)
    return text


def _doubts(
    row: Mapping[str, Any], gaps: Sequence[str], recipients: Sequence[str], sure_from: float
) -> list[str]:
    """Why a draft may not be approved together with others; none: it may."""
    confidence = row["confidence"]
    doubts = {
        "nothing_waits": row["status"] != "waiting",
        "confidence_unknown": confidence is None,
        "confidence_low": confidence is not None and confidence < sure_from,
        "gaps": bool(gaps),
        "recipients": len(recipients) != 1,
        "taken_back": row["recalled_at"] is not None,
        "opt_out": row["reason"] == "opt_out",
    }
    return [doubt for doubt, holds in doubts.items() if holds]


def _taken_back(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["recalled_at"] is None:
        return None
    content = {name: row["recalled_content"][name] for name in ("sender", "recipients", "subject", "body")}
    return {
        "by": row["recalled_by"],
        "at": _time(row["recalled_at"]),
        "content": content,
        "kept_as": row["recalled_title"],
    }


def _near(passage: Mapping[str, Any]) -> dict[str, Any]:
    body = core(passage["body"])
    if passage["kind"] != "document":  # what a slot stands for, in words
        body = render(body, GAPS[passage["language"]])
    return {"confidence": None, **passage, "body": body}


def passage_view(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "passage_id": str(row["passage_id"]),
        "kind": row["kind"],
        "language": row["language"],
        "title": row["title"],
        "body": row["body"],
        "intent": row["intent"],
        "created_at": _time(row["created_at"]),
        "embedded": row["embedded"],
    }


def document_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """`passages` it came to, and how many of them can be found already (`embedded`)."""
    shown = ("name", "version", "language", "sha256", "created_by", "passages", "embedded", "expired")
    return {
        "document_id": str(row["document_id"]),
        **{name: row[name] for name in shown},
        "valid_until": row["valid_until"].isoformat() if row["valid_until"] else None,
        "created_at": _time(row["created_at"]),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
