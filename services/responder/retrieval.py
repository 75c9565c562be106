"""The house's knowledge: kept with its vectors, searched by meaning and by words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector

from services.responder import store
from services.responder.drafting import Passage
from services.responder.embedding import Embedder
from services.responder.folding import fold
from services.responder.letter import core
from services.responder.matching import WEIGHTS, confidence, rerank
from services.responder.slots import without_slots
from shared.postgres import Connection

TEXT_SEARCH: Final = {"fr": "pg_catalog.french", "en": "pg_catalog.english"}
CANDIDATES = 5
COMPARED = 40
"""Passages that Postgres finds for a text, by cosine and shared words; the ranking is made among them."""
WORD_WEIGHT = 0.3
"""Of shared words beside the cosine, for being compared at all."""
EMBED_BATCH = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A text to find passages for, and the language of the answer."""

    text: str
    language: str


def embed_waiting(connection: Connection, embedder: Embedder) -> int:
    """Embed up to EMBED_BATCH passages that have no vector of this model; return how many."""
    rows = store.passages_to_embed(connection, model=embedder.name, count=EMBED_BATCH)
    if rows:
        vectors = embedder.embed([searched(row["title"], row["body"]) for row in rows])
        passage_ids = [row["passage_id"] for row in rows]
        store.set_embeddings(
            connection, model=embedder.name, vectors=dict(zip(passage_ids, _texts(vectors), strict=True))
        )
    return len(rows)


def find_passages(
    connection: Connection, embedder: Embedder, asked: Sequence[Asked], *, count: int = CANDIDATES
) -> list[list[Passage]]:
    """For each asked text its best `count` passages, those of its language first, best first.

    Exact search: an index pays above some 2,000 passages, and needs a fixed dimension.
    """
    if not asked:
        return []
    rows = store.nearest_passages(
        connection,
        {
            "model": embedder.name,
            "count": max(count, COMPARED),
            "word_weight": WORD_WEIGHT,
            "positions": list(range(len(asked))),
            "languages": [one.language for one in asked],
            "configs": [TEXT_SEARCH[one.language] for one in asked],
            "folded": [fold(one.text) for one in asked],
            "vectors": _texts(embedder.embed([one.text for one in asked])),
        },
    )
    found: list[list[Passage]] = [[] for _ in asked]
    for row in rows:
        found[row.pop("position")].append(Passage(**row))
    return [_ranked(one, passages)[:count] for one, passages in zip(asked, found, strict=True)]


def _ranked(asked: Asked, passages: Sequence[Passage]) -> list[Passage]:
    """Those of the asked language first, each with its confidence, the likeliest answer first."""
    if not passages:
        return []
    scores, shared = rerank(
        asked.text,
        [searched(passage.title, passage.body) for passage in passages],
        [passage.similarity for passage in passages],
        WEIGHTS[asked.language],
    )
    order = sorted(
        range(len(passages)),
        key=lambda n: (passages[n].language == asked.language, scores[n]),
        reverse=True,
    )
    return [
        replace(passages[n], confidence=confidence(asked.language, passages[n].similarity, float(shared[n])))
        for n in order
    ]


def add_passage(
    connection: Connection,
    *,
    kind: str,
    language: str,
    title: str,
    body: str,
    created_by: str,
    intent: str | None = None,
    draft_id: UUID | None = None,
) -> dict[str, Any]:
    """Keep a passage and return its row; the one that is there already when it says the same."""
    values = {
        "passage_id": uuid4(),
        "kind": kind,
        "language": language,
        "title": title,
        "body": body,
        "intent": intent,
        "draft_id": draft_id,
        "created_by": created_by,
        "config": TEXT_SEARCH[language],
        "folded": fold(searched(title, body)),
    }
    return store.add_passage(connection, values)


def searched(title: str, body: str) -> str:
    """What of a passage is compared with a message."""
    return f"{title}\n{without_slots(core(body))}"


def _texts(vectors: NDArray[np.float32]) -> list[str]:
    return [Vector(vector).to_text() for vector in vectors]
