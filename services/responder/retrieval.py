"""The house's knowledge: kept with its vectors, searched by meaning and by words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector

from services.responder import search, store
from services.responder.drafting import Passage
from services.responder.embedding import Embedder
from services.responder.folding import fold
from services.responder.learning import Learnt
from services.responder.letter import core
from services.responder.slots import without_slots
from services.responder.tuning import store as tunings
from services.responder.tuning.learn import mapped
from shared.postgres import Connection

TEXT_SEARCH: Final = {"fr": "pg_catalog.french", "en": "pg_catalog.english"}
CANDIDATES = 5
COMPARED = 40
"""Passages that Postgres finds for a text, by cosine and shared words; the ranking is made among them."""
WORD_WEIGHT = 0.3
"""Of shared words beside the cosine, for being compared at all."""
EMBED_BATCH = 64
EMBEDDED_FIRST = 256
"""Passages that a batch of messages waits for, some four seconds, when no more than these have no vector."""
EMBEDDED_A_TEXT = 8
"""While more wait: passages embedded at once because they have rare words of an asked text."""
NOTHING_LEARNT: Final = Learnt()
MOST_KNOWN = 20_000
"""Passages whose topics are kept in memory, 4 MB."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A text to find passages for, and the language of the answer."""

    text: str
    language: str


def embed_waiting(connection: Connection, embedder: Embedder) -> int:
    """Embed up to EMBED_BATCH passages that have no vector of this model; return how many."""
    rows = search.passages_to_embed(connection, model=embedder.name, count=EMBED_BATCH)
    return _embed(connection, embedder, rows)


def embed_first(connection: Connection, embedder: Embedder, asked: Sequence[Asked]) -> bool:
    """Embed what must be found for these texts; return whether more passages wait than a batch can.

    A passage posted just before a message must be found, so when few wait all are embedded. After a change of
    model many do: then those are that share rare words with a text, the others in the background.
    """
    waiting = search.passages_waiting(connection, model=embedder.name, most=EMBEDDED_FIRST + 1)
    if waiting <= EMBEDDED_FIRST:
        while waiting and embed_waiting(connection, embedder):
            pass
        return False
    rows = search.passages_to_embed_for(
        connection,
        _searched_for(asked) | {"model": embedder.name},
        count=EMBEDDED_FIRST,
        most_a_text=EMBEDDED_A_TEXT,
    )
    _embed(connection, embedder, rows)
    return True


def _embed(connection: Connection, embedder: Embedder, rows: Sequence[Mapping[str, Any]]) -> int:
    if rows:
        vectors = embedder.embed([searched(row["title"], row["body"]) for row in rows])
        passage_ids = [row["passage_id"] for row in rows]
        search.set_embeddings(
            connection, model=embedder.name, vectors=dict(zip(passage_ids, _texts(vectors), strict=True))
        )
    return len(rows)


def find_passages(
    connection: Connection,
    embedder: Embedder,
    asked: Sequence[Asked],
    learnt: Learnt = NOTHING_LEARNT,
    *,
    count: int = CANDIDATES,
) -> list[list[Passage]]:
    """For each asked text its best `count` passages, those of its language first, as ranked by `learnt`.

    Of a language that has few passages all are compared; of one with many, those near in meaning or words.
    """
    if not asked:
        return []
    vectors = embedder.embed([one.text for one in asked])
    rows = search.nearest_passages(
        connection,
        _searched_for(asked)
        | {
            "model": embedder.name,
            "count": max(count, COMPARED),
            "word_weight": WORD_WEIGHT,
            "vectors": _texts(mapped(vectors, tunings.map_in_use(connection, model=embedder.name))),
        },
        large=search.large_languages(connection),
        dimension=vectors.shape[1],
    )
    found: list[list[Passage]] = [[] for _ in asked]
    for row in rows:
        found[row.pop("position")].append(Passage(**row))
    _know_topics(connection, {one.passage_id: one for some in found for one in some}, learnt)
    return [
        learnt.ranked(
            one.text,
            vector,
            one.language,
            passages,
            [searched(passage.title, passage.body) for passage in passages],
        )[:count]
        for one, vector, passages in zip(asked, vectors, found, strict=True)
    ]


def _searched_for(asked: Sequence[Asked]) -> dict[str, Any]:
    return {
        "positions": list(range(len(asked))),
        "languages": [one.language for one in asked],
        "configs": [TEXT_SEARCH[one.language] for one in asked],
        "folded": [fold(one.text) for one in asked],
    }


def _know_topics(connection: Connection, passages: Mapping[UUID, Passage], learnt: Learnt) -> None:
    """Keep what each of the passages is about, where a trade's topics are known."""
    if learnt.topics is None:
        return
    if len(learnt.about) > MOST_KNOWN:
        learnt.about.clear()
    new = [passage_id for passage_id in passages if passage_id not in learnt.about]
    rows = store.passage_vectors(connection, new) if new else []
    if rows:
        vectors = np.array([Vector.from_text(row["embedding"]).to_list() for row in rows], dtype=np.float32)
        ids = [row["passage_id"] for row in rows]
        texts = [searched(passages[one].title, passages[one].body) for one in ids]
        learnt.about.update(zip(ids, learnt.topics.of(texts, vectors), strict=True))


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


def search_passages(
    connection: Connection, text: str, *, kind: str | None, language: str | None, count: int
) -> list[dict[str, Any]]:
    """The passages that may be quoted today and have words of `text`, those with most of them first."""
    values = {"folded": fold(text), "kind": kind, "language": language, "count": count}
    return store.search_passages(connection, values)


def searched(title: str, body: str) -> str:
    """What of a passage is compared with a message."""
    return f"{title}\n{without_slots(core(body))}"


def _texts(vectors: NDArray[np.float32]) -> list[str]:
    return [Vector(vector).to_text() for vector in vectors]
