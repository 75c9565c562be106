"""Whether what a text states stands in its sources: the last look at every draft and every rephrasing. Pure.

It reads the facts that one wrong word makes wrong: numbers with their units, prices and dates, links,
addresses and names. Rules and no model: it must err on the side of dropping.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from services.responder import card_patterns as said
from services.responder.folding import fold, words
from services.responder.letter import sentences

_GAP = re.compile(r"\[[^\[\]\n]*\]")
_LINK = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[^\s<>\"]+|\b[\w-]+(?:\.[\w-]+)*\."
    r"(?:com|net|org|fr|eu|io|uk|de|be|ch|info|biz)\b(?:/[^\s<>\"]*)?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:(?:[ \u00a0\u202f](?=\d{3}(?!\d))|[.,/:-])\d+)*")
_UNIT = re.compile(
    rf"[ \u00a0\u202f-]?(?:(?P<sign>[€$£%°])|(?P<word>{said.UNIT}|{said.SPAN_UNIT}|{said.MONTH}"
    r"|ans?|années?|years?|minutes?|k?€|k?eur(?:os?)?|mm|cm|bars?|k?w|kva|volts?"
    r"|pour ?cent|percent|degr[ée]s)(?!\w))",
    re.IGNORECASE,
)
_SPELT = re.compile(rf"\b(?!(?:une?|one)\b)(?:{said.SPELT})\b", re.IGNORECASE)
_DAY = re.compile(rf"\b(?:{said.DAY}|{said.MONTH})\b", re.IGNORECASE)
_AMBIGUOUS: Final = frozenset({"may", "mars", "mai"})
_WORD = re.compile(r"[^\W\d_][\w-]*")
_OPENERS: Final = frozenset(
    word
    for line in (Path(__file__).parent / "data" / "openers.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for word in line.split()
)


def ungrounded(text: str, sources: Sequence[str]) -> list[str]:
    """The facts of `text` that stand in none of its `sources`, in order; gaps are no facts."""
    known_facts = {fact for source in sources for fact, _ in _facts(source)}
    known_words = {word for source in sources for word in _named(source)}
    found = [shown for fact, shown in _facts(text) if fact not in known_facts]
    found.extend(name for name in _names(text) if not _named(name) <= known_words)
    return list(dict.fromkeys(found))


def left_out(text: str, other: str) -> list[str]:
    """The numbers, dates, links and addresses of `text` that `other` does not say."""
    said = {fact for fact, _ in _facts(other)}
    return list(dict.fromkeys(shown for fact, shown in _facts(text) if fact not in said))


def _facts(text: str) -> Iterator[tuple[str, str]]:
    """(in a form that can be compared, as it stands) of each number, date, link and address."""
    text = _GAP.sub(" ", text)
    for link in _LINK.finditer(text):
        shown = link[0].rstrip(".,;:!?)’'")
        yield f"link {shown.casefold()}", shown
    rest = _LINK.sub(" ", text)
    for number in _NUMBER.finditer(rest):
        unit = _UNIT.match(rest, number.end())
        yield f"number {_digits(number[0])}", number[0]
        if unit:
            yield f"number {_digits(number[0])} {_stem(unit['sign'] or unit['word'])}", number[0] + unit[0]
    for spelt in _SPELT.finditer(rest):
        unit = _UNIT.match(rest, spelt.end())
        yield f"spelt {fold(spelt[0])} {_stem(unit['word'] or '') if unit else ''}", spelt[0]
    for day in _DAY.finditer(rest):
        if fold(day[0]) not in _AMBIGUOUS:
            yield f"day {fold(day[0])}", day[0]


def _digits(number: str) -> str:
    return re.sub(r"[ \u00a0\u202f]", "", number).replace(",", ".")


def _stem(unit: str) -> str:
    folded = fold(unit)
    return {"€": "eur", "euro": "eur", "euros": "eur", "h": "heure"}.get(folded, folded.rstrip("s"))


def _names(text: str) -> Iterator[str]:
    """Words with a capital: all of them, but for one that opens a sentence and may well do so."""
    for line in _LINK.sub(" ", _GAP.sub(" ", text)).splitlines():
        for sentence in sentences(line):
            for number, word in enumerate(_WORD.findall(sentence)):
                if any(map(str.isupper, word)) and not (number == 0 and fold(word) in _OPENERS):
                    yield word


def _named(text: str) -> set[str]:
    return words(_LINK.sub(" ", text))
