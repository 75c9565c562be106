"""Keeps what the decisions teach, learnt again in the background when there is more of it."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import structlog

from services.responder import store
from services.responder.drafting import asked_text
from services.responder.embedding import Embedder
from services.responder.learning import Example, Known, Learnt, learn
from services.responder.matching import Matrix
from services.responder.retrieval import searched
from services.responder.trade import Topics
from shared.postgres import Pool

log = structlog.get_logger()

MOST_EXAMPLES: Final = 4000
"""The newest; older ones teach no more. It bounds the cost of learning."""
MOST_PASSAGES: Final = 500
"""Beside those decided on: what messages that fit none of these are compared with."""
LOOKS_S: Final = 5.0
REST: Final = 20
"""Of the time that learning took, before it is done again: a twentieth of the processor at most."""
EMBED_BATCH: Final = 16
"""Texts at once, so that a message waits for few of them."""


class Learner:
    """`learnt` is replaced as a whole: who drafts reads it once and is never held up."""

    def __init__(self, pool: Pool, embedder: Embedder, topics: Callable[[], Topics | None]) -> None:
        self.learnt = Learnt()
        self._pool, self._embedder, self._topics = pool, embedder, topics
        self._vectors: dict[str, Matrix] = {}
        self._mark: Any = None
        self._rests_until = 0.0
        self._started = False

    def once(self) -> bool:
        """Learn when decisions or passages changed, at most so often; return False: nothing is left to do."""
        if not self._started:
            self.learnt, self._started = Learnt(self._topics()), True
        if time.monotonic() < self._rests_until:
            return False
        with self._pool.connection() as connection:
            mark = store.learning_mark(connection)
            if mark == self._mark:
                return False
            rows = store.examples(connection, count=MOST_EXAMPLES)
            passages = store.passages_to_learn(connection, {row["passage_id"] for row in rows}, MOST_PASSAGES)
        started = time.monotonic()
        examples = [_example(row) for row in rows]
        known = [
            Known(row["passage_id"], searched(row["title"], row["body"]), row["label"]) for row in passages
        ]
        self._keep([one.text for one in examples] + [one.text for one in known])
        self.learnt = learn(examples, known, self._embed, self.learnt)
        took_s = time.monotonic() - started
        self._mark, self._rests_until = mark, time.monotonic() + REST * took_s
        log.info(
            "decisions_learnt",
            examples=len(examples),
            labels=len(self.learnt.answered),
            calibrated_on=self.learnt.calibration.decisions,
            took_ms=round(1000 * took_s),
        )
        return False

    def _keep(self, texts: Sequence[str]) -> None:
        """Embed those not embedded before, and forget all others."""
        self._vectors = {text: self._vectors[text] for text in texts if text in self._vectors}
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        for start in range(0, len(new), EMBED_BATCH):
            some = new[start : start + EMBED_BATCH]
            self._vectors.update(zip(some, self._embedder.embed(some), strict=True))

    def _embed(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, 0), np.float32)
        return np.stack([self._vectors[text] for text in texts])


def _example(row: dict[str, Any]) -> Example:
    found_first, prior = row["passage_id"] == row["first_id"], row["first_prior"]
    # A passage rejected that was not the first says nothing about the first.
    told = prior is not None and (row["is_right"] or found_first)
    return Example(
        asked_text(row["subject"], row["text"]),
        row["passage_id"],
        row["label"],
        row["is_right"],
        (prior, row["is_right"] and found_first) if told else None,
    )
