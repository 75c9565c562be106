"""Which English words a foreign word stands for, learnt from pairs of sentences (IBM Model 1)."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.responder.adapter.pairs import Pair

ROUNDS = 5
MAX_LINKS = 24_000_000
"""Word-to-word links held at once, 28 bytes each: what bounds the memory. Later pairs are left out."""
MAX_LINKS_A_PAIR = 900
LEAST_PROBABILITY = 0.05
MAX_TRANSLATIONS = 6
_WORD = re.compile(r"[^\W_]+")

Translations: TypeAlias = dict[str, list[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`translations`: foreign word → English words with their probability, the likeliest first.

    `foreign` and `english` count the words of each side, a pair as often as it weighs.
    """

    translations: Translations
    foreign: Counter[str]
    english: Counter[str]


def words(text: str) -> list[str]:
    """The words as the uncased tokenizer sees them: lower case, without accents; "n't" is "not"."""
    decomposed = unicodedata.normalize("NFD", text.lower().replace("n't", " not"))
    return _WORD.findall("".join(c for c in decomposed if unicodedata.category(c) != "Mn"))


def learn_lexicon(pairs: Sequence[Pair], weights: Sequence[int]) -> Lexicon:
    """Expectation maximisation of Model 1 in both directions, joined by their geometric mean.

    Brown et al. 1993, "The Mathematics of Statistical Machine Translation", section 4.1. One direction alone
    lets a rare word collect every frequent one beside it; a link must be likely both ways. A pair counts
    `weights` times.
    """
    foreign, english = Counter[str](), Counter[str]()
    for pair, weight in zip(pairs, weights, strict=True):
        for counter, text in ((foreign, pair.translation), (english, pair.english)):
            for word in words(text):
                counter[word] += weight
    links = _Links(pairs, weights)
    there = links.probabilities(given_foreign=True)
    back = links.probabilities(given_foreign=False)
    return Lexicon(links.translations(there * np.sqrt(back)), foreign, english)


class _Links:
    """Every foreign word of a pair linked with every English word of it, as flat arrays."""

    def __init__(self, pairs: Sequence[Pair], weights: Sequence[int]) -> None:
        self._foreign: dict[str, int] = {}
        self._english: dict[str, int] = {}
        sides, total = [], 0
        for pair, weight in zip(pairs, weights, strict=True):
            ours = _numbers(pair.translation, self._foreign)
            theirs = _numbers(pair.english, self._english)
            count = len(ours) * len(theirs)
            if not 0 < count <= MAX_LINKS_A_PAIR:
                continue
            if total + count > MAX_LINKS:
                break
            total += count
            sides.append((ours, theirs, weight))
        keys = np.empty(total, np.int64)
        self._of_english = np.empty(total, np.int32)
        self._of_foreign = np.empty(total, np.int32)
        self._weight = np.empty(total, np.float32)
        start = english_start = foreign_start = 0
        for ours, theirs, weight in sides:
            end = start + len(ours) * len(theirs)
            keys[start:end] = np.add.outer(theirs, ours * len(self._english)).ravel()
            # Numbers of the occurrences: an English one is explained by the pair's foreign words, and back.
            self._of_english[start:end] = english_start + np.repeat(np.arange(len(theirs)), len(ours))
            self._of_foreign[start:end] = foreign_start + np.tile(np.arange(len(ours)), len(theirs))
            self._weight[start:end] = weight
            start, english_start, foreign_start = end, english_start + len(theirs), foreign_start + len(ours)
        unique, link = np.unique(keys, return_inverse=True)
        self._link = link.astype(np.int32)
        self._link_foreign, self._link_english = np.divmod(unique, len(self._english))

    def probabilities(self, *, given_foreign: bool) -> NDArray[np.float64]:
        """Of each distinct link, after ROUNDS: summing to one over the links of the word that is given."""
        explained = self._of_english if given_foreign else self._of_foreign
        given = self._link_foreign if given_foreign else self._link_english
        probability = np.ones(len(given))
        for _ in range(ROUNDS):
            share = probability[self._link]
            share *= self._weight / np.bincount(explained, share)[explained]
            counts = np.bincount(self._link, share, minlength=len(given))
            probability = counts / np.bincount(given, counts)[given]
        return probability

    def translations(self, strength: NDArray[np.float64]) -> Translations:
        strength = strength / np.bincount(self._link_foreign, strength)[self._link_foreign]
        foreign, english = list(self._foreign), list(self._english)
        found: Translations = {}
        for link in np.lexsort((self._link_english, -strength, self._link_foreign)):
            if strength[link] >= LEAST_PROBABILITY:
                of_word = found.setdefault(foreign[self._link_foreign[link]], [])
                if len(of_word) < MAX_TRANSLATIONS:
                    of_word.append((english[self._link_english[link]], float(strength[link])))
        return found


def _numbers(text: str, known: dict[str, int]) -> NDArray[np.int64]:
    distinct = dict.fromkeys(words(text))
    return np.array([known.setdefault(word, len(known)) for word in distinct], np.int64)
