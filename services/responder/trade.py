"""What a trade's messages are about: how like a text is to each topic of the sentences written for adapters.

A house has ten examples of an intent; the trade has hundreds of sentences about fifty topics. How much a text
is about each of them is a far better start for the house's own intents than its words alone, even where the
intents are others.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from zipfile import BadZipFile

import numpy as np
import structlog
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from services.responder.adapter.pairs import REPLIES, SENTENCES, read_pairs
from services.responder.adapter.serve import PACKAGED
from services.responder.pieces import Pieces

if TYPE_CHECKING:
    from services.responder.embedding import Embedder

log = structlog.get_logger()

Matrix = NDArray[np.float32]

NOT_ABOUT: Final = frozenset({"misc", "opening", "closing", "thanks", "absence"})
"""Topics of sentences that stand in messages about anything."""
RIDGE: Final = 1.0
"""Chosen on the development messages."""
_BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Topics:
    """Ridge regression of each topic on the embedding and the pieces of a text."""

    pieces: Pieces
    by_meaning: Matrix
    by_pieces: Matrix
    offset: Matrix

    @classmethod
    def learnt(cls, pieces: Pieces, matrix: csr_matrix, vectors: Matrix, topics: Sequence[str]) -> Self:
        """From the pieces, the embedding and the topic of each text."""
        kernel = vectors @ vectors.T + (matrix @ matrix.T).toarray()
        asked = (np.asarray(topics)[:, None] == np.unique(topics)).astype(np.float32)
        offset = asked.mean(axis=0)
        kernel[np.diag_indices_from(kernel)] += RIDGE
        weights = np.linalg.solve(kernel, asked - offset).astype(np.float32)
        return cls(pieces, vectors.T @ weights, matrix.T @ weights, offset)

    def of(self, texts: Sequence[str], vectors: Matrix) -> Matrix:
        """Unit rows, (len(texts), topics)."""
        found = vectors @ self.by_meaning + self.pieces.transform(texts) @ self.by_pieces + self.offset
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9), np.float32)


def trade_topics(embedder: "Embedder", cache: Path) -> Topics:
    """The topics of every language that pairs were written for, and of English.

    Embedding the sentences takes half a minute: what was learnt is kept in `cache`, by model and content.
    """
    rows = list(_rows())
    texts = [text for text, _ in rows]
    pieces = Pieces()
    matrix = pieces.fit(texts)
    told = hashlib.sha256(repr((embedder.name, RIDGE, rows)).encode()).hexdigest()
    kept = cache / f"topics-{told[:16]}.npz"
    try:
        with kept.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return Topics(pieces, file["by_meaning"], file["by_pieces"], file["offset"])
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        log.info("trade_topics_learning", sentences=len(texts))
    # A few at a time: a message that comes meanwhile waits for these few only.
    parts = [embedder.embed(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
    topics = Topics.learnt(pieces, matrix, np.concatenate(parts), [topic for _, topic in rows])
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, by_meaning=topics.by_meaning, by_pieces=topics.by_pieces, offset=topics.offset)
    os.replace(unfinished, kept)
    return topics


def _rows() -> Iterator[tuple[str, str]]:
    """(text, topic), in English and in the other language."""
    for path in sorted(PACKAGED.glob(f"*/{SENTENCES}")):
        for pair in (*read_pairs(path), *read_pairs(path.with_name(REPLIES))):
            for topic in pair.topic.split():
                if topic not in NOT_ABOUT:
                    yield pair.english, topic
                    yield pair.translation, topic
