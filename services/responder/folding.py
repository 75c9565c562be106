"""Text without case and accents, so that "désabonner" and "DESABONNER" are one word.

Done here and not in Postgres: the embedded one has no ``unaccent``, and both sides must fold alike.
"""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "’": "'", "\u00a0": " ", "\u202f": " "})
_WORD = re.compile(r"[a-z0-9]+")


def fold(text: str) -> str:
    """Lower case, no accents, ligatures spelt out, straight apostrophes, plain spaces."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LIGATURES))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> set[str]:
    """The folded words of a text, letters and digits."""
    return set(_WORD.findall(fold(text)))
