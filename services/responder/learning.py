"""What people's decisions teach the ranking, and how it ranks the passages found for a message. Pure.

Passages that answered enough messages have labels of a head, that of `replies evaluate`; all others are its
label OTHER, whose examples are the texts of the house's remaining passages. A passage's score is how like
the message it is, plus what the head says of its label. With nothing learnt, likeness alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import numpy as np

from services.responder.confidence import Calibration, Support, calibrated, prior
from services.responder.drafting import Passage
from services.responder.head import Head, can_learn, fit
from services.responder.matching import LEARNT_FROM, Matrix, likeness
from services.responder.pieces import Pieces
from services.responder.trade import Topics

OTHER: Final = ""
"""The label of all passages that answered too few messages to be learnt."""
SAME_WORDS: Final = 0.95
"""Cosine from which two messages say the same."""
HEAD: Final = 0.5
"""Of the log of the head's chance beside the likeness."""
CALIBRATED_ON: Final = 200
"""The newest decisions: what was found before most was learnt says little of what is found now."""
LEAST_CHANCE: Final = 1e-3
USUAL_MARGIN: Final = 0.5
"""Of a passage that has no rival."""


@dataclass(frozen=True, slots=True)
class Example:
    """A decision: that a passage is the right answer to a message, or the wrong one.

    `expected`: where the first passage found is the one decided on or another was chosen instead, the prior
    probability that it was right, and whether it was.
    """

    text: str
    passage_id: UUID
    label: str
    is_right: bool
    expected: tuple[float, bool] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A passage of the house: the text that is compared, and its label."""

    passage_id: UUID
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The messages that a passage was the right answer to, and the wrong one: their embeddings."""

    right: Matrix
    wrong: Matrix

    def refuse(self, vector: Matrix) -> bool:
        """Whether it was the wrong answer to the same words, and not the right one to words still closer."""
        wrong = _nearest(self.wrong, vector)
        return wrong >= SAME_WORDS and wrong > _nearest(self.right, vector)


@dataclass(frozen=True, slots=True)
class Learnt:
    """`labels`: of the passages that the head knows; `answered`: what each of these labels answered."""

    topics: Topics | None = None
    head: Head | None = None
    labels: Mapping[UUID, str] = field(default_factory=dict)
    answered: Mapping[str, Matrix] = field(default_factory=dict)
    verdicts: Mapping[UUID, Verdicts] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    about: dict[UUID, Matrix] = field(default_factory=dict)
    """The topics of passages, kept as they are needed: a passage never changes."""

    def ranked(
        self,
        text: str,
        vector: Matrix,
        language: str,
        passages: Sequence[Passage],
        compared: Sequence[str],
    ) -> list[Passage]:
        """The passages found for a message, the likeliest answer first, each with its confidence.

        `compared`: the text of each. Those of the message's language come first; what was refused for the
        same words comes last of them.
        """
        if not passages:
            return []
        cosine = np.array([passage.similarity for passage in passages], dtype=np.float32)
        pieces = Pieces()
        known = pieces.fit(compared)
        shared = np.asarray((pieces.transform([text]) @ known.T).toarray(), np.float32)[0]
        topical = None
        if self.topics is not None:
            about = np.stack([self.about[passage.passage_id] for passage in passages])
            topical = about @ self.topics.of([text], vector[None])[0]
        chance = self._chances(text, vector, passages)
        score = likeness(cosine, shared, topical) + HEAD * np.log(np.maximum(chance, LEAST_CHANCE))
        refused = [
            passage.passage_id in self.verdicts and self.verdicts[passage.passage_id].refuse(vector)
            for passage in passages
        ]

        def place(n: int) -> tuple[bool, bool, float]:
            return passages[n].language == language, not refused[n], float(score[n])

        labels = [self.labels.get(passage.passage_id) for passage in passages]
        order = sorted(range(len(passages)), key=place, reverse=True)
        found = []
        for n in order:
            label = labels[n]
            rivals = [
                score[m]
                for m in order
                # Of one label either is right where the other is.
                if m != n and place(m)[:2] == place(n)[:2] and (label is None or labels[m] != label)
            ]
            support = Support(
                cosine=float(cosine[n]),
                shared=float(shared[n]),
                topical=None if topical is None else float(topical[n]),
                margin=float(score[n] - max(rivals)) if rivals else USUAL_MARGIN,
                chance=float(chance[n]),
                nearest=None if label is None else _nearest(self.answered[label], vector),
            )
            likely = 0.0 if refused[n] else prior(support)
            found.append(
                replace(
                    passages[n],
                    prior=likely,
                    confidence=self.calibration.of(likely),
                    decisions=self.calibration.decisions,
                )
            )
        return found

    def _chances(self, text: str, vector: Matrix, passages: Sequence[Passage]) -> Matrix:
        """Of each passage's label; 1 without a head."""
        if self.head is None:
            return np.ones(len(passages), dtype=np.float32)
        chances = dict(zip(self.head.labels, self.head.probabilities([text], vector[None])[0], strict=True))
        unknown = chances.get(OTHER, 1 / (len(chances) + 1))
        labels = [self.labels.get(passage.passage_id) for passage in passages]
        return np.array([unknown if one is None else chances[one] for one in labels], dtype=np.float32)


