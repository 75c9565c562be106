"""What a person changed in a proposal, word by word. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_WORDS = 2000
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `change` is "" where nothing changed, else "removed" or "added"."""

    text: str
    change: str = ""


def difference(before: str, after: str) -> list[Piece]:
    """The pieces of both texts in order; nothing when they are the same or too long to compare."""
    old, new = _WORD.findall(before.strip()), _WORD.findall(after.strip())
    if old == new or max(len(old), len(new)) > MOST_WORDS:
        return []
    return list(_pieces(old, new))


def _pieces(old: list[str], new: list[str]) -> Iterator[Piece]:
    compared = SequenceMatcher(None, [w.strip() for w in old], [w.strip() for w in new], autojunk=False)
    for kind, i, j, m, n in compared.get_opcodes():
        if kind == "equal":
            yield Piece("".join(new[m:n]))
            continue
        if i < j:
            yield Piece("".join(old[i:j]), "removed")
        if m < n:
            yield Piece("".join(new[m:n]), "added")
