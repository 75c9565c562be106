"""What a draft is made of and is, and which of the passages found answer. Pure: values in, values out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.responder.incoming import own_words
from services.responder.letter import core

CHANNEL: Final = "email"
"""Replies go by mail, whatever the message came by: it is the one channel that write-back has."""
NEAREST = 3
MOST_ANSWERS = 4

GAPS: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {
        "lead.name": "[nom du contact]",
        "lead.first_name": "[prénom du contact]",
        "lead.company": "[société du contact]",
        "rep.name": "[votre nom]",
        "rep.role": "[votre fonction]",
        "rep.phone": "[votre téléphone]",
        "house.name": "[nom de votre société]",
        "house.phone": "[téléphone de votre société]",
        "house.calendar": "[lien de votre agenda]",
        "sender": "[adresse d'expédition]",
        "recipient": "[adresse du destinataire]",
    },
    "en": {
        "lead.name": "[contact's name]",
        "lead.first_name": "[contact's first name]",
        "lead.company": "[contact's company]",
        "rep.name": "[your name]",
        "rep.role": "[your role]",
        "rep.phone": "[your phone number]",
        "house.name": "[your company's name]",
        "house.phone": "[your company's phone number]",
        "house.calendar": "[link to your calendar]",
        "sender": "[sender's address]",
        "recipient": "[recipient's address]",
    },
}
_REPLY_PREFIXES = re.compile(r"^\s*((re|aw|sv|fwd?|tr|réf)\s*:\s*)+", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\[\]\n]*[^\W\d_][^\[\]\n]*\]")


@dataclass(frozen=True, slots=True)
class Message:
    source: str
    id: str
    subject: str | None
    text: str
    occurred_at: datetime
    thread_id: str | None = None
    grade: str | None = None
    """The lead's when it came, and `stage` too; None: not known."""
    stage: str | None = None

    def goes_on_from(self, earlier: "Message") -> bool:
        """Whether both are of one conversation: different threads are different conversations."""
        known = {self.thread_id, earlier.thread_id} - {None}
        return earlier.occurred_at < self.occurred_at and len(known) < 2


@dataclass(frozen=True, slots=True)
class Lead:
    lead_id: UUID
    name: str | None
    company: str | None
    email: str | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class House:
    """Who answers. Empty when not configured."""

    name: str
    sender: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the house's knowledge found for a message.

    `similarity` is the cosine of the two embeddings; `shared` in [0, 1] the share of the message's words, by
    rarity, that the passage has; `confidence`, once it was ranked, the probability that it is right: `prior`,
    what was fitted beforehand, moved by so many of the house's `decisions`.
    """

    passage_id: UUID
    kind: str
    language: str
    title: str
    body: str
    similarity: float
    shared: float
    confidence: float | None = None
    prior: float | None = None
    decisions: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """From what confidence on a passage may answer."""

    min_confidence: float

    def suffices(self, passage: Passage) -> bool:
        return passage.confidence is not None and passage.confidence >= self.min_confidence


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` stands word for word in the body. `quote` is what it was made from, slots unfilled."""

    text: str
    kind: str
    title: str
    quote: str
    passage_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal. `status` is "waiting", or "no_source" with a `reason` and an empty body."""

    status: str
    language: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str
    sentences: tuple[Sentence, ...]
    gaps: tuple[str, ...]
    similarity: float | None
    confidence: float | None
    card: Mapping[str, Sequence[str]]
    reason: str | None
    nearest: tuple[Passage, ...]
    style_version: int


def plain_subject(subject: str | None) -> str:
    """The subject without "Re:" and the like."""
    return _REPLY_PREFIXES.sub("", subject or "")


def asked(message: Message) -> str:
    """What to search the knowledge for."""
    return asked_text(message.subject, message.text)


def asked_text(subject: str | None, text: str) -> str:
    """The subject and the writer's own words of a message."""
    return f"{plain_subject(subject)}\n{core(own_words(text))}".strip() or text.strip()


def choose(
    passages: Sequence[Passage],
    language: str,
    evidence: Evidence,
    *,
    before: Sequence[Sequence[Passage]] = (),
    requests: Sequence[Sequence[Passage]] = (),
) -> list[Passage]:
    """The passages that answer, in the order of the letter; none when nothing suffices.

    `passages` are those found for the whole message, best first; `before`: for what the lead wrote earlier
    and nobody answered; `requests`: for each request of this message. What these two find beside is answered
    too, MOST_ANSWERS in all. Only a passage in `language` whose `evidence` suffices is chosen.
    """
    found: dict[UUID, Passage] = {}
    for some in (*before, passages, *requests):
        sufficing = [p for p in some if p.language == language and evidence.suffices(p)]
        # A template or an approved reply answers somebody; a document only informs.
        best = next((p for p in sufficing if p.kind != "document"), next(iter(sufficing), None))
        if best:
            found.setdefault(best.passage_id, best)
    return list(found.values())[:MOST_ANSWERS]


def bracketed(text: str) -> list[str]:
    """The gaps of a text: each distinct "[words]", in order. "[1]" is none."""
    return list(dict.fromkeys(_BRACKETED.findall(text)))
