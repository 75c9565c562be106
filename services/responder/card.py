"""The qualification card: need, product, quantity, deadline … each quoted from the message, or missing.

Rules and no model: a rep must be able to trust that what stands on the card stands in the message, so a
value is always a span of it, and a doubtful one is left out: a question costs less than a wrong quote.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stdnum.exceptions import ValidationError
from stdnum.fr import siren as siren_number

from services.responder import card_patterns as said
from services.responder.folding import fold
from services.responder.letter import is_greeting, sentences

FIELDS: Final = (
    "need", "product", "quantity", "deadline", "budget", "place", "role", "company", "siren",
)  # fmt: skip
MOST_CHARS: Final = 6000
"""Read of a message: what a person asks for stands in its first page."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value quoted from the message, and where."""

    field: str
    quote: str
    start: int


def read_card(text: str) -> dict[str, list[str]]:
    """The card of a message's own words: for each field what it quotes, the surest first; [] is missing."""
    facts = list(_facts(text[:MOST_CHARS]))
    return {field: list(dict.fromkeys(f.quote for f in facts if f.field == field)) for field in FIELDS}


def _facts(text: str) -> Iterator[Fact]:
    money = [found.span() for found in said.MONEY.finditer(text)]
    deadlines = _deadlines(text)
    sirens = list(_sirens(text))
    companies = _companies(text)
    roles = [Fact("role", f["role"].strip(), f.start("role")) for f in said.ROLES.finditer(text)][:1]
    taken = [*money, *(_span(f) for f in (*deadlines, *sirens, *companies, *roles))]
    references = [f for f in _references(text) if not _overlaps(_span(f), taken)]
    taken_by_reference = [*taken, *map(_span, references)]
    counted = _counted(text, taken_by_reference)
    yield from _needs(text)
    yield from counted
    yield from references
    if not any(fact.field == "product" for fact in counted):
        yield from _uncounted(text, taken_by_reference)
    yield from deadlines
    yield from _budgets(text)
    yield from _places(text, taken)
    yield from roles
    yield from companies
    yield from sirens


def _needs(text: str) -> Iterator[Fact]:
    """The first sentence that asks for something."""
    start = 0
    for line in text.splitlines():
        if not is_greeting(line):
            for sentence in sentences(line):
                if said.WANTED.search(sentence):
                    yield Fact("need", sentence, text.find(sentence, start))
                    return
        start += len(line) + 1


def _deadlines(text: str) -> list[Fact]:
    found = [Fact("deadline", m[1].strip(), m.start(1)) for m in said.LABELLED_DEADLINE.finditer(text)]
    for pattern in said.DEADLINES:
        for match in pattern.finditer(text):
            quote = match[0]
            while (shorter := said.LEADING.sub("", quote, count=1)) != quote:
                quote = shorter
            start = match.end() - len(quote)
            if quote.strip() and not said.PAST.search(text[max(0, start - 20) : start]):
                fact = Fact("deadline", quote.rstrip(" ,."), start)
                if not _overlaps(_span(fact), list(map(_span, found))):
                    found.append(fact)
    return found[:1]


def _budgets(text: str) -> Iterator[Fact]:
    for match in said.MONEY.finditer(text):
        before = text[max(0, match.start() - 60) : match.start()]
        around = before + text[match.end() : match.end() + 12]
        sentence = re.split(r"[.!?\n]", before)[-1]
        spoken = sentence + match[0] + around[len(before) :]
        if said.BUDGET_WORDS.search(spoken) and not said.NOT_A_BUDGET.search(sentence):
            yield Fact("budget", match[0].strip(), match.start())
            return


def _places(text: str, taken: Sequence[tuple[int, int]]) -> list[Fact]:
    for pattern in said.PLACES:
        for match in pattern.finditer(text):
            place = match["place"]
            fact = Fact("place", place, match.start("place"))
            if fold(place).split("-")[0] not in said.NOT_A_PLACE and not _overlaps(_span(fact), taken):
                return [fact]
    return []


def _companies(text: str) -> list[Fact]:
    for pattern in said.COMPANIES:
        for match in pattern.finditer(text):
            company = match["company"].rstrip(" .,’'")
            if fold(company) not in said.NOT_A_PLACE and len(company) > 2:
                return [Fact("company", company, match.start("company"))]
    return []


