"""From a message and the passages found for it to a draft. Pure: values in, values out.

Every sentence of a draft says where it comes from. What is not known stays a visible gap, as "[votre nom]".
What the lead wrote is data: it decides what is found, and never becomes text of the house.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.responder import people
from services.responder.card import read_card
from services.responder.incoming import opts_out, own_words
from services.responder.letter import core, layout, paragraphs
from services.responder.slots import render
from shared.contracts.identifiers import normalise_email

CHANNEL: Final = "email"
"""Replies go by mail, whatever the message came by: it is the one channel that write-back has."""
NEAREST = 3
SUBJECT_CHARS = 200
DOCUMENT_SENTENCES = 5
MOST_ANSWERS = 4

GAPS: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {
        "lead.name": "[nom du contact]",
        "lead.first_name": "[prénom du contact]",
        "lead.company": "[société du contact]",
        "rep.name": "[votre nom]",
        "house.name": "[nom de votre société]",
        "sender": "[adresse d'expédition]",
        "recipient": "[adresse du destinataire]",
    },
    "en": {
        "lead.name": "[contact's name]",
        "lead.first_name": "[contact's first name]",
        "lead.company": "[contact's company]",
        "rep.name": "[your name]",
        "house.name": "[your company's name]",
        "sender": "[sender's address]",
        "recipient": "[recipient's address]",
    },
}
_PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {
        "greeting": "Bonjour{},",
        "closing": "Cordialement,",
        "subject": "Votre message",
        "greeting_title": "Formule d'appel",
        "closing_title": "Formule de politesse",
        "signature_title": "Signature",
    },
    "en": {
        "greeting": "Hello{},",
        "closing": "Kind regards,",
        "subject": "Your message",
        "greeting_title": "Greeting",
        "closing_title": "Closing",
        "signature_title": "Signature",
    },
}
_REPLY_PREFIXES = re.compile(r"^\s*((re|aw|sv|fwd?|tr|réf)\s*:\s*)+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_BRACKETED = re.compile(r"\[[^\[\]\n]*[^\W\d_][^\[\]\n]*\]")


@dataclass(frozen=True, slots=True)
class Message:
    source: str
    id: str
    subject: str | None
    text: str
    occurred_at: datetime
    thread_id: str | None = None

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
    rarity, that the passage has; `confidence`, where it is known, the probability that it is right.
    """

    passage_id: UUID
    kind: str
    language: str
    title: str
    body: str
    similarity: float
    shared: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """From what on a passage may answer: its confidence decides, where there is one, else its cosine.

    In a language that the embedding model was not made for, any two texts look alike (French cosines under an
    English model alone are 0.4 to 0.6, related or not), so there words must be shared too.
    """

    min_similarity: float
    model_languages: frozenset[str]
    min_shared: float = 0.1
    min_confidence: float = 0.5

    def suffices(self, passage: Passage) -> bool:
        if passage.confidence is not None:
            return passage.confidence >= self.min_confidence
        if passage.similarity < self.min_similarity:
            return False
        return passage.language in self.model_languages or passage.shared >= self.min_shared


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


def asked(message: Message) -> str:
    """What to search the knowledge for: the subject and the writer's own words."""
    subject = _REPLY_PREFIXES.sub("", message.subject or "")
    return f"{subject}\n{core(own_words(message.text))}".strip() or message.text.strip()


def compose(
    message: Message,
    lead: Lead,
    passages: Sequence[Passage],
    *,
    house: House,
    language: str,
    evidence: Evidence,
    before: Sequence[Sequence[Passage]] = (),
    requests: Sequence[Sequence[Passage]] = (),
) -> Draft:
    """Draft an answer in `language` from `passages`, those found for the whole message, best first.

    `before`: those found for what the lead wrote earlier and nobody answered; `requests`: for each request of
    this message. What they find beside is answered too, where its confidence is known. Only a passage in that
    language whose `evidence` suffices is used. Without one, or when the lead asks not to be written to, the
    draft has status "no_source" and says why.
    """
    answers = _answers([*_sure(before), passages, *_sure(requests)], language, evidence)
    reason = None
    if opts_out(asked(message)):
        answers, reason = [], "opt_out"
    elif not answers:
        reason = "nothing_close" if passages else "no_knowledge"
    weakest = min(answers, key=lambda p: p.confidence or 0, default=None)
    gap = GAPS[language]
    who = people.person(lead.name, lead.company, lead.attributes)
    recipient = normalise_email(lead.email) if lead.email else None
    sentences, body = _letter(answers, who, house, language) if answers else ([], "")
    gaps = [
        *([] if house.sender else [gap["sender"]]),
        *([] if recipient else [gap["recipient"]]),
        *bracketed(body),
    ]
    return Draft(
        status="waiting" if answers else "no_source",
        language=language,
        sender=house.sender,
        recipients=(recipient,) if recipient else (),
        subject=_subject(message.subject, language),
        body=body,
        sentences=tuple(sentences),
        gaps=tuple(gaps),
        similarity=weakest.similarity if weakest else None,
        confidence=weakest.confidence if weakest else None,
        card=read_card(own_words(message.text)),
        reason=reason,
        nearest=tuple(passages[:NEAREST]),
    )


