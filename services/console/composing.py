"""A draft as it is read, and the content that a person approves. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.console.answers import Draft, SentenceSource
from shared.contracts.approval import content_hash


class Unfinished(Exception):
    """The reply cannot go out as it is; `problems` holds codes: "gap", "body", "recipients", "sender"."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Gap:
    """A fact that the draft lacks: `marker` stands for it in the text, `name` says what it is."""

    marker: str
    name: str


@dataclass(frozen=True, slots=True)
class Span:
    """A run of the body: text and gaps in order, from one source or from none."""

    pieces: tuple[str | Gap, ...]
    source: SentenceSource | None = None


def gaps(draft: Draft) -> list[Gap]:
    """The gaps that stand in the text; a missing sender or recipient is a field to fill, not one of these."""
    return [Gap(gap, gap.strip("[]")) for gap in dict.fromkeys(draft.gaps) if gap in draft.body]


def spans(draft: Draft) -> list[Span]:
    """The body cut where its sentences begin and end; together the spans are the whole body."""
    cut: list[Span] = []
    position, known = 0, gaps(draft)
    for sentence in draft.sentences:
        start = draft.body.find(sentence.text, position) if sentence.text else -1
        if start < 0:
            continue  # edited since: it no longer stands in the body
        if start > position:
            cut.append(Span(_pieces(draft.body[position:start], known)))
        cut.append(Span(_pieces(sentence.text, known), sentence.source))
        position = start + len(sentence.text)
    if position < len(draft.body):
        cut.append(Span(_pieces(draft.body[position:], known)))
    return cut


def _pieces(text: str, known: Sequence[Gap]) -> tuple[str | Gap, ...]:
    by_marker = {gap.marker: gap for gap in known}
    if not by_marker:
        return (text,)
    pattern = "|".join(re.escape(marker) for marker in sorted(by_marker, key=len, reverse=True))
    return tuple(by_marker.get(part, part) for part in re.split(f"({pattern})", text) if part)


def content_of(draft: Draft) -> dict[str, Any]:
    """What an approval of the draft as it stands would hold."""
    return {
        "draft_id": draft.draft_id,
        "version": draft.version,
        "channel": draft.channel,
        "sender": draft.sender,
        "recipients": draft.recipients,
        "subject": draft.subject,
        "body": draft.body,
        "attachments": [],
    }


def shown_hash(draft: Draft) -> str:
    return content_hash(content_of(draft))


def passages(draft: Draft) -> list[SentenceSource]:
    """The passages that a draft quotes, each once, with all that is quoted of it."""
    quoted: dict[str, SentenceSource] = {}
    for source in (sentence.source for sentence in draft.sentences):
        if source and source.passage_id:
            before = quoted.get(source.passage_id)
            quote = f"{before.quote} {source.quote}" if before else source.quote
            quoted[source.passage_id] = source.model_copy(update={"quote": quote})
    return list(quoted.values())


def approved_content(
    draft_id: str, form: Mapping[str, str], markers: Sequence[str], fills: Sequence[str]
) -> dict[str, Any]:
    """The content of an approval, from what the person saw: the text with its gaps filled.

    `markers` are the draft's gaps; `fills` stand for them in order and are absent once the text is edited
    as a whole. Raises Unfinished when a gap is left, or nobody or nothing would be sent.
    """
    body = _lines(form.get("body", ""))
    for marker, fill in zip(markers, fills, strict=False):
        if fill.strip():
            body = body.replace(marker, fill.strip())
    recipients = [part.strip() for part in re.split(r"[,;\n]", form.get("recipients", "")) if part.strip()]
    problems = []
    if any(marker in body for marker in markers):
        problems.append("gap")
    if not body.strip():
        problems.append("body")
    if not recipients or not all("@" in address for address in recipients):
        problems.append("recipients")
    if "@" not in form.get("sender", ""):
        problems.append("sender")
    if problems:
        raise Unfinished(problems)
    return {
        "draft_id": draft_id,
        "version": int(form.get("version", "0")),
        "channel": form.get("channel", "email"),
        "sender": form.get("sender", "").strip(),
        "recipients": recipients,
        "subject": form.get("subject", "").strip(),
        "body": body,
        "attachments": [],
    }


def _lines(text: str) -> str:
    # Browsers post line ends as CRLF whatever stood in the field; what was drafted has LF.
    return text.replace("\r\n", "\n")
