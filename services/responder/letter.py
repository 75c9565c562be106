"""The form of a letter: greeting, body, closing, sentences. Knows no lead and no passage."""

import re

_GREETING = re.compile(
    r"^(bonjour|bonsoir|madame|monsieur|messieurs|chère?s?|hello|hi|dear|good (morning|afternoon|evening))\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(bien )?(cordialement|à vous|sincèrement|respectueusement|(meilleures |sincères )?salutations"
    r"|à (très )?bientôt|veuillez agréer.*|(kind|best|warm) (regards|wishes)|regards|best"
    r"|yours( (sincerely|faithfully|truly))?|sincerely|cheers)( à vous| yours)?\s*[,.!]?$",
    re.IGNORECASE,
)
_GREETING_CHARS = 80
_SIGNATURE_LINES = 8

# A sentence ends at . ! ? or … before a space and what can begin another one, unless after an abbreviation.
_ABBREVIATIONS = (
    "M.",
    "MM.",
    "Mr.",
    "Mrs.",
    "Ms.",
    "Dr.",
    "Pr.",
    "p. ex.",
    "e.g.",
    "i.e.",
    "cf.",
    "No.",
    "n°.",
    "réf.",
    "Réf.",
    "ref.",
    "max.",
    "env.",
    "Sté.",
)
_END = re.compile(r"(?<=[.!?…])[ \t]+(?=[\"«“(\[{]|[^\W\d_]|\d)")
_LIST_NUMBER = re.compile(r"^\s*\d{1,2}\.$")


def is_greeting(line: str) -> bool:
    line = line.strip()
    return len(line) <= _GREETING_CHARS and not line.endswith((".", "?")) and bool(_GREETING.match(line))


def is_closing(line: str) -> bool:
    return bool(_CLOSING.match(line.strip()))


def core(text: str) -> str:
    """The letter without its greeting line, and without its closing and the signature under it."""
    lines = text.strip().splitlines()
    if lines and is_greeting(lines[0]):
        lines = lines[1:]
    for number, line in enumerate(lines):
        if (
            is_closing(line)
            and len([rest for rest in lines[number + 1 :] if rest.strip()]) <= _SIGNATURE_LINES
        ):
            lines = lines[:number]
            break
    return "\n".join(line.rstrip() for line in lines).strip()


def paragraphs(text: str) -> list[list[list[str]]]:
    """Paragraphs (separated by empty lines) → lines → sentences; `layout` is the way back."""
    blocks = [block for block in re.split(r"\n[ \t]*\n", text.strip()) if block.strip()]
    return [[sentences(line) for line in block.splitlines() if line.strip()] for block in blocks]


def layout(letter: list[list[list[str]]]) -> str:
    return "\n\n".join("\n".join(" ".join(line) for line in block) for block in letter)


def sentences(line: str) -> list[str]:
    """The sentences of one line, in order, without the spaces between them."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(line):
        sentence = line[start : end.start()]
        if sentence.endswith(_ABBREVIATIONS) or _LIST_NUMBER.match(sentence):
            continue
        if line[end.end()].islower():
            continue
        found.append(sentence.strip())
        start = end.end()
    return [*found, line[start:].strip()]