def _sure(asked: Sequence[Sequence[Passage]]) -> list[list[Passage]]:
    """The passages whose confidence is known: a cosine alone would let too much through."""
    return [[passage for passage in found if passage.confidence is not None] for found in asked]


def _answers(asked: Sequence[Sequence[Passage]], language: str, evidence: Evidence) -> list[Passage]:
    """The passage that answers each thing asked, none twice, MOST_ANSWERS at most."""
    found: dict[UUID, Passage] = {}
    for passages in asked:
        sufficing = [p for p in passages if p.language == language and evidence.suffices(p)]
        # A template or an approved reply answers somebody; a document only informs.
        best = next((p for p in sufficing if p.kind != "document"), next(iter(sufficing), None))
        if best:
            found.setdefault(best.passage_id, best)
    return list(found.values())[:MOST_ANSWERS]


def bracketed(text: str) -> list[str]:
    """The gaps of a text: each distinct "[words]", in order. "[1]" is none."""
    return list(dict.fromkeys(_BRACKETED.findall(text)))


def _letter(
    passages: Sequence[Passage], who: people.Person, house: House, language: str
) -> tuple[list[Sentence], str]:
    phrase = _PHRASES[language]
    values = _slot_values(who, house, GAPS[language])
    addressed = people.address(who, language)
    greeting = phrase["greeting"].format(f" {addressed}" if addressed else "")
    opening = Sentence(greeting, "lead" if addressed else "house", phrase["greeting_title"], addressed or "")
    closing = Sentence(phrase["closing"], "house", phrase["closing_title"], phrase["closing"])
    signature = [
        Sentence(values[slot], "house", phrase["signature_title"], f"{{{{ {slot} }}}}")
        for slot in ("rep.name", "house.name")
    ]
    parts = [_from_passage(passage, values) for passage in passages]
    middle = [sentence for sentences, _ in parts for sentence in sentences]
    body = "\n\n".join(text for _, text in parts)
    signed = "\n".join(line.text for line in signature)
    return (
        [opening, *middle, closing, *signature],
        f"{greeting}\n\n{body}\n\n{closing.text}\n\n{signed}",
    )


def _from_passage(passage: Passage, values: Mapping[str, str]) -> tuple[list[Sentence], str]:
    """The passage's sentences, rendered one by one, and its body laid out as it was."""
    sentences: list[Sentence] = []

    def rendered(quote: str) -> str:
        # A document is quoted as it is: it was not written as a template.
        text = quote if passage.kind == "document" else render(quote, values)
        sentences.append(Sentence(text, passage.kind, passage.title, quote, passage.passage_id))
        return text

    source = paragraphs(core(passage.body))
    if passage.kind == "document":
        source = [[[s for block in source for line in block for s in line][:DOCUMENT_SENTENCES]]]
    return sentences, layout([[[rendered(quote) for quote in line] for line in block] for block in source])


def _slot_values(who: people.Person, house: House, gap: Mapping[str, str]) -> dict[str, str]:
    return {
        "lead.name": who.name or gap["lead.name"],
        "lead.first_name": who.first_name or gap["lead.first_name"],
        "lead.company": who.company or gap["lead.company"],
        "rep.name": gap["rep.name"],
        "house.name": house.name or gap["house.name"],
    }


def _subject(subject: str | None, language: str) -> str:
    plain = _CONTROL.sub(" ", _REPLY_PREFIXES.sub("", subject or "")).strip()
    return f"Re: {plain or _PHRASES[language]['subject']}"[:SUBJECT_CHARS]