def _sirens(text: str) -> Iterator[Fact]:
    """Only with the check digit right, and announced as such."""
    for match in said.SIREN.finditer(text):
        if not said.SIREN_WORDS.search(text[max(0, match.start() - 20) : match.start()]):
            continue
        try:
            siren_number.validate(re.sub(r"\D", "", match[0]))
        except ValidationError:
            continue
        yield Fact("siren", match[0], match.start())
        return


def _references(text: str) -> list[Fact]:
    found = [
        Fact("product", m["reference"], m.start("reference")) for m in said.LABELLED_REFERENCE.finditer(text)
    ]
    for match in said.REFERENCE.finditer(text):
        fact = Fact("product", match[0], match.start())
        if not said.NOT_A_REFERENCE.match(match[0]) and not _overlaps(_span(fact), list(map(_span, found))):
            found.append(fact)
    return found[:2]


def _counted(text: str, taken: Sequence[tuple[int, int]]) -> list[Fact]:
    """The first counted thing: its number and its name."""
    facts: list[Fact] = []
    for pattern in (said.QUANTITY_LEAD, said.QUANTITY_TAIL):
        if match := pattern.search(text):
            facts.append(Fact("quantity", match["quantity"].strip(), match.start("quantity")))
            break
    for match in said.COUNTED.finditer(text):
        quantity = Fact("quantity", match["quantity"], match.start("quantity"))
        if _overlaps(_span(quantity), taken) or fold(match["noun"]) in said.MEASURES | said.NOT_PRODUCTS:
            continue
        if said.MONTHS_AND_DAYS.match(match["noun"]) or fold(match["noun"]) in said.ARTICLES:
            continue
        if not _asked_there(text, match.start()):
            continue
        if re.fullmatch(said.UNIT, match["noun"], re.IGNORECASE):
            return facts or [Fact("quantity", text[quantity.start : match.end("noun")], quantity.start)]
        if not facts:
            facts.append(quantity)
        facts.append(Fact("product", _noun_phrase(text, match.start("noun")), match.start("noun")))
        return facts
    return facts


def _asked_there(text: str, start: int) -> bool:
    """Whether what stands at `start` is asked for: after a word that asks, or first, in a sentence that asks.

    "Nous sommes 4 associés et cherchons un camion": four is not how many trucks.
    """
    begin = max(text.rfind(mark, 0, start) for mark in (". ", "? ", "! ", "\n", ": ")) + 1
    end = min((at for mark in ".?!\n" if (at := text.find(mark, start)) >= 0), default=len(text))
    asks = said.WANTED.search(text, begin, end)
    if asks is None:
        return text[begin - 1 : begin] in (":", "\n") and bool(said.WANTED.search(text))
    return asks.start() < start or not text[begin:start].strip(" ,:-*•\n")


def _uncounted(text: str, taken: Sequence[tuple[int, int]]) -> Iterator[Fact]:
    for match in said.PRODUCT_AFTER.finditer(text):
        start = match.start("noun")
        if fold(match["noun"]) in said.NOT_PRODUCTS | said.ARTICLES | said.MEASURES or _overlaps(
            (start, start + 2), taken
        ):
            continue
        yield Fact("product", _noun_phrase(text, start), start)
        return


def _noun_phrase(text: str, start: int) -> str:
    """The noun and what follows it closely: an adjective, or "à air", "de levage"."""
    words = said.NOUN.findall(text[start : start + 60])
    end = start + len(words[0])
    rest = text[end:]
    tail = re.match(r"[ ](?:à|de|d'|anti|en)[ ]?(?:l'|la )?([a-zà-ÿ][\wà-ÿ-]{2,})", rest)
    if (
        tail
        and fold(tail[1]) not in said.NOT_PRODUCTS | said.MEASURES
        and not said.MONTHS_AND_DAYS.match(tail[1])
    ):
        return text[start : end + tail.end()]
    if tail := re.match(r"[ ][A-Z]{2,5}(?![\w-])", rest):
        return text[start : end + tail.end()]
    if tail := re.match(r"[ ]([a-zà-ÿ][\wà-ÿ-]{3,})", rest):
        folded = fold(tail[1])
        if folded.endswith(said.ADJECTIVE_ENDINGS) and folded not in said.ARTICLES:
            return text[start : end + tail.end()]
    return text[start:end]


def _span(fact: Fact) -> tuple[int, int]:
    return fact.start, fact.start + len(fact.quote)


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in others)
