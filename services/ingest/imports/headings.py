"""The words that columns are headed with, French and English, and which of them a heading resembles. Pure."""

import json
import re
import unicodedata
from functools import cache
from pathlib import Path

from rapidfuzz import fuzz, process

_DATA = Path(__file__).parent / "data"
_LEAST_LIKENESS = 88  # of 100; below, "Do Not Email" begins to look like an e-mail
EXACT = 1.0


def folded(heading: str) -> str:
    """Without accents, case or punctuation: `Tél. portable` is `tel portable`."""
    plain = unicodedata.normalize("NFKD", heading.casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(re.sub(r"[^\w]|_", " ", plain).split())


def likely_roles(heading: str) -> list[tuple[str, float]]:
    """(role, confidence from 0 to 1) of what a heading may mean, the surest first."""
    return _likely(folded(heading), "headings")


def likely_type(activity: str) -> str | None:
    """The event type that a company's name of an activity surely means."""
    found = _likely(folded(activity), "activities")
    return found[0][0] if found and found[0][1] == EXACT else None


def _likely(words: str, table: str) -> list[tuple[str, float]]:
    meanings = _table(table)
    if words in meanings:
        return [(meaning, EXACT) for meaning in meanings[words]]
    close = process.extract(
        words, list(meanings), scorer=fuzz.token_sort_ratio, score_cutoff=_LEAST_LIKENESS, limit=2
    )
    return [
        (meaning, round(score / 100 * 0.9, 2)) for known, score, _ in close for meaning in meanings[known]
    ]


@cache
def _table(name: str) -> dict[str, list[str]]:
    """Folded words to what they mean."""
    meanings: dict[str, list[str]] = {}
    for meaning, words in json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8")).items():
        for word in words:
            meanings.setdefault(word, []).append(meaning)
    return meanings
