"""From a message and the passages that answer it to a draft. Pure: values in, values out.

Every sentence of a draft says where it comes from. What is not known stays a visible gap, as "[votre nom]".
What the lead wrote is data: it decides what is found, and never becomes text of the house.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from services.responder import people
from services.responder.card import read_card
from services.responder.drafting import (
    GAPS,
    NEAREST,
    Draft,
    Evidence,
    House,
    Lead,
    Message,
    Passage,
    Sentence,
    asked,
    bracketed,
    choose,
    plain_subject,
)
from services.responder.folding import fold
from services.responder.grounding import ungrounded
from services.responder.incoming import opts_out, own_words
from services.responder.lacking import may_sell, to_ask
from services.responder.letter import core, layout, paragraphs
from services.responder.own_fields import read_own_fields
from services.responder.slots import render, slots_of
from services.responder.style.document import GREETING_SLOTS, SHIPPED, HouseStyle, Style
from shared.contracts.identifiers import normalise_email

SUBJECT_CHARS = 200
DOCUMENT_SENTENCES = 5

Block = list[list[Sentence]]
"""A paragraph: lines of sentences."""
_TITLES: Final[Mapping[str, Mapping[str, str]]] = {
    "fr": {
        "subject": "Votre message",
        "greeting": "Formule d'appel",
        "closing": "Formule de politesse",
        "signature": "Signature",
        "question": "Ce qui manque à la demande",
        "next_step": "Prochaine étape",
    },
    "en": {
        "subject": "Your message",
        "greeting": "Greeting",
        "closing": "Closing",
        "signature": "Signature",
        "question": "What the request lacks",
        "next_step": "Next step",
    },
}
_GREETED = re.compile(r"\s*\{\{\s*([\w.]+)\s*\}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def compose(
    message: Message,
    lead: Lead,
    passages: Sequence[Passage],
    *,
    house: House,
    language: str,
    evidence: Evidence,
    style: HouseStyle = SHIPPED,
    earlier: Sequence[str] = (),
    before: Sequence[Sequence[Passage]] = (),
    requests: Sequence[Sequence[Passage]] = (),
) -> Draft:
    """Draft an answer in `language` from what was found, as `drafting.choose` chooses.

    `earlier`: what the lead wrote before and nobody answered. When nothing suffices, or the lead asks not to
    be written to, the draft has status "no_source" and says why.
    """
    chosen = choose(passages, language, evidence, before=before, requests=requests)
    reason = None if chosen else "nothing_close" if passages else "no_knowledge"
    return answer_with(
        message,
        lead,
        chosen,
        house=house,
        language=language,
        style=style,
        earlier=earlier,
        nearest=passages[:NEAREST],
        reason=reason,
    )


def answer_with(
    message: Message,
    lead: Lead,
    answers: Sequence[Passage],
    *,
    house: House,
    language: str,
    style: HouseStyle = SHIPPED,
    earlier: Sequence[str] = (),
    nearest: Sequence[Passage] = (),
    reason: str | None = None,
) -> Draft:
    """Draft an answer made of `answers`, chosen already, in their order; without one it says `reason`.

    Whoever asks not to be written to gets none ("opt_out"). A sentence that states what none of its sources
    says is left out; when none of the answers' remains, the draft is "no_source", for "ungrounded".
    """
    written = own_words(message.text)
    card = read_card(written) | read_own_fields(written, style.style.fields)
    recipient = normalise_email(lead.email) if lead.email else None
    blocks: list[Block] = []
    if opts_out(asked(message)):
        reason = "opt_out"
    elif answers:
        blocks = _letter(message, lead, answers, house, style.style, language, earlier)
        reason = None if blocks else "ungrounded"
    weakest = min(answers, key=lambda p: p.confidence or 0, default=None) if blocks else None
    body = layout([[[sentence.text for sentence in line] for line in block] for block in blocks])
    gap = GAPS[language]
    return Draft(
        status="waiting" if blocks else "no_source",
        language=language,
        sender=house.sender,
        recipients=(recipient,) if recipient else (),
        subject=_subject(message, language),
        body=body,
        sentences=tuple(sentence for block in blocks for line in block for sentence in line),
        gaps=(
            *(() if house.sender else (gap["sender"],)),
            *(() if recipient else (gap["recipient"],)),
            *bracketed(body),
        ),
        similarity=weakest.similarity if weakest else None,
        confidence=weakest.confidence if weakest else None,
        card=card,
        reason=reason,
        nearest=tuple(nearest),
        style_version=style.version,
    )


def _letter(
    message: Message,
    lead: Lead,
    answers: Sequence[Passage],
    house: House,
    style: Style,
    language: str,
    earlier: Sequence[str],
) -> list[Block]:
    """Greeting, answers, what is asked and proposed, closing, signature; [] when no answer is grounded."""
    titles = _TITLES[language]
    who = people.person(lead.name, lead.company, lead.attributes)
    values = _slot_values(who, house, style, GAPS[language])

    def said(text: str, kind: str, title: str) -> Sentence:
        return Sentence(render(text, values), kind, titles[title], text)

    middle = [block for passage in answers for block in _from_passage(passage, values, style.most_sentences)]
    middle = _grounded(middle, values)
    if not middle:
        return []
    texts = "\n".join([*earlier, asked(message)])
    asking: list[Sentence] = []
    proposed: list[Sentence] = []
    if may_sell(texts):
        own = "\n".join([*map(own_words, earlier), own_words(message.text)])
        card = read_card(own) | read_own_fields(own, style.fields)
        answered = "\n".join(sentence.text for block in middle for line in block for sentence in line)
        questions = to_ask(texts, card, lead.attributes, answered, style, language)
        asking = [said(getattr(one.text, language), "style", "question") for one in questions]
        step = _next_step(style, message, language)
        proposed = [said(step, "style", "next_step")] if step else []
    closing = said(getattr(style.closing, language), "house", "closing")
    signature = [[said(line, "house", "signature")] for line in style.signature]
    around = [[asking], [proposed], [[closing]], signature]
    return [[[_greeting(who, house, style, language)]], *middle, *_grounded(around, values)]


def _grounded(blocks: Sequence[Block], values: Mapping[str, str]) -> list[Block]:
    """The blocks without the sentences that state what no source of theirs says."""

    def sources(sentence: Sentence) -> list[str]:
        filled = slots_of(sentence.quote) & values.keys() if sentence.kind != "document" else set()
        return [sentence.quote, *(values[slot] for slot in filled)]

    kept = [
        [[one for one in line if not ungrounded(one.text, sources(one))] for line in block]
        for block in blocks
    ]
    return [lines for block in kept if (lines := [line for line in block if line])]


def _greeting(who: people.Person, house: House, style: Style, language: str) -> Sentence:
    """What is not known is left out, with the space before it: a greeting has no gaps."""
    known = dict(
        zip(
            GREETING_SLOTS,
            (people.address(who, language), who.name, who.first_name, house.name),
            strict=True,
        )
    )
    template = getattr(style.greeting, language)
    filled = [known[slot] for slot in _GREETED.findall(template) if known[slot]]
    text = _GREETED.sub(lambda slot: f" {known[slot[1]]}" if known[slot[1]] else "", template).strip()
    kind = "lead" if filled else "house"
    return Sentence(text, kind, _TITLES[language]["greeting"], ", ".join(map(str, filled)) or template)


def _from_passage(passage: Passage, values: Mapping[str, str], most_sentences: int | None) -> list[Block]:
    """The passage's first `most_sentences` sentences, rendered one by one, laid out as they were."""
    source = paragraphs(core(passage.body))
    most = most_sentences
    if passage.kind == "document":  # one paragraph: it was not written as a letter
        source = [[[sentence for block in source for line in block for sentence in line]]]
        most = min(most or DOCUMENT_SENTENCES, DOCUMENT_SENTENCES)
    left = most if most is not None else sum(len(line) for block in source for line in block)
    blocks: list[Block] = []
    for block in source:
        lines: Block = []
        for line in block:
            # A document is quoted as it is: it was not written as a template.
            lines.append(
                [
                    Sentence(
                        quote if passage.kind == "document" else render(quote, values),
                        passage.kind,
                        passage.title,
                        quote,
                        passage.passage_id,
                    )
                    for quote in line[:left]
                ]
            )
            left -= len(lines[-1])
        blocks.append(lines)
    return blocks


def _next_step(style: Style, message: Message, language: str) -> str:
    """The words of the first step that fits the lead's grade and stage; "" for none."""

    def fits(wanted: Sequence[str], known: str | None) -> bool:
        return not wanted or (known is not None and fold(known) in map(fold, wanted))

    return next(
        (
            text
            for step in style.next_steps
            if fits(step.grades, message.grade)
            and fits(step.stages, message.stage)
            and (text := getattr(step.text, language))
        ),
        "",
    )


def _slot_values(who: people.Person, house: House, style: Style, gap: Mapping[str, str]) -> dict[str, str]:
    known = {
        "lead.name": who.name,
        "lead.first_name": who.first_name,
        "lead.company": who.company,
        "house.name": house.name,
        "house.phone": style.phone,
        "house.calendar": style.calendar,
    }
    slots = (*known, "rep.name", "rep.role", "rep.phone")
    return {slot: known.get(slot) or gap[slot] for slot in slots}


def _subject(message: Message, language: str) -> str:
    plain = _CONTROL.sub(" ", plain_subject(message.subject)).strip()
    return f"Re: {plain or _TITLES[language]['subject']}"[:SUBJECT_CHARS]
