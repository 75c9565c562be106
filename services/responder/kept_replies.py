"""From an approved reply to a passage for the next leads, without anything of this lead.

One lead's data in another lead's letter is worse than a reply lost: in doubt a reply is not kept.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.responder.drafting import Lead
from services.responder.folding import fold, words
from services.responder.letter import core
from services.responder.people import person
from services.responder.slots import has_marks, without_slots

MIN_CHARS = 40
_ADDRESS = re.compile(r"@|://|\bwww\.|\w\.(?:com|net|org|fr|eu|io|uk|de|be|ch)\b", re.IGNORECASE)
_CAPITALISED = re.compile(r"[^\W\d_]+")
_MIN_IDENTIFIER_CHARS = 3


class NotKept(Exception):
    """A reply cannot be kept; `why`: "unchanged", "numbers", "link", "gap", "short", "person", "name" or
    "title"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def general_title(title: str, lead: Lead, *, rep_name: str) -> str:
    """A title that a person gave, as it is. Raises NotKept when it points at the lead."""
    named = _words_of(lead.name, lead.company, lead.email, rep_name)
    if any(char.isdigit() for char in title) or _ADDRESS.search(title) or words(title) & named:
        raise NotKept("title")
    return title


def generalise(body: str, lead: Lead, *, rep_name: str, known_words: Collection[str]) -> str:
    """The body of a passage. Raises NotKept when the reply may not be one.

    Greeting, closing and signature go; the lead's name, first name and company, and the person's name,
    become slots. Then nothing may remain that could point at the lead: no digit (numbers, dates, prices,
    references), no address or link, no gap, no word of the lead's identifiers, and no capitalised word that
    is not among `known_words`, the folded words of what the house itself wrote.
    """
    text = core(body)
    if has_marks(text) or "[" in text:
        raise NotKept("gap")
    if any(char.isdigit() for char in text):
        raise NotKept("numbers")
    if _ADDRESS.search(text):
        raise NotKept("link")
    text = _with_slots(text, lead, rep_name)
    rest = without_slots(text)
    named = _words_of(lead.name, lead.company, lead.email, rep_name)
    described = _words_of(*(value for value in lead.attributes.values() if isinstance(value, str)))
    if len(rest.strip()) < MIN_CHARS:
        raise NotKept("short")
    if words(rest) & (named | (described - set(known_words))):
        raise NotKept("person")
    if any(fold(word) not in known_words for word in _CAPITALISED.findall(rest) if word[0].isupper()):
        raise NotKept("name")
    return text


def without_frame(body: str, sentences: Sequence[Mapping[str, Any]]) -> str:
    """A reply without what each draft gets anew: its greeting, questions, next step, closing, signature.

    `sentences` are the draft's, as stored. What was reworded stays; `generalise` knows usual greetings and
    closings beside.
    """
    kinds = [one["source"]["kind"] for one in sentences]
    for one, kind in zip(sentences, kinds, strict=True):
        if kind == "style":
            body = body.replace(one["text"], "", 1)
    first = next((place for place, one in enumerate(sentences) if one["source"]["passage_id"]), 0)
    for one in sentences[:first]:
        body = body.removeprefix(one["text"])
    closing = next(
        (
            one["text"]
            for one, kind in zip(sentences, kinds, strict=True)
            if kind == "house" and one not in sentences[:first]
        ),
        "",
    )
    lines = [line.rstrip() for line in body.strip().splitlines()]
    if closing in lines:
        lines = lines[: len(lines) - 1 - lines[::-1].index(closing)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _with_slots(text: str, lead: Lead, rep_name: str) -> str:
    who = person(lead.name, lead.company, lead.attributes)
    slots = {
        value.strip().casefold(): slot
        for value, slot in (
            (who.first_name, "lead.first_name"),
            (rep_name, "rep.name"),
            (who.company or lead.company, "lead.company"),
            (who.name or lead.name, "lead.name"),
        )
        if value and len(value.strip()) >= _MIN_IDENTIFIER_CHARS
    }
    if not slots:
        return text
    # All at once and the longest first: a company called "Lead" must not be found inside a slot.
    alternatives = "|".join(re.escape(value) for value in sorted(slots, key=len, reverse=True))
    return re.sub(
        rf"(?<!\w)(?:{alternatives})(?!\w)",
        lambda found: f"{{{{ {slots.get(found[0].casefold(), 'lead.name')} }}}}",
        text,
        flags=re.IGNORECASE,
    )


def _words_of(*texts: str | None) -> set[str]:
    """The folded words that could name someone."""
    return {word for text in texts if text for word in words(text) if len(word) >= _MIN_IDENTIFIER_CHARS}
