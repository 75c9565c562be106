"""A tuning that was asked for is made, measured on the last decisions, and used if it is better."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog

from services.responder import store as responder
from services.responder.drafting import asked_text
from services.responder.embedding import Embedder
from services.responder.matching import likeness
from services.responder.pieces import Pieces
from services.responder.retrieval import searched
from services.responder.tuning import store
from services.responder.tuning.learn import FEWEST, HELD_OUT, Matrix, Places, compare, fit, mapped
from shared.postgres import Connection

log = structlog.get_logger()

MOST_EXAMPLES: Final = 4000
"""The newest: a message takes some 20 ms to embed."""
MOST_PASSAGES: Final = 5000
BY_TRAINING: Final = "training"


@dataclass(frozen=True, slots=True)
class Known:
    """Examples in the order of decision, and the passages that might have answered."""

    texts: list[str]
    languages: list[str]
    right: Places
    passages: list[str]
    passage_languages: list[str]
    vectors: Matrix


def tune(connection: Connection, embedder: Embedder) -> bool:
    """Make the tuning that waits, in the caller's transaction; False when none does.

    It is used from then on when it finds the right reply of the last decisions plainly more often.
    """
    tuning_id = store.take(connection)
    if tuning_id is None:
        return False
    known = _known(connection, embedder.name)
    examples = {"examples": len(known.texts), "replies": len(set(known.right.tolist())), "needed": FEWEST}
    if len(known.texts) < FEWEST or examples["replies"] < 2:
        store.finish(connection, tuning_id, "too_few", examples)
        log.info("tuning_has_too_few_examples", tuning_id=str(tuning_id), examples=len(known.texts))
        return True
    messages = embedder.embed(known.texts)
    first = len(known.texts) - round(HELD_OUT * len(known.texts))
    judged = fit(messages[:first], known.right[:first], known.vectors)
    held = slice(first, None)
    comparison = compare(
        _places(known, messages[held], held), _places(known, mapped(messages[held], judged), held)
    )
    delta = fit(messages, known.right, known.vectors)
    content = delta.astype(np.float32).tobytes()
    store.finish(
        connection,
        tuning_id,
        "done",
        examples | comparison.card(),
        model=embedder.name,
        sha256=hashlib.sha256(content).hexdigest(),
        delta=content,
    )
    if comparison.better:
        store.use(connection, tuning_id, by=BY_TRAINING, comment="")
    log.info("tuning_made", tuning_id=str(tuning_id), examples=len(known.texts), used=comparison.better)
    return True


def _known(connection: Connection, model: str) -> Known:
    rows = store.passages(connection, model=model, count=MOST_PASSAGES)
    place = {row["passage_id"]: number for number, row in enumerate(rows)}
    vectors = [np.fromstring(row["vector"][1:-1], np.float32, sep=",") for row in rows]
    examples = [
        (asked_text(row["subject"], row["text"]), row["language"], place[row["passage_id"]])
        for row in reversed(responder.examples(connection, count=MOST_EXAMPLES))
        if row["is_right"] and row["passage_id"] in place
    ]
    return Known(
        [text for text, _, _ in examples],
        [language for _, language, _ in examples],
        np.array([right for _, _, right in examples], dtype=np.intp),
        [searched(row["title"], row["body"]) for row in rows],
        [row["language"] for row in rows],
        np.stack(vectors) if vectors else np.zeros((0, 0), np.float32),
    )


def _places(known: Known, messages: Matrix, held: slice) -> list[int]:
    """The place of the right reply to each held-out message, by likeness as live, head and topics aside."""
    texts, right = known.texts[held], known.right[held]
    pieces = Pieces()
    replies = pieces.fit(known.passages)
    shared = np.asarray((pieces.transform(texts) @ replies.T).toarray(), np.float32)
    scores = likeness(messages @ known.vectors.T, shared, None)
    languages = np.array(known.passage_languages)
    return [
        _place(scores[n], languages == language, right[n]) for n, language in enumerate(known.languages[held])
    ]


def _place(scores: Matrix, of_language: Sequence[bool], right: int) -> int:
    """Those of the message's language first; among equals the right one comes last."""
    ranked = scores + 1e6 * np.asarray(of_language, np.float32)
    return int((ranked >= ranked[right]).sum())
