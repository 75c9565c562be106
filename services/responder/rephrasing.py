"""A letter's middle in a language model's words: what it is given, and what of its answer may be used. Pure.

Greeting, closing and signature are not given, nor the lead's name or company: placeholders stand for them.
The answer is used whole or not at all; whatever speaks against it leaves the plain letter, there before.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.responder.drafting import Lead, bracketed
from services.responder.folding import fold, words
from services.responder.grounding import left_out, ungrounded
from services.responder.language import message_language
from services.responder.letter import is_closing, is_greeting, paragraphs
from services.responder.people import person
from services.responder.slots import has_marks

INSTRUCTIONS: Final = {
    "fr": "Vous reformulez le corps d'un courriel commercial pour qu'il se lise d'un trait. Vouvoyez. "
    "N'ajoutez et n'ôtez aucun fait : nombres, prix, dates, liens et noms restent tels quels, de même "
    "que ce qui est entre crochets et les mots comme NOM_1 ou SOCIETE_1. Ni formule d'appel, ni "
    "formule de politesse, ni signature, ni mise en forme. Répondez par le texte seul.",
    "en": "You reword the body of a business e-mail so that it reads in one go. Stay polite and formal. Add "
    "and drop no fact: numbers, prices, dates, links and names stay as they are, and so do words in "
    "square brackets and words such as NOM_1 or SOCIETE_1. No greeting, no closing, no signature, no "
    "formatting. Answer with the text alone.",
}
LEAST_LENGTH, MOST_LENGTH = 0.5, 1.5
"""Of the plain text's characters."""
_PLACEHOLDER = re.compile(r"\b(?:NOM|SOCIETE)_\d\b")
_MARKUP = re.compile(r"[<>`*#|]|\]\(")
_NEGATIONS = re.compile(
    r"\b(?:n'|ne|pas|jamais|aucune?|sans|ni|non|no|not|never|none|without|cannot)\b|n't\b|\bn'(?=\w)"
)
_FAMILIAR = re.compile(r"\b(?:tu|toi|te|ton|ta|tes|t')\b")


@dataclass(frozen=True, slots=True)
class Given:
    """What is given to the model: `text` with placeholders, and what each `stands_for`."""

    text: str
    stands_for: Mapping[str, str]
    start: int
    end: int
    """Where it stands in the draft's body."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored draft's body, and its sentences with their sources."""

    body: str
    sentences: list[dict[str, Any]]


def given(body: str, sentences: Sequence[Mapping[str, Any]], lead: Lead) -> Given:
    """The middle of a stored draft, from after the greeting up to the closing."""
    places = [place for place, one in enumerate(sentences) if _of_the_middle(one)]
    first, last = sentences[places[0]]["text"], sentences[places[-1]]["text"]
    start = body.index(first, len(sentences[0]["text"]) if places[0] else 0)
    end = body.rindex(last) + len(last)
    who = person(lead.name, lead.company, lead.attributes)
    named = {who.name: "NOM", who.first_name: "NOM", who.last_name: "NOM", who.company: "SOCIETE"}
    stands_for: dict[str, str] = {}
    text = body[start:end]
    for value, kind in sorted(((v, k) for v, k in named.items() if v), key=lambda one: -len(one[0])):
        placeholder = f"{kind}_{len(stands_for) + 1}"
        text, found = re.subn(rf"(?<!\w){re.escape(value)}(?!\w)", placeholder, text)
        if found:
            stands_for[placeholder] = value
    return Given(text, stands_for, start, end)


def refusal(answer: str, asked: Given, language: str) -> str | None:
    """Why the answer may not be used, as a word for the log; None when it may."""
    plain = asked.text
    checks = (
        ("empty", not answer.strip()),
        ("markup", has_marks(answer) or bool(_MARKUP.search(_without_brackets(answer)))),
        ("gaps", Counter(bracketed(answer)) != Counter(bracketed(plain)) or "[" in _without_brackets(answer)),
        ("placeholders", _placeholders(answer) != _placeholders(plain)),
        ("length", not LEAST_LENGTH <= len(answer) / max(len(plain), 1) <= MOST_LENGTH),
        ("language", message_language(answer, None, {}) != language),
        ("familiar", bool(_FAMILIAR.search(fold(answer))) and not _FAMILIAR.search(fold(plain))),
        ("questions", answer.count("?") != plain.count("?")),
        ("negations", _negations(answer) != _negations(plain)),
        ("frame", any(is_greeting(line) or is_closing(line) for line in answer.splitlines() if line.strip())),
        ("added", bool(ungrounded(answer, [plain]))),
        ("left_out", bool(left_out(plain, answer))),
    )
    return next((why for why, wrong in checks if wrong), None)


def reworded(answer: str, asked: Given, body: str, sentences: Sequence[Mapping[str, Any]]) -> Letter:
    """The draft in the answer's words; each sentence names the source of the plain one that it shares
    most words with."""
    text = _PLACEHOLDER.sub(lambda found: asked.stands_for[found[0]], answer.strip())
    middle = [one for one in sentences if _of_the_middle(one)]
    new = [
        {"text": sentence, "source": max(middle, key=lambda one: _shared(one["text"], sentence))["source"]}
        for block in paragraphs(text)
        for line in block
        for sentence in line
    ]
    before = next(place for place, one in enumerate(sentences) if _of_the_middle(one))
    after = before + len(middle)
    return Letter(
        body[: asked.start] + text + body[asked.end :],
        [*map(dict, sentences[:before]), *new, *map(dict, sentences[after:])],
    )


def _of_the_middle(sentence: Mapping[str, Any]) -> bool:
    return sentence["source"]["passage_id"] is not None or sentence["source"]["kind"] == "style"


def _shared(one: str, other: str) -> float:
    mine, theirs = words(one), words(other)
    return len(mine & theirs) / max(len(mine | theirs), 1)


def _placeholders(text: str) -> Counter[str]:
    return Counter(_PLACEHOLDER.findall(text))


def _negations(text: str) -> int:
    """How many sentences say that something is not."""
    said = (sentence for block in paragraphs(text) for line in block for sentence in line)
    return sum(bool(_NEGATIONS.search(fold(sentence))) for sentence in said)


def _without_brackets(text: str) -> str:
    for gap in bracketed(text):
        text = text.replace(gap, "")
    return text
