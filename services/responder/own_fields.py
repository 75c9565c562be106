"""Fields that the company defines for the card: what stands after the words that announce them. Pure.

The house gives words and a kind, never a pattern: what is searched here is fixed, and read in linear time.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from services.responder import card_patterns as said
from services.responder.card import MOST_CHARS
from services.responder.folding import fold
from services.responder.style.document import OwnField

_MOST_ANNOUNCEMENTS = 20
"""Of one field that are looked at: a message that repeats a word a thousand times says nothing more."""
_REACH = 80
"""Characters after the announcing words in which a value begins."""
_LEADS_TO = re.compile(r"\s*(?:[:=]|\best\b|\bis\b|\bde\b|\bof\b|\bdu\b)?\s*:?\s*", re.IGNORECASE)
_VALUES: Final[Mapping[str, re.Pattern[str]]] = {
    "text": re.compile(r"(?P<value>[^\s\n,;?!][^\n,;?!]{0,79}?)(?=[ .]*(?:[\n,;?!]|\.\s|$))"),
    "number": re.compile(rf"[^\n\d.;?!]{{0,20}}?(?P<value>{said.NUMBER}(?:\s?%)?)"),
    "date": re.compile(rf"[^\n\d.;?!]{{0,20}}?(?P<value>{said.WHEN})(?!\w)", re.IGNORECASE),
}


def read_own_fields(text: str, fields: Sequence[OwnField]) -> dict[str, list[str]]:
    """For each field its value as the message words it; [] is missing."""
    text = text[:MOST_CHARS]
    flat = _flat(text)
    return {field.name: _first(text, flat, field) for field in fields}


def _first(text: str, flat: str, field: OwnField) -> list[str]:
    for announced in _announced(flat, field.announced_by) if field.announced_by else [0]:
        leads = _LEADS_TO.match(text, announced)
        start = leads.end() if leads else announced
        if field.kind == "choice":
            end = min(start + _REACH, len(text)) if field.announced_by else len(text)
            found = _word(field.values).search(flat, start, end)
            if found and not (field.announced_by and re.search(r"[\n.;?!]", text[start : found.start()])):
                return [text[found.start() : found.end()]]
        elif value := _VALUES[field.kind].match(text, start):
            return [value["value"].strip()]
    return []


def _announced(flat: str, words: Sequence[str]) -> Iterator[int]:
    """Where each announcement ends."""
    for number, found in enumerate(_word(words).finditer(flat)):
        if number == _MOST_ANNOUNCEMENTS:
            return
        yield found.end()


def _word(words: Sequence[str]) -> re.Pattern[str]:
    """Any of these, whole, folded; the longest first."""
    listed = sorted({_flat(word) for word in words}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, listed))})(?!\w)")


def _flat(text: str) -> str:
    """Folded, character by character: what is found in it stands at the same place of the text."""
    return "".join(folded if len(folded := fold(char)) == 1 else char for char in text)
