"""The trade's common words by what they are about: "tarif", "combien" and "quote" are all price.

An English embedding model does not know that "chiffrer" asks for "un devis"; a short list of a trade's
synonyms in both languages does, and lets a French message find an English template.
"""

import re
from functools import cache
from pathlib import Path

from services.responder.folding import fold

_FILE = Path(__file__).parent / "data" / "concepts.txt"


def concepts(text: str) -> list[str]:
    """The concept of each word or phrase of the text that has one, as often as it occurs."""
    folded = fold(text)
    return [name for name, pattern in _patterns() for _ in pattern.finditer(folded)]


def names() -> list[str]:
    """Every concept, in a stable order."""
    return [name for name, _ in _patterns()]


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    found = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(":")
            found.append((name, re.compile("|".join(_form(word.strip()) for word in rest.split(",")))))
    return tuple(found)


def _form(word: str) -> str:
    return rf"\b{re.escape(word[:-1])}\w*" if word.endswith("*") else rf"\b{re.escape(word)}s?\b"