def learn(
    examples: Sequence[Example],
    passages: Sequence[Known],
    embed: Callable[[Sequence[str]], Matrix],
    before: Learnt,
) -> Learnt:
    """What these decisions, the newest first, teach about these passages, those decided on among them."""
    counts = Counter(example.label for example in examples if example.is_right)
    learnt = {label for label, count in counts.items() if count >= LEARNT_FROM}
    right = [example for example in examples if example.is_right]
    head = _head(right, passages, learnt, embed, before.topics)
    if head is None:  # all messages were answered alike: that says nothing of the next one
        learnt = set()
    answered = {label: embed([e.text for e in right if e.label == label]) for label in learnt}
    decided = {example.passage_id for example in examples}
    expected = [example.expected for example in examples if example.expected][:CALIBRATED_ON]
    return Learnt(
        before.topics,
        head,
        {passage.passage_id: passage.label for passage in passages if passage.label in learnt},
        answered,
        {passage_id: _verdicts(passage_id, examples, embed) for passage_id in decided},
        calibrated([likely for likely, _ in expected], [was_right for _, was_right in expected]),
        before.about,
    )


def _head(
    right: Sequence[Example],
    passages: Sequence[Known],
    learnt: Collection[str],
    embed: Callable[[Sequence[str]], Matrix],
    topics: Topics | None,
) -> Head | None:
    rows = [(one.text, one.label) for one in right] + [(one.text, one.label) for one in passages]
    rows = [(text, label if label in learnt else OTHER) for text, label in rows]
    labels = [label for _, label in rows]
    if not learnt or not can_learn(labels):
        return None
    texts = [text for text, _ in rows]
    # The other passages' texts count as much as the messages of one label at least, however few they are.
    counts = Counter(labels)
    others = max(1.0, (len(rows) - counts[OTHER]) / len(learnt) / max(1, counts[OTHER]))
    counting = np.array([others if label == OTHER else 1.0 for label in labels], dtype=np.float32)
    return fit(texts, embed(texts), labels, topics=topics, counting=counting)


def _verdicts(
    passage_id: UUID, examples: Sequence[Example], embed: Callable[[Sequence[str]], Matrix]
) -> Verdicts:
    texts: dict[bool, list[str]] = defaultdict(list)
    for example in examples:
        if example.passage_id == passage_id:
            texts[example.is_right].append(example.text)
    return Verdicts(embed(texts[True]), embed(texts[False]))


def _nearest(known: Matrix, vector: Matrix) -> float:
    return float((known @ vector).max(initial=-1.0)) if len(known) else -1.0
