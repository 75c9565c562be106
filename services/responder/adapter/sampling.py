"""Which pairs a training step sees: a function of the seed and the step, so that a run can be resumed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.responder.adapter.pairs import Pair

BATCH = 16
STEPS_SORTED = 8
"""Texts of so many steps are sorted by length, so that a batch holds little padding."""
BUSINESS_SHARE = 0.5
"""Of what is drawn from the business pairs: they are few, and what the model is for."""
FOLLOWED = 0.5
"""Share of business sentences that the next ones of their topic follow, as in a message."""
OPENED, CLOSED = 0.3, 0.2
"""Share of business messages that begin with a pair of the topic "opening", or end with one of "closing"."""
MISSPELT = 0.2
MAX_WORDS = 32


@dataclass(frozen=True, slots=True)
class Corpus:
    """`general`: pairs file by file, each drawn from in proportion to the root of its size.

    `replies`: what answers messages of its topics, separated by spaces.
    """

    general: Sequence[Sequence[Pair]]
    business: Sequence[Pair]
    replies: Sequence[Pair] = ()


def batch(corpus: Corpus, seed: int, step: int) -> list[Pair]:
    """The BATCH pairs of a step."""
    group, place = divmod(step, STEPS_SORTED)
    rng = np.random.default_rng([seed, group])
    drawn = [_draw(corpus, rng) for _ in range(BATCH * STEPS_SORTED)]
    drawn.sort(key=lambda pair: len(pair.translation))
    start = int(rng.permutation(STEPS_SORTED)[place]) * BATCH
    return drawn[start : start + BATCH]


def _draw(corpus: Corpus, rng: np.random.Generator) -> Pair:
    if corpus.business and (not corpus.general or rng.random() < BUSINESS_SHARE):
        pair = _message(corpus.business, rng)
    else:
        sizes = np.sqrt([len(file) for file in corpus.general])
        file = corpus.general[int(rng.choice(len(sizes), p=sizes / sizes.sum()))]
        pair = file[int(rng.integers(len(file)))]
    if rng.random() < MISSPELT:
        return replace(pair, translation=misspelt(pair.translation, rng))
    return pair


def _message(pairs: Sequence[Pair], rng: np.random.Generator) -> Pair:
    """A pair, maybe opened, followed and closed as a message is, up to MAX_WORDS."""
    start = int(rng.integers(len(pairs)))
    parts = [pairs[start]]
    topic = parts[0].topic
    if topic and rng.random() < FOLLOWED:
        following = pairs[start + 1 : start + 2 + int(rng.integers(2))]
        parts += [pair for pair in following if pair.topic == topic]
    if topic and rng.random() < OPENED:
        parts[:0] = _any_of("opening", pairs, rng)
    if topic and rng.random() < CLOSED:
        parts += _any_of("closing", pairs, rng)
    while len(parts) > 1 and sum(len(part.translation.split()) for part in parts) > MAX_WORDS:
        parts.pop()
    return Pair(" ".join(part.english for part in parts), " ".join(part.translation for part in parts), topic)


def _any_of(topic: str, pairs: Sequence[Pair], rng: np.random.Generator) -> list[Pair]:
    of_topic = [pair for pair in pairs if pair.topic == topic]
    return [of_topic[int(rng.integers(len(of_topic)))]] if of_topic else []


def misspelt(text: str, rng: np.random.Generator) -> str:
    """The text with one longer word written as in haste: a letter lost, doubled or swapped with the next."""
    words = text.split(" ")
    longer = [place for place, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not longer:
        return text
    place = longer[int(rng.integers(len(longer)))]
    word = words[place]
    at = int(rng.integers(1, len(word) - 1))
    words[place] = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    )[int(rng.integers(3))]
    return " ".join(words)
