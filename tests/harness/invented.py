"""Invented knowledge of any size: passages of recombined sentences, with the vectors that they would have.

Embedding 100,000 passages takes half an hour. So some hundred real sentences are embedded, and a passage's
vector is the mean of its three sentences', which is near what the model gives for them together.
"""

import csv
from pathlib import Path
from typing import Final

import numpy as np
from pgvector import Vector

from services.responder.embedding import Embedder
from services.responder.folding import fold
from services.responder.retrieval import TEXT_SEARCH
from shared.postgres import Connection

FOLDER: Final = Path(__file__).parents[2] / "services" / "responder" / "adapter" / "fr"
COLUMNS: Final = {"en": "english", "fr": "translation"}

_SENTENCES: Final = """
CREATE TEMPORARY TABLE IF NOT EXISTS sentence (place int, body text, folded text, vector public.vector);
TRUNCATE sentence
"""
_INVENT: Final = """
INSERT INTO passage (passage_id, kind, language, title, body, search, embedding, embedding_model, created_by)
SELECT gen_random_uuid(), 'document', %(language)s, 'Passage ' || number,
       concat_ws(' ', a.body, b.body, c.body),
       to_tsvector(%(config)s::regconfig, concat_ws(' ', a.folded, b.folded, c.folded)),
       l2_normalize(a.vector + b.vector + c.vector), %(model)s, 'invented'
FROM (
    SELECT number, floor(random() * %(places)s)::int AS i, floor(random() * %(places)s)::int AS j,
           floor(random() * %(places)s)::int AS k
    FROM generate_series(1, %(count)s) AS number
) AS drawn
JOIN sentence a ON a.place = i JOIN sentence b ON b.place = j JOIN sentence c ON c.place = k
"""


def adapter_rows(name: str) -> list[dict[str, str]]:
    """A table of the French adapter's, by its file's name."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def sentences(language: str) -> list[str]:
    """Different sentences of a trade, in "fr" or "en"."""
    every = [
        row[COLUMNS[language]] for name in ("sentences.tsv", "replies.tsv") for row in adapter_rows(name)
    ]
    return list(dict.fromkeys(every))


def invent(
    connection: Connection, embedder: Embedder, count: int, language: str, *, most: int | None = None
) -> None:
    """Add `count` passages of `most` sentences, embedded; the same each time."""
    texts = sentences(language)[:most]
    vectors = np.round(embedder.embed(texts), 5)
    connection.execute(_SENTENCES)
    with connection.cursor().copy("COPY sentence FROM STDIN") as copy:
        for place, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
            copy.write_row((place, text, fold(text), Vector(vector).to_text()))
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        _INVENT,
        {
            "count": count,
            "places": len(texts),
            "language": language,
            "config": TEXT_SEARCH[language],
            "model": embedder.name,
        },
    )
